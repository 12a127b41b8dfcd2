// Reading blobs out of KV.

/** A blob never changes under its key, so the edge may keep it as long as it likes. */
const blobTtl = 31_536_000;

/** The shortest that KV allows. */
const shortestTtl = 30;

/**
 * The blob's bytes, or null if there is none. "None" is remembered at the edge
 * as long as a value is, so a blob that was looked for just before it arrived
 * is looked for again under the shortest cacheTtl.
 */
export async function readBlob(kv: KVNamespace, key: string): Promise<ReadableStream | null> {
  return (
    (await kv.get(key, { type: "stream", cacheTtl: blobTtl })) ??
    (await kv.get(key, { type: "stream", cacheTtl: shortestTtl }))
  );
}
