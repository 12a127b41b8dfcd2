// Lists the visible assets: those of the overlay, else the deployed ones.

import { comparePaths } from "../format/compare_paths";
import type { OverlayEntry } from "../format/overlay_entry";
import type { StoredAsset } from "../format/stored";
import { type AssetInfo, assetOf, infoOf, ofStored } from "./asset_info";

/** A page of a listing. */
export interface AssetList {
  /** Sorted by path, bytewise. */
  assets: AssetInfo[];
  /** The cursor of the next page, unless this is the last one. */
  cursor?: string;
}

/** Reads a page of overlay entries without adopted ones; `next` is the start of the next page. */
export type ReadPage = (after: string) => Promise<{ entries: OverlayEntry[]; next: string | undefined }>;

/**
 * Merges both layers into one page. `deployed` is sorted by path, bytewise. All assets have the prefix.
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
    // After the end of this page the overlay may have more entries.
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

/** Removes the asset beyond the limit, which shows that there is a next page. */
function page(assets: AssetInfo[], limit: number): AssetList {
  assets.length = limit;
  return { assets, cursor: assets.at(-1)!.path };
}

/** The assets of a sorted list that have a prefix and come after a path. */
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
