// What a Durable Object takes: how large an overlay may grow, and which changes
// are none.

import type { OverlayChange, OverlayContent } from "../format/overlay_entry";

/** The most that an overlay, or one commit, holds. */
export const limits = {
  entries: 20_000,
  changes: 1_000,
  /** Of the overlay record, which has to fit into one value of KV. */
  recordBytes: 24 << 20,
  /** Of what the overlay manifest has beside its entries: readers parse it after each change. */
  metaBytes: 4 << 20,
  /** Redirects and blocks of headers together: each request is held against all of them. */
  rules: 2_000,
  /** Bytes of a pathname. */
  path: 1_024,
  type: 255,
  headers: 20,
  headerBytes: 2_048,
  /** Characters of who and why. */
  author: 200,
  message: 500,
  /** A file has less. */
  size: 4 * 2 ** 30,
} as const;

/** How old a nonce may be when it is committed, and how old when it is collected: between them lies what a slow clock may cost. */
export const oldestCommit = 12 * 3_600_000;
export const youngestGarbage = 24 * 3_600_000;

/** How far ahead a clock may be. */
const ahead = 3_600_000;

/** Whether a text is a site's id, or "project/" and a project's. */
export function isSite(site: unknown): site is string {
  return typeof site === "string" && /^(?:project\/)?[a-z0-9][a-z0-9_-]{0,62}$/.test(site);
}

/** When a nonce was made, in milliseconds since 1970 UTC. */
export function nonceTime(nonce: string): number {
  return parseInt(nonce.slice(0, 8), 16) * 1000;
}

/** Refuses what cannot be committed, whatever the overlay holds. */
export function checkChanges(changes: OverlayChange[], by: { author?: string; message?: string }, now: number): void {
  if (!Array.isArray(changes) || changes.length === 0)
    throw new TypeError("kv-sync overlay: there is no change; give one or more");
  if (changes.length > limits.changes)
    throw new RangeError(
      `kv-sync overlay: ${changes.length} changes are too many; make at most ${limits.changes} at a time`,
    );
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
    throw new TypeError(`kv-sync overlay: a path does not begin with a slash, or is longer than ${limits.path} bytes`);
  }
  checkNonce(path, nonce, now);
  if (deployed !== null && !isHash(deployed))
    throw new TypeError(`kv-sync overlay: ${path}: what is deployed has no hash`);
  if (!content) return;
  const { hash, size, type, chunks, headers } = content;
  if (!isHash(hash)) throw new TypeError(`kv-sync overlay: ${path}: the content has no hash`);
  if (!Number.isSafeInteger(size) || size < 0) throw new TypeError(`kv-sync overlay: ${path}: the content has no size`);
  if (size >= limits.size) throw new RangeError(`kv-sync overlay: ${path} has 4 GiB or more; make it smaller`);
  if (typeof type !== "string" || type.length > limits.type)
    throw new RangeError(
      `kv-sync overlay: ${path}: the content type is longer than ${limits.type} characters; shorten it`,
    );
  if (headers.length > limits.headers || headerBytes(content) > limits.headerBytes) {
    throw new RangeError(
      `kv-sync overlay: ${path} has more than ${limits.headers} headers, or more than ${limits.headerBytes} bytes of them; take some out`,
    );
  }
  for (const chunk of chunks ?? []) {
    if (!/^[0-9a-f]{64}\.[0-9a-f]{16}$/.test(chunk))
      throw new TypeError(`kv-sync overlay: ${path}: a chunk is not hash.nonce`);
    checkNonce(path, chunk.slice(65), now);
  }
}

/** What is unreferenced and old may be collected any moment, so it is never referenced. */
function checkNonce(path: string, nonce: string, now: number): void {
  if (typeof nonce !== "string" || !/^[0-9a-f]{16}$/.test(nonce))
    throw new TypeError(`kv-sync overlay: ${path}: the write has no nonce`);
  if (nonceTime(nonce) < now - oldestCommit)
    throw new RangeError(`kv-sync overlay: ${path}: its body was sent more than 12 hours ago; send it again`);
  if (nonceTime(nonce) > now + ahead)
    throw new RangeError(`kv-sync overlay: ${path}: its nonce is of the future; write it again`);
}

function checkText(what: string, text: string | undefined, most: number): void {
  if (text === undefined) return;
  if (typeof text !== "string" || !text.isWellFormed()) throw new TypeError(`kv-sync overlay: the ${what} is no text`);
  if ([...text].length > most)
    throw new RangeError(`kv-sync overlay: the ${what} is longer than ${most} characters; shorten it`);
}

function isHash(hash: unknown): boolean {
  return typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash);
}

/** The bytes of an asset's own headers, names and values. */
export function headerBytes({ headers }: Pick<OverlayContent, "headers">): number {
  const encoder = new TextEncoder();
  return headers.reduce((sum, [name, value]) => sum + encoder.encode(name).length + encoder.encode(value).length, 0);
}
