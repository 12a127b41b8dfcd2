// The stored manifest, which the next deploy reads to make its plan. docs/format.md
// describes the layout. It lists the same assets as the served manifest. It also has
// their paths; the served manifest has only the hashes of the paths.

import { maxValueBytes } from "./chunks";
import { comparePaths } from "./compare_paths";
import type { HeaderRule, Redirect } from "./meta";
import type { Routing } from "./routing";

/** "KVSS", read big-endian. */
export const storedMagic = 0x4b565353;
export const storedVersion = 1;

/** Must-understand flag: the manifest has chunked assets. A prune must then keep their chunks, too. */
export const flagChunked = 1 << 0;

/** One asset of a stored manifest. */
export interface StoredAsset {
  path: string;
  /** The SHA-256 of the content, or of the chunk index for a file over 25 MiB; in hexadecimal. */
  hash: string;
  /** The nonce in the blob's key, in hexadecimal. */
  nonce: string;
  size: number;
  type: string;
  /** Seconds since 1970 UTC. */
  modified: number;
  /** The git object id in hexadecimal; "" if the source is not a commit. */
  oid: string;
}

/** An asset of an earlier deployment that stays reachable. */
export interface RetiredAsset extends StoredAsset {
  /** The asset is kept at least until this time, in seconds since 1970 UTC. */
  until: number;
  /** The asset is kept for at least this number of further deployments. */
  left: number;
}

/** How pathnames are matched. "" means the default. */
export interface Serving {
  html_handling: string;
  not_found_handling: string;
  /** Whether the site has an overlay. */
  overlay: boolean;
}

/** The origin of a deployment. */
export interface Origin {
  kind: string;
  id: string;
  rules: string;
  dir: string;
  commit: string;
}

/** The immutable set of assets of one deployment. Lists are sorted by path, bytewise. */
export interface StoredManifest {
  site: string;
  origin: Origin;
  serving: Serving;
  /** Which requests the code gets; undefined if unknown. */
  routing: Routing | undefined;
  redirects: Redirect[];
  headers: HeaderRule[];
  assets: StoredAsset[];
  /** The directories of a commit, with their tree ids. */
  directories: { path: string; tree: string }[];
  retired: RetiredAsset[];
  /** The overlay writes that this manifest has adopted: nonces by pathname. */
  adopted: Map<string, string>;
}

/** Encodes redirects and headers for JSON. Empty members are left out. */
export function encodeRules({ redirects, headers }: Pick<StoredManifest, "redirects" | "headers">): object {
  return {
    ...(redirects.length > 0 && { redirects: redirects.map(({ from, to, status }) => ({ from, to, status })) }),
    ...(headers.length > 0 && {
      headers: headers.map(({ path, set, unset }) => ({
        path,
        ...(set.length > 0 && { set }),
        ...(unset.length > 0 && { unset }),
      })),
    }),
  };
}

/** Encodes the settings for matching pathnames for JSON. */
export function encodeServing({ html_handling, not_found_handling }: Serving): object {
  return { ...(html_handling && { html_handling }), ...(not_found_handling && { not_found_handling }) };
}

/** Encodes adopted writes for JSON. */
export function encodeAdopted(adopted: Map<string, string>): object {
  return adopted.size > 0 ? { adopted: Object.fromEntries([...adopted].sort(([a], [b]) => comparePaths(a, b))) } : {};
}

/** Returns the must-understand flags. Readers without support for chunks can read a manifest without chunked files. */
export function flagsOf({ assets, retired }: Pick<StoredManifest, "assets" | "retired">): number {
  return [assets, retired].some((list) => list.some(({ size }) => size > maxValueBytes)) ? flagChunked : 0;
}
