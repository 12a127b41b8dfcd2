// Checks the arguments of an asset binding. Callers may pass any value.

import type { Condition, HeaderPair } from "../format/overlay_entry";
import { type BlobBody, isBody } from "../kv/body_parts";
import { contentType } from "../rules/content_type";
import { checkPath, checkType } from "../rules/publishable";
import { EditError } from "./edit_error";
import { headerBytes, limits } from "./overlay_limits";

/** The author of a write, and a message that explains it. */
export interface Authorship {
  /** At most 200 characters. */
  author?: string;
  /** At most 500 characters. */
  message?: string;
}

/**
 * The condition of a write. It applies to the visible asset. That is the overlay's, or if the overlay has no entry the
 * deployed one. A tag is the `etag` of an asset, quoted or not. "*" means any asset.
 */
export interface OnlyIf {
  /** The asset must have one of these tags. */
  etagMatches?: string | string[];
  /** The asset must have none of these tags. "*" requires that there is no asset. */
  etagDoesNotMatch?: string | string[];
}

/** Options of a put. */
export interface PutOptions extends Authorship {
  /** The default depends on the extension of the path. */
  contentType?: string;
  /** Headers of this asset only: at most 20, and 2 KiB in total. */
  headers?: Record<string, string>;
  onlyIf?: OnlyIf;
}

/** The prefix of the HTTP interface. An asset below it would never be served. */
const reservedPrefix = "/_kv-sync/";

const maxTags = 100;
const maxTagLength = 200;

/**
 * The headers that an asset cannot set: those that describe the body or the connection, those for a single client, and
 * those for the platform's cache, which could serve the asset after the next write.
 */
const refusedHeaders = new Set([
  "set-cookie",
  "content-length",
  "content-type",
  "content-range",
  "content-encoding",
  "etag",
  "last-modified",
  "accept-ranges",
  "date",
  "age",
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "cloudflare-cdn-cache-control",
  "cdn-cache-control",
]);

/** Checks a path to write, and returns it. */
export function writablePath(path: unknown): string {
  if (typeof path !== "string") throw new EditError(400, 'the path is not a string; use one like "/docs/index.html"');
  const refusal =
    checkPath(path) ??
    (path.startsWith(reservedPrefix) ? ["paths below /_kv-sync/ are reserved", "use another path"] : undefined);
  if (refusal) throw new EditError(422, `${printable(path)}: ${refusal[0]}; ${refusal[1]}`);
  return path;
}

/** Checks a path to read. Returns undefined if no asset can have it. */
export function readablePath(path: unknown): string | undefined {
  if (typeof path !== "string") throw new EditError(400, 'the path is not a string; use one like "/docs/index.html"');
  return path.startsWith("/") && path.length <= limits.path && path.isWellFormed() ? path : undefined;
}

/** Whether a path is that of a rule file. A rule file is applied, not served. */
export function isRuleFile(path: string): boolean {
  return /\/_(?:redirects|headers)$/.test(path);
}

/** Checks a body to write. */
export function checkedBody(path: string, body: unknown): BlobBody {
  const view =
    ArrayBuffer.isView(body) && !(body instanceof Uint8Array)
      ? new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength)
      : body;
  if (!isBody(view))
    throw new EditError(400, `${printable(path)}: the body is not a string, ArrayBuffer, view, Blob or ReadableStream`);
  return view;
}

/** Checks a content type. The default depends on the extension of the path. */
export function checkedType(path: string, type: unknown): string {
  const refusal = checkType(type);
  if (refusal) throw new EditError(422, `${printable(path)}: ${refusal[0]}; ${refusal[1]}`);
  return (type as string | undefined) ?? contentType(path);
}

/** Checks an asset's own headers, and returns them with names in lower case. */
export function checkedHeaders(path: string, headers: unknown): HeaderPair[] {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null)
    throw new EditError(
      400,
      `${printable(path)}: headers is not an object; use one like { "x-robots-tag": "noindex" }`,
    );
  const pairs = Object.entries(headers).map(([name, value]) => headerPair(path, name, value));
  if (pairs.length > limits.headers || headerBytes({ headers: pairs }) > limits.headerBytes) {
    throw new EditError(
      422,
      `${printable(path)}: more than ${limits.headers} headers or ${limits.headerBytes / 1024} KiB; remove some`,
    );
  }
  if (new Set(pairs.map(([name]) => name)).size < pairs.length)
    throw new EditError(422, `${printable(path)}: a header is set twice; join its values`);
  return pairs;
}

