// Writing a body into KV as blobs: docs/format.md, "Keys" and "Chunk index".

import { bytesOf, partsOf, sizeOf, type BlobBody, type KeptBody, type Part } from "./body_parts";
import { encodeIndex, largestFile, largestValue, type BlobRef } from "../format/chunks";
import { write } from "./kv_write";

/** How to write a blob; all may be left out. */
export interface BlobOptions {
  /** Stands in the keys that are written; a new one where it is left out. No two writes of different times may share one. */
  nonce?: string;
  /** The nonce of the blob that has this content already, if there is one: then that one is named, and none is written. */
  known?: (hash: string, size: number) => string | undefined;
  /** Chunks that are in KV already, their nonces by their hashes. Those that are written are added. */
  chunks?: Map<string, string>;
  /** What hashBlob found of the body, which is then not hashed again. */
  hashed?: HashedBody;
  /** Called with the bytes of a file that one value holds, before they are written; what it throws stops it. */
  check?: (bytes: Uint8Array) => void;
}

/** What is in KV, as a manifest names it: the key is `{site}/b/{hash}.{nonce}`. */
export interface WrittenBlob extends BlobRef {
  /** The content's SHA-256, or that of the chunk index without its nonces. */
  hash: string;
  nonce: string;
  /** Of the whole file, in bytes. Above 25 MiB the key is that of the chunk index. */
  size: number;
  /** Where the blob is a chunk index: the hash.nonce of each chunk, in order. */
  chunks: string[] | undefined;
  /** How many values were written. */
  writes: number;
}

/** What a body's content is called. */
export interface HashedBody {
  hash: string;
  size: number;
  /** The hash of each chunk where it has to be in chunks, else of the whole. */
  parts: string[];
}

/** A file has 4 GiB or more. */
export class TooLargeError extends RangeError {
  override name = "TooLargeError";
}

/** A nonce of now: the second, so that every key tells its age, and 4 random bytes. */
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
 * Writes a body under `{site}/b/`, as one blob or, where it has more than 25
 * MiB, as chunks and then their index. (An overlay's site is `{site}/o`.) When
 * it resolves, KV has confirmed all of it; nothing is visible until a manifest
 * names what it returns. Whatever it throws, what it has written is garbage.
 *
 * A body in memory is not copied. Of a stream, of known length or not, about 25
 * MiB are held at a time; it is read once, to its end, or cancelled.
 *
 * Throws a BusyError where the isolate has no memory for a stream, a
 * TooLargeError for 4 GiB and more, a TypeError for a stream that gives
 * no bytes or was read already, and otherwise what the stream or KV throws.
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

/** Finds what writeBlob will call a body, and how it will take it apart. Writes nothing. */
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

/** The nonce that the blob of a file of so many bytes gets from a run. */
export function nonceOf(size: number, nonce: string): string {
  return size > largestValue ? indexNonce(nonce) : nonce;
}

/**
 * The nonce of an index is another than that of the run's other blobs, lest the
 * key be that of a small file which holds the very bytes that the index is
 * hashed by.
 */
function indexNonce(nonce: string): string {
  const bytes = Uint8Array.fromHex(nonce);
  bytes[7]! ^= 1;
  return bytes.toHex();
}

/** Whose bytes are counted; an overlay is its site's. */
function tenantOf(site: string): string {
  return site.replace(/\/o$/, "");
}

function grown(size: number, part: Part): number {
  if (size + sizeOf(part) > largestFile)
    throw new TooLargeError("the file has 4 GiB or more, which is too large; make it smaller, or serve it from R2");
  return size + sizeOf(part);
}

async function hashPart(part: Part): Promise<string> {
  return new Uint8Array(
    await crypto.subtle.digest("SHA-256", (await bytesOf(part)) as Uint8Array<ArrayBuffer>),
  ).toHex();
}
