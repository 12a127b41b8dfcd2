// Reads blobs from KV.

/** A blob never changes, so the edge may cache it for as long as possible. */
const blobTtl = 31_536_000;

/** The shortest cacheTtl that KV allows. */
const minTtl = 30;

/**
 * Returns the bytes of a blob as a stream, or null if it is not in KV. The edge also caches for the whole cacheTtl that
 * a key is missing. So a missing blob is read again with the shortest cacheTtl: it may exist by now.
 */
export async function readBlob(kv: KVNamespace, key: string): Promise<ReadableStream | null> {
  return (
    (await kv.get(key, { type: "stream", cacheTtl: blobTtl })) ??
    (await kv.get(key, { type: "stream", cacheTtl: minTtl }))
  );
}

/** Like readBlob, but returns the bytes in memory. Use it for small blobs. */
export async function readSmallBlob(kv: KVNamespace, key: string): Promise<ArrayBuffer | null> {
  return (
    (await kv.get(key, { type: "arrayBuffer", cacheTtl: blobTtl })) ??
    (await kv.get(key, { type: "arrayBuffer", cacheTtl: minTtl }))
  );
}
