// Writes bodies to KV as blobs: docs/format.md, "Keys" and "Chunk index".

import { type BlobRef, encodeIndex, largestFile, largestValue } from "../format/chunks";
import { type BlobBody, bytesOf, type KeptBody, type Part, partsOf, sizeOf } from "./body_parts";
import { write } from "./kv_write";

/** Options of writeBlob. */
export interface BlobOptions {
  /** The nonce in the written keys; the default is a new one. Writes at different times must not share a nonce. */
  nonce?: string;
  /** Returns the nonce of an existing blob with this content, which is then used; nothing is written. */
  known?: (hash: string, size: number) => string | undefined;
  /** Nonces, by hash, of chunks that are already in KV. Written chunks are added. */
  chunks?: Map<string, string>;
  /** The result of hashBlob for this body, so that it is not hashed again. */
  hashed?: HashedBody;
  /**
   * Called with the bytes of a file that fits into one value, before they are written. It may throw to prevent that.
   */
  check?: (bytes: Uint8Array) => void;
}

/** A blob in KV. Its key is `{site}/b/{hash}.{nonce}`. */
export interface WrittenBlob extends BlobRef {
  /** The SHA-256 of the content, or of the chunk index without its nonces. */
  hash: string;
  nonce: string;
  /** The size of the whole file in bytes. Above 25 MiB the key is that of the chunk index. */
  size: number;
  /** If the blob is a chunk index: the hash.nonce of each chunk, in order. */
  chunks: string[] | undefined;
  /** The number of values that were written. */
  writes: number;
}

/** The hashes of a body. */
export interface HashedBody {
  hash: string;
  size: number;
  /** The hash of each chunk; for a file that fits into one value, its hash. */
  parts: string[];
}

/** The file has 4 GiB or more. */
export class TooLargeError extends RangeError {
  override name = "TooLargeError";
}

/** A new nonce: the current second, so that every key has its age, and 4 random bytes. */
export function newNonce(
  now = Date.now(),
  random: (bytes: Uint8Array) => void = (bytes) => crypto.getRandomValues(bytes),
): string {
  const nonce = new Uint8Array(8);
  random(nonce.subarray(4));
  new DataView(nonce.buffer).setUint32(0, Math.floor(now / 1000));
  return nonce.toHex();
}

/**
 * Writes a body below `{site}/b/` (the site of an overlay is `{site}/o`): as one blob, or above 25 MiB as chunks and
 * then their index. When it resolves, KV has confirmed all writes. Nothing is visible until a manifest names the
 * result. If it throws, what it has written is garbage.
 *
 * A body in memory is not copied. Of a stream, about 25 MiB are in memory at a time. A stream is read once to its end,
 * or cancelled.
 *
 * Throws a BusyError if the isolate has no memory for a stream, a TooLargeError for 4 GiB or more, a TypeError for a
 * stream that was already read or does not yield bytes, and otherwise what the stream or KV throws.
 */
export async function writeBlob(
  kv: KVNamespace,
  site: string,
  body: BlobBody,
  options: BlobOptions = {},
): Promise<WrittenBlob> {
  const { nonce = newNonce(), known, chunks = new Map<string, string>(), hashed, check } = options;
  const put = (hash: string, nonce: string, part: Part) => write(kv, `${site}/b/${hash}.${nonce}`, part);
  const refs: BlobRef[] = [];
  let size = 0;
  let writes = 0;
  for await (const { part, chunked } of partsOf(body, tenantOf(site))) {
    size = grown(size, part);
    const hash = hashed?.parts[refs.length] ?? (await hashPart(part));
    let there = chunked ? chunks.get(hash) : known?.(hash, size);
    if (there === undefined) {
      if (!chunked) check?.(await bytesOf(part));
      await put(hash, nonce, part);
      writes++;
      there = nonce;
      if (chunked) chunks.set(hash, nonce);
    }
    if (!chunked) return { hash, nonce: there, size, chunks: undefined, writes };
    refs.push({ hash, nonce: there });
  }
  const index = await encodeIndex(size, refs);
  let there = known?.(index.hash, size);
  if (there === undefined) {
    there = indexNonce(nonce);
    await put(index.hash, there, index.bytes);
    writes++;
  }
  return { hash: index.hash, nonce: there, size, chunks: refs.map(({ hash, nonce }) => `${hash}.${nonce}`), writes };
}

/** Hashes a body as writeBlob would, without writing it. */
export async function hashBlob(body: KeptBody): Promise<HashedBody> {
  const parts: string[] = [];
  let size = 0;
  for await (const { part, chunked } of partsOf(body, "")) {
    size = grown(size, part);
    const hash = await hashPart(part);
    parts.push(hash);
    if (!chunked) return { hash, size, parts };
  }
  const { hash } = await encodeIndex(
    size,
    parts.map((hash) => ({ hash, nonce: "" })),
  );
  return { hash, size, parts };
}

/** The nonce of the blob of a file of this size, in a run with this nonce. */
export function nonceOf(size: number, nonce: string): string {
  return size > largestValue ? indexNonce(nonce) : nonce;
}

/**
 * The nonce of an index differs from that of the run's other blobs. Otherwise a small file that contains the bytes
 * over which the index is hashed would have the same key.
 */
function indexNonce(nonce: string): string {
  const bytes = Uint8Array.fromHex(nonce);
  bytes[7]! ^= 1;
  return bytes.toHex();
}

/** The tenant that the memory is counted for. An overlay counts for its site. */
function tenantOf(site: string): string {
  return site.replace(/\/o$/, "");
}

function grown(size: number, part: Part): number {
  if (size + sizeOf(part) > largestFile)
    throw new TooLargeError("the file has 4 GiB or more; make it smaller, or serve it from R2");
  return size + sizeOf(part);
}

async function hashPart(part: Part): Promise<string> {
  return new Uint8Array(
    await crypto.subtle.digest("SHA-256", (await bytesOf(part)) as Uint8Array<ArrayBuffer>),
  ).toHex();
}
