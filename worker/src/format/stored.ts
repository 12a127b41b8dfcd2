// The stored manifest: what the next plan reads of what is live. docs/format.md
// gives its layout. It lists what the served manifest lists, and the paths
// themselves, which that has only as hashes.

import type { HeaderRule, Redirect } from "./meta";
import type { Routing } from "./routing";
import { comparePaths } from "./compare_paths";
import { largestValue } from "./chunks";

/** "KVSS", read big-endian. */
export const storedMagic = 0x4b565353;
export const storedVersion = 1;

/** Must be understood: some assets lie in chunks, so their blobs are indexes, which keep further blobs alive. */
export const flagChunked = 1 << 0;

/** One file as a stored manifest lists it. */
export interface StoredAsset {
  path: string;
  /** The content's SHA-256, in hexadecimal; above 25 MiB, that of its chunk index. */
  hash: string;
  /** In the blob's key, in hexadecimal. */
  nonce: string;
  size: number;
  type: string;
  /** Seconds since 1970 UTC. */
  modified: number;
  /** The git object's id in hexadecimal, or "" where the source was no commit. */
  oid: string;
}

/** An asset of an earlier deployment that stays reachable. */
export interface RetiredAsset extends StoredAsset {
  /** Seconds since 1970 UTC: it is kept until then at least. */
  until: number;
  /** For how many more deployments it is kept at least. */
  left: number;
}

/** How pathnames are matched; "" is the default. */
export interface Serving {
  html_handling: string;
  not_found_handling: string;
  /** Whether what was written at run time lies over the assets. */
  overlay: boolean;
}

/** What a listing was made from. */
export interface Origin {
  kind: string;
  id: string;
  rules: string;
  dir: string;
  commit: string;
}

/** The immutable set of assets of one deployment. Its lists are sorted by path, bytewise. */
export interface StoredManifest {
  site: string;
  origin: Origin;
  serving: Serving;
  /** Which requests the code gets; undefined where it is not known. */
  routing: Routing | undefined;
  redirects: Redirect[];
  headers: HeaderRule[];
  assets: StoredAsset[];
  /** The directories of a commit, with the ids of their trees. */
  directories: { path: string; tree: string }[];
  retired: RetiredAsset[];
  /** Writes of the overlay that this manifest already has: nonces by pathname. */
  adopted: Map<string, string>;
}

/** What redirects and headers are in JSON: members that are empty are left out. */
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

/** What the settings for matching pathnames are in JSON. */
export function encodeServing({ html_handling, not_found_handling }: Serving): object {
  return { ...(html_handling && { html_handling }), ...(not_found_handling && { not_found_handling }) };
}

/** What adopted writes are in JSON. */
export function encodeAdopted(adopted: Map<string, string>): object {
  return adopted.size > 0 ? { adopted: Object.fromEntries([...adopted].sort(([a], [b]) => comparePaths(a, b))) } : {};
}

/** A manifest without files in chunks goes on being read by whoever knows nothing of them. */
export function flagsOf({ assets, retired }: Pick<StoredManifest, "assets" | "retired">): number {
  return [assets, retired].some((list) => list.some(({ size }) => size > largestValue)) ? flagChunked : 0;
}
