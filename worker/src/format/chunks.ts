// The index of a chunked file. A file is chunked if it is too large for one KV value.
// docs/format.md describes the layout.

import { ManifestError } from "./manifest";

const magic = 0x4b565343; // "KVSC", read big-endian
const version = 1;
const headBytes = 24;
const hashBytes = 32;
const nonceBytes = 8;

/** The maximum size of a KV value. Larger files are chunked; other files are not. */
export const maxValueBytes = 25 << 20;

/** The size of new chunks. The Go side uses the same size. */
export const chunkSize = 16 << 20;

/** The maximum file size. An entry of the served manifest has four bytes for the size. */
export const maxFileBytes = 2 ** 32 - 1;

/** A request may read KV 1,000 times. One of the reads is for the index. */
const maxChunks = 999;

/** The two parts of a blob's key, in hexadecimal. */
export interface BlobRef {
  hash: string;
  nonce: string;
}

/** Encodes the chunk index of a file of this size. Also returns the hash in the index's key. */
export async function encodeIndex(
  size: number,
  chunks: BlobRef[],
): Promise<{ hash: string; bytes: Uint8Array<ArrayBuffer> }> {
  const nonces = headBytes + chunks.length * hashBytes;
  const bytes = new Uint8Array(nonces + chunks.length * nonceBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  view.setUint16(4, version, true);
  view.setUint32(8, chunkSize, true);
  view.setUint32(12, chunks.length, true);
  view.setBigUint64(16, BigInt(size), true);
  chunks.forEach(({ hash, nonce }, i) => {
    bytes.subarray(headBytes + i * hashBytes).setFromHex(hash);
    bytes.subarray(nonces + i * nonceBytes).setFromHex(nonce);
  });
  const digest = await crypto.subtle.digest("SHA-256", bytes.subarray(0, nonces));
  return { hash: new Uint8Array(digest).toHex(), bytes };
}

/**
 * Decodes a chunk index. Throws a ManifestError if the index is damaged, or has another hash or size than the manifest
 * says. The hash does not cover the nonces: a wrong nonce gives a key that does not exist.
 */
export async function readIndex(bytes: ArrayBuffer, site: string, hash: string, size: number): Promise<BlobSequence> {
  const refuse = (reason: string): never => {
    throw new ManifestError(`kv-sync chunk index ${hash}: ${reason}; deploy again with one version of kv-sync`);
  };
  if (bytes.byteLength < headBytes) refuse(`${bytes.byteLength} bytes are too short for a header`);
  const view = new DataView(bytes);
  if (view.getUint32(0) !== magic) refuse("not a chunk index");
  if (view.getUint16(4, true) !== version) refuse(`version ${view.getUint16(4, true)} is unknown`);
  if (view.getUint16(6, true) !== 0) refuse(`its reserved field is ${view.getUint16(6, true)}`);
  const blobSize = view.getUint32(8, true);
  const count = view.getUint32(12, true);
  if (view.getBigUint64(16, true) !== BigInt(size))
    refuse(`the file size is ${view.getBigUint64(16, true)}, not ${size}`);
  if (blobSize < 1 || blobSize > maxValueBytes) refuse(`invalid chunk size ${blobSize}`);
  if (count < 1 || count > maxChunks || count !== Math.ceil(size / blobSize))
    refuse(`invalid number of chunks ${count}`);
  const nonces = headBytes + count * hashBytes;
  const length = nonces + count * nonceBytes;
  if (bytes.byteLength !== length) refuse(`its length is ${bytes.byteLength}, not ${length}`);
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes, 0, nonces));
  if (new Uint8Array(digest).toHex() !== hash) refuse("its hash differs from the hash in its key");
  const hex = (at: number, length: number) => new Uint8Array(bytes, at, length).toHex();
  return {
    size,
    blobSize,
    key: (chunk) =>
      `${site}/b/${hex(headBytes + chunk * hashBytes, hashBytes)}.${hex(nonces + chunk * nonceBytes, nonceBytes)}`,
  };
}

/** The blobs of a file, in order. All blobs except the last have the same size. */
export interface BlobSequence {
  size: number;
  blobSize: number;
  /** The key of the blob at an index. */
  key(blob: number): string;
}
