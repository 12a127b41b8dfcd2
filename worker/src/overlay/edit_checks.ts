// What a caller of the binding gave, checked: anybody may call it with anything.

import { EditError } from "./edit_error";
import type { Condition, HeaderPair } from "../format/overlay_entry";
import { headerBytes, limits } from "./overlay_limits";
import { checkPath, checkType } from "../rules/publishable";
import { isBody, type BlobBody } from "../kv/body_parts";
import { contentType } from "../rules/content_type";

/** Who writes, and why. */
export interface Authorship {
  /** At most 200 characters. */
  author?: string;
  /** At most 500 characters. */
  message?: string;
}

/**
 * Must hold for a write to be made. It is judged on what is seen, the overlay
 * over what is deployed. A tag is an asset's `etag`, quoted or not; "*" is any.
 */
export interface OnlyIf {
  /** What is there has one of these. */
  etagMatches?: string | string[];
  /** What is there has none of these; "*" for nothing to be there. */
  etagDoesNotMatch?: string | string[];
}

/** What a put can be told. */
export interface PutOptions extends Authorship {
  /** By the path's extension where it is left out. */
  contentType?: string;
  /** Headers of this asset alone, at most 20 and 2 KiB of them. */
  headers?: Record<string, string>;
  onlyIf?: OnlyIf;
}

/** The HTTP interface lies there, so nobody would see an asset. */
const reserved = "/_kv-sync/";

const mostTags = 100;
const longestTag = 200;

/**
 * What a response says of its body and of its way, or to one client alone, is no
 * asset's to say; nor is for how long the platform's cache keeps it, which would
 * outlast what is written next.
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

/** A path that may be written, in the one way to compose its letters. */
export function writablePath(path: unknown): string {
  if (typeof path !== "string") throw new EditError(400, 'the path is no text; give one like "/docs/index.html"');
  const normal = path.normalize("NFC");
  const refusal =
    checkPath(path, normal) ??
    (normal.startsWith(reserved) ? ["paths below /_kv-sync/ are kv-sync's own", "choose another"] : undefined);
  if (refusal) throw new EditError(422, `${shown(normal)}: ${refusal[0]}; ${refusal[1]}`);
  return normal;
}

/** A path that something may be found at, or undefined. */
export function readablePath(path: unknown): string | undefined {
  if (typeof path !== "string") throw new EditError(400, 'the path is no text; give one like "/docs/index.html"');
  return path.startsWith("/") && path.length <= limits.path && path.isWellFormed() ? path.normalize("NFC") : undefined;
}

/** Whether a path is that of a file of rules, which takes effect and is not served. */
export function isRuleFile(path: string): boolean {
  return /\/_(?:redirects|headers)$/.test(path);
}

/** A body to be written. */
export function checkedBody(path: string, body: unknown): BlobBody {
  const view =
    ArrayBuffer.isView(body) && !(body instanceof Uint8Array)
      ? new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength)
      : body;
  if (!isBody(view))
    throw new EditError(
      400,
      `${shown(path)}: the body is no text, ArrayBuffer, view of one, Blob or ReadableStream; give one of them`,
    );
  return view;
}

/** The type of an asset: the one that was given, or its extension's. */
export function checkedType(path: string, type: unknown): string {
  const refusal = checkType(type);
  if (refusal) throw new EditError(422, `${shown(path)}: ${refusal[0]}; ${refusal[1]}`);
  return (type as string | undefined) ?? contentType(path);
}

/** An asset's own headers, names in lower case. */
export function checkedHeaders(path: string, headers: unknown): HeaderPair[] {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null)
    throw new EditError(400, `${shown(path)}: headers are no object; give them like { "x-robots-tag": "noindex" }`);
  const pairs = Object.entries(headers).map(([name, value]) => headerPair(path, name, value));
  if (pairs.length > limits.headers || headerBytes({ headers: pairs }) > limits.headerBytes) {
    throw new EditError(
      422,
      `${shown(path)}: there are more than ${limits.headers} headers, or more than ${limits.headerBytes / 1024} KiB of them; take some out`,
    );
  }
  if (new Set(pairs.map(([name]) => name)).size < pairs.length)
    throw new EditError(422, `${shown(path)}: a header is given twice; join its values`);
  return pairs;
}

