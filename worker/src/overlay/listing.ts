// Reads the deployed assets with their paths. The served manifest has only hashes of the paths.

import { ManifestError } from "../format/manifest";
import type { StoredAsset } from "../format/stored";
import { decodeStored } from "../format/stored_reader";
import { readBlob } from "../kv/blob";
import { LRU } from "../kv/lru";

/** Cached assets, by namespace and by the key of the stored manifest, which never changes. */
const listings = new WeakMap<KVNamespace, LRU<StoredAsset[]>>();

/** The memory for cached assets, in bytes. */
const budget = 24 << 20;

/** The approximate memory of the objects, per byte of the stored manifest. */
const sizeFactor = 5;

/**
 * Returns the assets of a stored manifest, sorted by path. Throws a ManifestError if it is missing, damaged, or belongs
 * to another site.
 */
export async function readListing(kv: KVNamespace, site: string, ref: string): Promise<StoredAsset[]> {
  const key = `${site}/m/${ref}`;
  const cache = listings.get(kv) ?? new LRU<StoredAsset[]>(budget);
  listings.set(kv, cache);
  const listing = cache.get(key);
  if (listing) return listing;

  const blob = await readBlob(kv, key);
  if (!blob) throw new ManifestError(`kv-sync: the stored manifest ${key} is not in KV; deploy again`);
  const bytes = new Uint8Array(await new Response(blob).arrayBuffer());
  const manifest = decodeStored(bytes);
  if (manifest.site !== site)
    throw new ManifestError(`kv-sync: the stored manifest ${key} belongs to another site; deploy again`);
  cache.set(key, manifest.assets, bytes.length * sizeFactor);
  return manifest.assets;
}
