// The public description of an asset.

import type { Asset } from "../format/manifest";
import type { OverlayEntry } from "../format/overlay_entry";
import type { DeployedFile } from "./deployed_list";

/** One asset, without its body. */
export interface AssetInfo {
  /** The path, such as "/docs/index.html", not percent-encoded. */
  path: string;
  /** The id of the content: 64 hexadecimal digits. The header ETag has it in quotes. */
  etag: string;
  /** The size in bytes. */
  size: number;
  contentType: string;
  /** The time since which the path has this content, in whole seconds. */
  modified: Date;
  /** The asset's own headers, with names in lower case. It does not have the headers that `_headers` sets. */
  headers: Record<string, string>;
  /** Whether a deploy wrote the asset, or a write at run time ("overlay"). */
  layer: "deployed" | "overlay";
}

/** What a description takes from an asset. */
type Described = Pick<Asset, "hash" | "size" | "modified" | "type" | "layer" | "headers">;

/** Describes an asset. */
export function infoOf(path: string, { hash, size, modified, type, layer, headers = [] }: Described): AssetInfo {
  return {
    path,
    etag: hash,
    size,
    contentType: type,
    modified: new Date(modified * 1000),
    headers: Object.fromEntries(headers),
    layer,
  };
}

/** Returns the asset of an overlay entry, or null for a tombstone. */
export function assetOf(site: string, { nonce, content, time }: OverlayEntry): Asset | null {
  if (!content) return null;
  const { hash, size, type, chunks, headers } = content;
  return {
    key: `${site}/o/b/${hash}.${nonce}`,
    site: `${site}/o`,
    hash,
    size,
    modified: Math.floor(time / 1000),
    type,
    retired: false,
    chunked: chunks !== undefined,
    layer: "overlay",
    headers,
  };
}

/** Describes a deployed asset. */
export function infoOfDeployed(asset: DeployedFile): AssetInfo {
  return infoOf(asset.path, { ...asset, layer: "deployed", headers: undefined });
}