function headerPair(path: string, given: string, value: unknown): HeaderPair {
  const name = given.toLowerCase();
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
    throw new EditError(
      422,
      `${shown(path)}: ${JSON.stringify(name.slice(0, 80))} is no header name; use letters, digits and dashes`,
    );
  if (refusedHeaders.has(name))
    throw new EditError(422, `${shown(path)}: an asset cannot have the header ${name} of its own; leave it out`);
  // Beyond ASCII, servers and browsers do not agree on what the bytes mean.
  if (typeof value !== "string" || !/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value))
    throw new EditError(
      422,
      `${shown(path)}: the value of ${name} is no text that a header may have; use printable ASCII`,
    );
  return [name, value];
}

/** A condition as the Durable Object judges it. */
export function checkedCondition(onlyIf: unknown): Condition | undefined {
  if (onlyIf === undefined) return undefined;
  if (typeof onlyIf !== "object" || onlyIf === null)
    throw new EditError(400, "onlyIf is no object; give it like { etagMatches: asset.etag }");
  checkNames("onlyIf", onlyIf, ["etagMatches", "etagDoesNotMatch"]);
  const { etagMatches, etagDoesNotMatch } = onlyIf as OnlyIf;
  // What `etagMatches: before?.etag` is where there was nothing.
  if (etagMatches === undefined && etagDoesNotMatch === undefined)
    throw new EditError(400, "onlyIf has no condition; give etagMatches or etagDoesNotMatch, or leave it out");
  return {
    ...(etagMatches !== undefined && { is: tags(etagMatches) }),
    ...(etagDoesNotMatch !== undefined && { isNot: tags(etagDoesNotMatch) }),
  };
}

function tags(given: unknown): string[] {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length > mostTags || list.some((tag) => typeof tag !== "string" || tag.length > longestTag)) {
    throw new EditError(400, `onlyIf has what is no list of ETags; give up to ${mostTags} texts`);
  }
  return (list as string[]).map((tag) => tag.replace(/^(?:W\/)?"(.*)"$/s, "$1"));
}

/** Who and why; what the caller may not say for itself comes from the binding's props. */
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
    throw new EditError(400, `the ${what} is no text; give one of at most ${most} characters`);
  if ([...value].length > most) throw new EditError(422, `the ${what} has more than ${most} characters; shorten it`);
  return value;
}

/** Options that were left out are none; what is no object is refused. */
export function checkedOptions<T extends object>(options: T | undefined, names: readonly (keyof T & string)[]): T {
  if (options === undefined) return {} as T;
  if (typeof options !== "object" || options === null)
    throw new EditError(
      400,
      "the options are no object; leave them out, or give them like { onlyIf: { etagMatches: asset.etag } }",
    );
  checkNames("the options", options, names);
  return options;
}

/**
 * Refuses members that mean nothing. A condition whose name is misspelt must not
 * be none, for then the write that it was to prevent is made.
 */
export function checkNames(what: string, object: object, names: readonly string[]): void {
  const other = Object.keys(object).find((name) => !names.includes(name));
  if (other !== undefined)
    throw new EditError(400, `${what}: ${shown(other)} is not understood; there are ${names.join(", ")}`);
}

/** A path as an error may quote it. Over RPC a NUL would end the message. */
export function shown(path: string): string {
  const printable = path.toWellFormed().replace(/[\0-\x1f\x7f]/g, "\ufffd");
  return printable.length <= 200 ? printable : `${printable.slice(0, 200)}…`;
}
