// The listing of what is seen: the overlay over what is deployed.

import { assetOf, infoOf, ofStored, type AssetInfo } from "./asset_info";
import type { OverlayEntry } from "../format/overlay_entry";
import { type StoredAsset } from "../format/stored";
import { comparePaths } from "../format/compare_paths";

/** A page of a listing. */
export interface AssetList {
  /** In bytewise order of their paths. */
  assets: AssetInfo[];
  /** What to give for the next page; left out at the end. */
  cursor?: string;
}

/** Gives entries of the overlay, those that are adopted not among them, and where the next page begins. */
export type ReadPage = (after: string) => Promise<{ entries: OverlayEntry[]; next: string | undefined }>;

/**
 * One page of both layers, merged. `deployed` is in bytewise order of the paths;
 * all that is given begins with the prefix.
 */
export async function mergeLists(
  site: string,
  deployed: Iterable<StoredAsset>,
  readPage: ReadPage,
  { after, limit }: { after: string; limit: number },
): Promise<AssetList> {
  const assets: AssetInfo[] = [];
  const below = deployed[Symbol.iterator]();
  let lower = below.next();
  for (let from: string | undefined = after; from !== undefined; ) {
    const { entries, next } = await readPage(from);
    from = next;
    for (const entry of entries) {
      for (; !lower.done && comparePaths(lower.value.path, entry.path) < 0; lower = below.next()) {
        if (assets.push(ofStored(lower.value)) > limit) return page(assets, limit);
      }
      if (!lower.done && lower.value.path === entry.path) lower = below.next();
      const asset = assetOf(site, entry);
      if (asset && assets.push(infoOf(entry.path, asset)) > limit) return page(assets, limit);
    }
    // Beyond the page's end the overlay may have more.
    if (from !== undefined) {
      for (; !lower.done && comparePaths(lower.value.path, from) <= 0; lower = below.next()) {
        if (assets.push(ofStored(lower.value)) > limit) return page(assets, limit);
      }
    }
  }
  for (; !lower.done; lower = below.next()) {
    if (assets.push(ofStored(lower.value)) > limit) return page(assets, limit);
  }
  return { assets };
}

/** One more than the limit was found, so there is a next page. */
function page(assets: AssetInfo[], limit: number): AssetList {
  assets.length = limit;
  return { assets, cursor: assets.at(-1)!.path };
}

/** Those of a sorted list that begin with a prefix and come after a path. */
export function* within(assets: StoredAsset[], prefix: string, after: string): Generator<StoredAsset> {
  let low = 0;
  let high = assets.length;
  const isBefore = ({ path }: StoredAsset) => comparePaths(path, prefix) < 0 || comparePaths(path, after) <= 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(assets[middle]!)) low = middle + 1;
    else high = middle;
  }
  for (; low < assets.length && assets[low]!.path.startsWith(prefix); low++) yield assets[low]!;
}
