// What is told of an asset to who reads and writes assets.

import type { Asset } from "../format/manifest";
import type { OverlayEntry } from "../format/overlay_entry";
import type { StoredAsset } from "../format/stored";

/** One asset, without its body. */
export interface AssetInfo {
  /** "/docs/index.html", not percent-encoded. */
  path: string;
  /** Names the content, in 64 hexadecimal digits; the header ETag has it in quotes. */
  etag: string;
  /** In bytes. */
  size: number;
  contentType: string;
  /** When this content was first seen here, to the second. */
  modified: Date;
  /** Its own headers, names in lower case. Those of `_headers` are not among them. */
  headers: Record<string, string>;
  /** Who put it there: a deploy, or a write at run time. */
  layer: "deployed" | "overlay";
}

/** What is told of an asset at a path. */
export function infoOf(path: string, { hash, size, modified, type, layer, headers = [] }: Asset): AssetInfo {
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

/** What an entry puts at its path; null for a tombstone. */
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

/** What is told of an asset that a stored manifest lists. */
export function ofStored({ path, hash, size, type, modified }: StoredAsset): AssetInfo {
  return {
    path,
    etag: hash,
    size,
    contentType: type,
    modified: new Date(modified * 1000),
    headers: {},
    layer: "deployed",
  };
}
