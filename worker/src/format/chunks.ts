// A file that is too large for one value of KV: docs/format.md gives the layout
// of the index of its chunks.

import { ManifestError } from "./manifest";

const magic = 0x4b565343; // "KVSC", read big-endian
const version = 1;
const headBytes = 24;
const hashBytes = 32;
const nonceBytes = 8;

/** The most that a value of KV holds. A larger file lies in chunks, and no other does. */
export const largestValue = 25 << 20;

/** How large a writer makes chunks, as the Go side does. */
export const chunkSize = 16 << 20;

/** The size of the largest file: an entry of the served manifest has four bytes for it. */
export const largestFile = 2 ** 32 - 1;

/** KV may be read a thousand times for a request; one was for the index. */
const mostChunks = 999;

/** A blob as its key names it, both in hexadecimal. */
export interface BlobRef {
  hash: string;
  nonce: string;
}

/** Writes the index of a file of so many bytes, and finds the hash that names both. */
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
 * The file that an index describes. Throws a ManifestError unless the index is
 * the one that the manifest names, and whole: its hash covers all but the
 * nonces, of which each names a key that holds its chunk or nothing.
 */
export async function readIndex(bytes: ArrayBuffer, site: string, hash: string, size: number): Promise<File> {
  const refuse = (reason: string): never => {
    throw new ManifestError(`kv-sync chunk index ${hash}: ${reason}; deploy again with one version of kv-sync`);
  };
  if (bytes.byteLength < headBytes) refuse(`${bytes.byteLength} bytes are too few for a header`);
  const view = new DataView(bytes);
  if (view.getUint32(0) !== magic) refuse("it does not begin with KVSC");
  if (view.getUint16(4, true) !== version) refuse(`version ${view.getUint16(4, true)} is not known`);
  if (view.getUint16(6, true) !== 0) refuse(`its reserved field is ${view.getUint16(6, true)}`);
  const blobSize = view.getUint32(8, true);
  const count = view.getUint32(12, true);
  if (view.getBigUint64(16, true) !== BigInt(size))
    refuse(`it is of ${view.getBigUint64(16, true)} bytes, not ${size}`);
  if (blobSize < 1 || blobSize > largestValue) refuse(`chunks of ${blobSize} bytes are not possible`);
  if (count < 1 || count > mostChunks || count !== Math.ceil(size / blobSize))
    refuse(`${count} chunks are not possible`);
  const nonces = headBytes + count * hashBytes;
  const length = nonces + count * nonceBytes;
  if (bytes.byteLength !== length) refuse(`it has ${bytes.byteLength} bytes, not ${length}`);
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes, 0, nonces));
  if (new Uint8Array(digest).toHex() !== hash) refuse("it does not hash to its key");
  const hex = (at: number, length: number) => new Uint8Array(bytes, at, length).toHex();
  return {
    size,
    blobSize,
    key: (chunk) =>
      `${site}/b/${hex(headBytes + chunk * hashBytes, hashBytes)}.${hex(nonces + chunk * nonceBytes, nonceBytes)}`,
  };
}

/** A file's bytes as blobs, one after another; all but the last have the same size. */
export interface File {
  size: number;
  blobSize: number;
  /** The key of the blob at an index. */
  key(blob: number): string;
}