function headerPair(path: string, given: string, value: unknown): HeaderPair {
  const name = given.toLowerCase();
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
    throw new EditError(
      422,
      `${printable(path)}: ${JSON.stringify(name.slice(0, 80))} is not a header name; use letters, digits and dashes`,
    );
  if (refusedHeaders.has(name))
    throw new EditError(422, `${printable(path)}: an asset cannot set the header ${name}; remove it`);
  // Servers and browsers encode other characters differently.
  if (typeof value !== "string" || !/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value))
    throw new EditError(422, `${printable(path)}: invalid value of ${name}; use printable ASCII`);
  return [name, value];
}

/** Checks a condition, and converts it for the Durable Object. */
export function checkedCondition(onlyIf: unknown): Condition | undefined {
  if (onlyIf === undefined) return undefined;
  if (typeof onlyIf !== "object" || onlyIf === null)
    throw new EditError(400, "onlyIf is not an object; use one like { etagMatches: asset.etag }");
  checkNames("onlyIf", onlyIf, ["etagMatches", "etagDoesNotMatch"]);
  const { etagMatches, etagDoesNotMatch } = onlyIf as OnlyIf;
  // `etagMatches: before?.etag` gives this if there was no asset. Ignoring it would overwrite a new asset.
  if (etagMatches === undefined && etagDoesNotMatch === undefined)
    throw new EditError(400, "onlyIf has no condition; set etagMatches or etagDoesNotMatch, or remove it");
  return {
    ...(etagMatches !== undefined && { is: tags(etagMatches) }),
    ...(etagDoesNotMatch !== undefined && { isNot: tags(etagDoesNotMatch) }),
  };
}

function tags(given: unknown): string[] {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length > maxTags || list.some((tag) => typeof tag !== "string" || tag.length > maxTagLength)) {
    throw new EditError(400, `onlyIf has an invalid list of ETags; use up to ${maxTags} strings`);
  }
  return (list as string[]).map((tag) => tag.replace(/^(?:W\/)?"(.*)"$/s, "$1"));
}

/** Checks author and message. `fixed` is the author in the binding's props, which overrides the caller's. */
export function checkedAuthorship(
  { author, message }: { author?: unknown; message?: unknown },
  fixed: string | undefined,
): Authorship {
  const by = fixed ?? text("author", author, limits.author);
  const why = text("message", message, limits.message);
  return { ...(by !== undefined && { author: by }), ...(why !== undefined && { message: why }) };
}

function text(what: string, value: unknown, max: number): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || !value.isWellFormed())
    throw new EditError(400, `the ${what} is not a string; use at most ${max} characters`);
  if ([...value].length > max) throw new EditError(422, `the ${what} has more than ${max} characters; shorten it`);
  return value;
}

/** Checks the names of options. If the options are undefined, returns an empty object. */
export function checkedOptions<T extends object>(options: T | undefined, names: readonly (keyof T & string)[]): T {
  if (options === undefined) return {} as T;
  if (typeof options !== "object" || options === null)
    throw new EditError(400, "the options are not an object; use one like { onlyIf: { etagMatches: asset.etag } }");
  checkNames("the options", options, names);
  return options;
}

/** Throws an EditError for an unknown member. Otherwise a misspelled condition would be ignored. */
export function checkNames(what: string, object: object, names: readonly string[]): void {
  const other = Object.keys(object).find((name) => !names.includes(name));
  if (other !== undefined)
    throw new EditError(400, `${what}: unknown member ${printable(other)}; known are ${names.join(", ")}`);
}

/** Makes a path printable for an error message. Over RPC, a NUL character would end the message. */
export function printable(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression replaces control characters
  const printable = path.toWellFormed().replace(/[\0-\x1f\x7f]/g, "\ufffd");
  return printable.length <= 200 ? printable : `${printable.slice(0, 200)}…`;
}
