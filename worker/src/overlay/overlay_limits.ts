// The limits of an overlay. The Durable Object checks them.

import type { OverlayChange, OverlayContent } from "../format/overlay_entry";

/** The limits of an overlay and of one commit. */
export const limits = {
  entries: 20_000,
  changes: 1_000,
  /** The size of the overlay record, which must fit into one KV value. */
  recordBytes: 24 << 20,
  /** The size of the meta section of the overlay manifest, which readers parse after each change. */
  metaBytes: 4 << 20,
  /** The number of redirects and header rules together. Each request checks all of them. */
  rules: 2_000,
  /** The length of a pathname in bytes. */
  path: 1_024,
  type: 255,
  headers: 20,
  headerBytes: 2_048,
  /** The lengths of author and message in characters. */
  author: 200,
  message: 500,
  /** The size of a file must be smaller. */
  size: 4 * 2 ** 30,
} as const;

/** The maximum age of a nonce in a commit. */
export const maxCommitAge = 12 * 3_600_000;
/** The minimum age of garbage. It is much larger than maxCommitAge, so that clocks may differ. */
export const minGarbageAge = 24 * 3_600_000;

/** How far the clock of a caller may be ahead, in milliseconds. */
const maxClockSkew = 3_600_000;

/** Returns the time at which a nonce was created, in milliseconds since 1970 UTC. */
export function nonceTime(nonce: string): number {
  return parseInt(nonce.slice(0, 8), 16) * 1000;
}

/** Refuses changes that are invalid for any overlay. */
export function checkChanges(changes: OverlayChange[], by: { author?: string; message?: string }, now: number): void {
  if (!Array.isArray(changes) || changes.length === 0) throw new TypeError("kv-sync overlay: there are no changes");
  if (changes.length > limits.changes)
    throw new RangeError(`kv-sync overlay: ${changes.length} changes, the limit is ${limits.changes} at a time`);
  checkText("author", by.author, limits.author);
  checkText("message", by.message, limits.message);
  const paths = new Set<string>();
  for (const change of changes) {
    if (paths.has(change.path))
      throw new TypeError(`kv-sync overlay: ${change.path} is changed twice; change each path once`);
    paths.add(change.path);
    checkChange(change, now);
  }
}

function checkChange({ path, nonce, content, deployed }: OverlayChange, now: number): void {
  if (
    typeof path !== "string" ||
    !path.startsWith("/") ||
    !path.isWellFormed() ||
    new TextEncoder().encode(path).length > limits.path
  ) {
    throw new TypeError(`kv-sync overlay: a path must begin with a slash and have at most ${limits.path} bytes`);
  }
  checkNonce(path, nonce, now);
  if (deployed !== null && !isHash(deployed))
    throw new TypeError(`kv-sync overlay: ${path}: invalid hash of the deployed asset`);
  if (!content) return;
  const { hash, size, type, chunks, headers } = content;
  if (!isHash(hash)) throw new TypeError(`kv-sync overlay: ${path}: invalid hash`);
  if (!Number.isSafeInteger(size) || size < 0) throw new TypeError(`kv-sync overlay: ${path}: invalid size`);
  if (size >= limits.size) throw new RangeError(`kv-sync overlay: ${path} has 4 GiB or more; make it smaller`);
  if (typeof type !== "string" || type.length > limits.type)
    throw new RangeError(
      `kv-sync overlay: ${path}: the content type is longer than ${limits.type} characters; shorten it`,
    );
  if (headers.length > limits.headers || headerBytes(content) > limits.headerBytes) {
    throw new RangeError(
      `kv-sync overlay: ${path} has more than ${limits.headers} headers or ${limits.headerBytes} bytes; remove some`,
    );
  }
  for (const chunk of chunks ?? []) {
    if (!/^[0-9a-f]{64}\.[0-9a-f]{16}$/.test(chunk))
      throw new TypeError(`kv-sync overlay: ${path}: invalid chunk reference`);
    checkNonce(path, chunk.slice(65), now);
  }
}

/** Refuses invalid and old nonces. An old blob without a reference may be deleted at any time. */
function checkNonce(path: string, nonce: string, now: number): void {
  if (typeof nonce !== "string" || !/^[0-9a-f]{16}$/.test(nonce))
    throw new TypeError(`kv-sync overlay: ${path}: invalid nonce`);
  if (nonceTime(nonce) < now - maxCommitAge)
    throw new RangeError(`kv-sync overlay: ${path}: the body is older than 12 hours; send it again`);
  if (nonceTime(nonce) > now + maxClockSkew)
    throw new RangeError(`kv-sync overlay: ${path}: the nonce is in the future; write it again`);
}

function checkText(what: string, text: string | undefined, max: number): void {
  if (text === undefined) return;
  if (typeof text !== "string" || !text.isWellFormed())
    throw new TypeError(`kv-sync overlay: the ${what} is not a string`);
  if ([...text].length > max)
    throw new RangeError(`kv-sync overlay: the ${what} is longer than ${max} characters; shorten it`);
}

function isHash(hash: unknown): boolean {
  return typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash);
}

/** Returns the size of an asset's own headers: names and values, in bytes. */
export function headerBytes({ headers }: Pick<OverlayContent, "headers">): number {
  const encoder = new TextEncoder();
  return headers.reduce((sum, [name, value]) => sum + encoder.encode(name).length + encoder.encode(value).length, 0);
}
