// Lists the visible assets of both layers.

import { comparePaths } from "../format/compare_paths";
import type { OverlayEntry } from "../format/overlay_entry";
import type { StoredAsset } from "../format/stored";
import { type AssetInfo, assetOf, infoOf, infoOfDeployed } from "./asset_info";
import type { DeployedFile } from "./deployed_list";

/** One page of a listing. */
export interface AssetList {
  /** Sorted by path, bytewise. */
  assets: AssetInfo[];
  /** The cursor of the next page; undefined on the last page. */
  cursor?: string;
}

/** Reads a page of overlay entries, without adopted ones. `next` is the start of the next page. */
export type ReadPage = (after: string) => Promise<{ entries: OverlayEntry[]; next: string | undefined }>;

/**
 * Merges both layers into one page. `deployed` must be sorted by path, bytewise, and have only paths with the prefix.
 */
export async function mergeLists(
  site: string,
  deployed: AsyncIterable<DeployedFile>,
  readPage: ReadPage,
  { after, limit }: { after: string; limit: number },
): Promise<AssetList> {
  const assets: AssetInfo[] = [];
  const deployedAssets = deployed[Symbol.asyncIterator]();
  let current = await deployedAssets.next();
  for (let from: string | undefined = after; from !== undefined; ) {
    const { entries, next } = await readPage(from);
    from = next;
    for (const entry of entries) {
      for (; !current.done && comparePaths(current.value.path, entry.path) < 0; current = await deployedAssets.next()) {
        if (assets.push(infoOfDeployed(current.value)) > limit) return page(assets, limit);
      }
      if (!current.done && current.value.path === entry.path) current = await deployedAssets.next();
      const asset = assetOf(site, entry);
      if (asset && assets.push(infoOf(entry.path, asset)) > limit) return page(assets, limit);
    }
    // The overlay may have entries after `from`, so deployed assets after it must wait for the next page of entries.
    if (from !== undefined) {
      for (; !current.done && comparePaths(current.value.path, from) <= 0; current = await deployedAssets.next()) {
        if (assets.push(infoOfDeployed(current.value)) > limit) return page(assets, limit);
      }
    }
  }
  for (; !current.done; current = await deployedAssets.next()) {
    if (assets.push(infoOfDeployed(current.value)) > limit) return page(assets, limit);
  }
  return { assets };
}

/** Returns the first `limit` assets, with a cursor for the rest. */
function page(assets: AssetInfo[], limit: number): AssetList {
  assets.length = limit;
  return { assets, cursor: assets.at(-1)!.path };
}

/** Yields the assets of a sorted list that have a prefix and come after a path. */
export async function* assetsWithin(
  assets: StoredAsset[],
  prefix: string,
  after: string,
): AsyncGenerator<DeployedFile> {
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
