// What is deployed, by its paths: the served manifest has them only as hashes.

import { readBlob } from "../kv/blob";
import { LRU } from "../kv/lru";
import { ManifestError } from "../format/manifest";
import { type StoredAsset } from "../format/stored";
import { decodeStored } from "../format/stored_reader";

/** By namespace and key: a stored manifest never changes. */
const listings = new WeakMap<KVNamespace, LRU<StoredAsset[]>>();

const budget = 24 << 20;

/** How many bytes of objects come of one byte of a stored manifest, about. */
const growth = 5;

/** The assets of a stored manifest, sorted bytewise by path. Throws a ManifestError where it is gone, damaged or another's. */
export async function readListing(kv: KVNamespace, site: string, ref: string): Promise<StoredAsset[]> {
  const key = `${site}/m/${ref}`;
  let known = listings.get(kv);
  if (!known) listings.set(kv, (known = new LRU(budget)));
  const listing = known.get(key);
  if (listing) return listing;

  const blob = await readBlob(kv, key);
  if (!blob) throw new ManifestError(`kv-sync: the stored manifest ${key} is not in KV; deploy again`);
  const bytes = new Uint8Array(await new Response(blob).arrayBuffer());
  const manifest = decodeStored(bytes);
  if (manifest.site !== site)
    throw new ManifestError(`kv-sync: the stored manifest ${key} is another site's; deploy again`);
  known.set(key, manifest.assets, bytes.length * growth);
  return manifest.assets;
}
