// The index of a chunked file, one that is too large for one KV value.
// docs/format.md has its layout.

import { ManifestError } from "./manifest";

const magic = 0x4b565343; // "KVSC", read big-endian
const version = 1;
const headBytes = 24;
const hashBytes = 32;
const nonceBytes = 8;

/** The largest KV value. Larger files are chunked, and only those. */
export const largestValue = 25 << 20;

/** The size of the chunks that are written. The Go side uses the same. */
export const chunkSize = 16 << 20;

/** The largest file size: an entry of the served manifest has four bytes for it. */
export const largestFile = 2 ** 32 - 1;

/** A request may read KV a thousand times. One read is for the index. */
const mostChunks = 999;

/** The two parts of a blob's key, in hexadecimal. */
export interface BlobRef {
  hash: string;
  nonce: string;
}

/** Encodes the chunk index of a file of this size, and returns the hash that identifies it. */
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
 * Decodes a chunk index. Throws a ManifestError if the index is damaged or is not the one that the manifest names.
 * The hash does not cover the nonces: a wrong nonce gives a key that does not exist.
 */
export async function readIndex(bytes: ArrayBuffer, site: string, hash: string, size: number): Promise<File> {
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
  if (blobSize < 1 || blobSize > largestValue) refuse(`invalid chunk size ${blobSize}`);
  if (count < 1 || count > mostChunks || count !== Math.ceil(size / blobSize))
    refuse(`invalid number of chunks ${count}`);
  const nonces = headBytes + count * hashBytes;
  const length = nonces + count * nonceBytes;
  if (bytes.byteLength !== length) refuse(`its length is ${bytes.byteLength}, not ${length}`);
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes, 0, nonces));
  if (new Uint8Array(digest).toHex() !== hash) refuse("its hash is not that of its key");
  const hex = (at: number, length: number) => new Uint8Array(bytes, at, length).toHex();
  return {
    size,
    blobSize,
    key: (chunk) =>
      `${site}/b/${hex(headBytes + chunk * hashBytes, hashBytes)}.${hex(nonces + chunk * nonceBytes, nonceBytes)}`,
  };
}

/** A file as a sequence of blobs. All but the last have the same size. */
export interface File {
  size: number;
  blobSize: number;
  /** The key of the blob at an index. */
  key(blob: number): string;
}
