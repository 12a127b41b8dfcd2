// Reads blobs from KV.

/** A blob never changes, so the edge may cache it for as long as possible. */
const blobTtl = 31_536_000;

/** The shortest cacheTtl that KV allows. */
const shortestTtl = 30;

/**
 * The bytes of a blob, or null if it is not in KV. The edge also caches that a key is missing, for the whole cacheTtl,
 * so a missing blob is read again with the shortest cacheTtl: it may have been written since.
 */
export async function readBlob(kv: KVNamespace, key: string): Promise<ReadableStream | null> {
  return (
    (await kv.get(key, { type: "stream", cacheTtl: blobTtl })) ??
    (await kv.get(key, { type: "stream", cacheTtl: shortestTtl }))
  );
}
