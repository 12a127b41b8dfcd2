// Checks the arguments of the binding's callers, who may pass anything.

import type { Condition, HeaderPair } from "../format/overlay_entry";
import { type BlobBody, isBody } from "../kv/body_parts";
import { contentType } from "../rules/content_type";
import { checkPath, checkType } from "../rules/publishable";
import { EditError } from "./edit_error";
import { headerBytes, limits } from "./overlay_limits";

/** The author of a write, and the reason. */
export interface Authorship {
  /** At most 200 characters. */
  author?: string;
  /** At most 500 characters. */
  message?: string;
}

/**
 * The condition of a write. It applies to the visible asset: the overlay's, else the deployed one. A tag is an asset's
 * `etag`, quoted or not; "*" means any.
 */
export interface OnlyIf {
  /** The asset has one of these. */
  etagMatches?: string | string[];
  /** The asset has none of these. "*" requires that there is no asset. */
  etagDoesNotMatch?: string | string[];
}

/** Options of a put. */
export interface PutOptions extends Authorship {
  /** The default is by the path's extension. */
  contentType?: string;
  /** Headers of this asset only: at most 20, and 2 KiB in total. */
  headers?: Record<string, string>;
  onlyIf?: OnlyIf;
}

/** The prefix of the HTTP interface. An asset below it would be invisible. */
const reserved = "/_kv-sync/";

const mostTags = 100;
const longestTag = 200;

/**
 * Headers that an asset cannot set: those that describe the body or the connection, those for a single client, and the
 * time in the platform's cache, which could outlast the next write.
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
    (path.startsWith(reserved) ? ["paths below /_kv-sync/ are reserved", "use another path"] : undefined);
  if (refusal) throw new EditError(422, `${shown(path)}: ${refusal[0]}; ${refusal[1]}`);
  return path;
}

/** A path to read, or undefined if no asset can have it. */
export function readablePath(path: unknown): string | undefined {
  if (typeof path !== "string") throw new EditError(400, 'the path is not a string; use one like "/docs/index.html"');
  return path.startsWith("/") && path.length <= limits.path && path.isWellFormed() ? path : undefined;
}

/** Whether this is the path of a rule file, which is applied and not served. */
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
    throw new EditError(400, `${shown(path)}: the body is not a string, ArrayBuffer, view, Blob or ReadableStream`);
  return view;
}

/** Checks a content type. The default is by the extension. */
export function checkedType(path: string, type: unknown): string {
  const refusal = checkType(type);
  if (refusal) throw new EditError(422, `${shown(path)}: ${refusal[0]}; ${refusal[1]}`);
  return (type as string | undefined) ?? contentType(path);
}

/** Checks an asset's own headers, and returns them with names in lower case. */
export function checkedHeaders(path: string, headers: unknown): HeaderPair[] {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null)
    throw new EditError(400, `${shown(path)}: headers is not an object; use one like { "x-robots-tag": "noindex" }`);
  const pairs = Object.entries(headers).map(([name, value]) => headerPair(path, name, value));
  if (pairs.length > limits.headers || headerBytes({ headers: pairs }) > limits.headerBytes) {
    throw new EditError(
      422,
      `${shown(path)}: more than ${limits.headers} headers or ${limits.headerBytes / 1024} KiB of headers; remove some`,
    );
  }
  if (new Set(pairs.map(([name]) => name)).size < pairs.length)
    throw new EditError(422, `${shown(path)}: a header is set twice; join its values`);
  return pairs;
}

function headerPair(path: string, given: string, value: unknown): HeaderPair {
  const name = given.toLowerCase();
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
    throw new EditError(
      422,
      `${shown(path)}: ${JSON.stringify(name.slice(0, 80))} is not a header name; use letters, digits and dashes`,
    );
  if (refusedHeaders.has(name))
    throw new EditError(422, `${shown(path)}: an asset cannot set the header ${name}; remove it`);
  // Servers and browsers disagree about the encoding of other characters.
  if (typeof value !== "string" || !/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value))
    throw new EditError(422, `${shown(path)}: invalid value of ${name}; use printable ASCII`);
  return [name, value];
}

/** Checks a condition, and converts it for the Durable Object. */
export function checkedCondition(onlyIf: unknown): Condition | undefined {
  if (onlyIf === undefined) return undefined;
  if (typeof onlyIf !== "object" || onlyIf === null)
    throw new EditError(400, "onlyIf is not an object; use one like { etagMatches: asset.etag }");
  checkNames("onlyIf", onlyIf, ["etagMatches", "etagDoesNotMatch"]);
  const { etagMatches, etagDoesNotMatch } = onlyIf as OnlyIf;
  // This is the result of `etagMatches: before?.etag` if there was no asset.
  if (etagMatches === undefined && etagDoesNotMatch === undefined)
    throw new EditError(400, "onlyIf has no condition; set etagMatches or etagDoesNotMatch, or remove it");
  return {
    ...(etagMatches !== undefined && { is: tags(etagMatches) }),
    ...(etagDoesNotMatch !== undefined && { isNot: tags(etagDoesNotMatch) }),
  };
}

function tags(given: unknown): string[] {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length > mostTags || list.some((tag) => typeof tag !== "string" || tag.length > longestTag)) {
    throw new EditError(400, `onlyIf has an invalid list of ETags; use up to ${mostTags} strings`);
  }
  return (list as string[]).map((tag) => tag.replace(/^(?:W\/)?"(.*)"$/s, "$1"));
}

/** Checks author and message. A fixed author is from the binding's props. */
export function checkedAuthorship(
  { author, message }: { author?: unknown; message?: unknown },
  fixed: string | undefined,
): Authorship {
  const by = fixed ?? text("author", author, limits.author);
  const why = text("message", message, limits.message);
  return { ...(by !== undefined && { author: by }), ...(why !== undefined && { message: why }) };
}

function text(what: string, value: unknown, most: number): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || !value.isWellFormed())
    throw new EditError(400, `the ${what} is not a string; use at most ${most} characters`);
  if ([...value].length > most) throw new EditError(422, `the ${what} has more than ${most} characters; shorten it`);
  return value;
}

/** Checks the names of options. Without options the result is empty. */
export function checkedOptions<T extends object>(options: T | undefined, names: readonly (keyof T & string)[]): T {
  if (options === undefined) return {} as T;
  if (typeof options !== "object" || options === null)
    throw new EditError(400, "the options are not an object; use one like { onlyIf: { etagMatches: asset.etag } }");
  checkNames("the options", options, names);
  return options;
}

/**
 * Refuses unknown members. Otherwise a misspelt condition would be ignored, and the write would be made.
 */
export function checkNames(what: string, object: object, names: readonly string[]): void {
  const other = Object.keys(object).find((name) => !names.includes(name));
  if (other !== undefined)
    throw new EditError(400, `${what}: unknown member ${shown(other)}; known are ${names.join(", ")}`);
}

/** A path for an error message. Over RPC a NUL would end the message. */
export function shown(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it replaces
  const printable = path.toWellFormed().replace(/[\0-\x1f\x7f]/g, "\ufffd");
  return printable.length <= 200 ? printable : `${printable.slice(0, 200)}…`;
}
