// Writes bodies to KV as blobs. docs/format.md describes blobs under "Keys" and "Chunk index".

import { type BlobRef, encodeIndex, maxFileBytes, maxValueBytes } from "../format/chunks";
import { type BlobBody, bytesOf, type InMemoryBody, type Part, partsOf, sizeOf } from "./body_parts";
import { write } from "./kv_write";

/** Options of writeBlob. */
export interface BlobOptions {
  /** The nonce in the written keys. Writes at different times need different nonces. The default is a new nonce. */
  nonce?: string;
  /**
   * Returns the nonce of an existing blob with this content, if any. That blob is then used, and nothing is written.
   */
  known?: (hash: string, size: number) => string | undefined;
  /** The nonces of the chunks that are already in KV, by hash. writeBlob adds the chunks that it writes. */
  chunks?: Map<string, string>;
  /** The result of hashBlob for this body, so that it is not hashed again. */
  hashed?: HashedBody;
  /** Called before the write of a file that fits into one value. It may throw to prevent the write. */
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

/** Thrown for a file of 4 GiB or more. */
export class TooLargeError extends RangeError {
  override name = "TooLargeError";
}

/** Returns a new nonce: the current second, which gives the age of a key, and 4 random bytes. */
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
 * Writes a body below `{site}/b/`. (For an overlay, pass `{site}/o` as the site.) A body up to 25 MiB becomes one blob.
 * A larger one becomes chunks, and then their index. When writeBlob resolves, KV has confirmed all writes. Nothing is
 * visible until a manifest names the result. If writeBlob throws, the values that it wrote are garbage.
 *
 * A body in memory is not copied. A stream has at most about 25 MiB in memory. It is read to its end, or cancelled.
 *
 * Throws a BusyError if the isolate has no memory for a stream, a TooLargeError for 4 GiB or more, and a TypeError for
 * a stream that was already read or does not yield bytes. Errors of the stream and of KV are passed on.
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
    size = addSize(size, part);
    const hash = hashed?.parts[refs.length] ?? (await hashPart(part));
    let blobNonce = chunked ? chunks.get(hash) : known?.(hash, size);
    if (blobNonce === undefined) {
      if (!chunked) check?.(await bytesOf(part));
      await put(hash, nonce, part);
      writes++;
      blobNonce = nonce;
      if (chunked) chunks.set(hash, nonce);
    }
    if (!chunked) return { hash, nonce: blobNonce, size, chunks: undefined, writes };
    refs.push({ hash, nonce: blobNonce });
  }
  const index = await encodeIndex(size, refs);
  let blobNonce = known?.(index.hash, size);
  if (blobNonce === undefined) {
    blobNonce = indexNonce(nonce);
    await put(index.hash, blobNonce, index.bytes);
    writes++;
  }
  return {
    hash: index.hash,
    nonce: blobNonce,
    size,
    chunks: refs.map(({ hash, nonce }) => `${hash}.${nonce}`),
    writes,
  };
}

/** Hashes a body as writeBlob would, without writing it. */
export async function hashBlob(body: InMemoryBody): Promise<HashedBody> {
  const parts: string[] = [];
  let size = 0;
  for await (const { part, chunked } of partsOf(body, "")) {
    size = addSize(size, part);
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

/** Returns the nonce of the blob for a file of this size, if this run uses `nonce`. */
export function nonceOf(size: number, nonce: string): string {
  return size > maxValueBytes ? indexNonce(nonce) : nonce;
}

/**
 * Returns the nonce for chunk indexes. It differs from the nonce for the other blobs of the run. Otherwise a chunk
 * index and a small file with the hashed bytes of that index would have the same key.
 */
function indexNonce(nonce: string): string {
  const bytes = Uint8Array.fromHex(nonce);
  bytes[7]! ^= 1;
  return bytes.toHex();
}

/** Returns the tenant to which the memory is charged. For an overlay that is its site. */
function tenantOf(site: string): string {
  return site.replace(/\/o$/, "");
}

function addSize(size: number, part: Part): number {
  if (size + sizeOf(part) > maxFileBytes)
    throw new TooLargeError("the file has 4 GiB or more; make it smaller, or serve it from R2");
  return size + sizeOf(part);
}

async function hashPart(part: Part): Promise<string> {
  return new Uint8Array(
    await crypto.subtle.digest("SHA-256", (await bytesOf(part)) as Uint8Array<ArrayBuffer>),
  ).toHex();
}
