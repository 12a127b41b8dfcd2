import type { Asset } from "../format/manifest";
import type { Meta } from "../format/meta";
import type { HeldParts } from "./parts";

/** The assets of a site: a deployed manifest, alone or with an overlay. */
export interface Layers {
  readonly meta: Meta;
  /**
   * Returns the index of the asset with this decoded pathname, or -1. The asset may be retired. Look-ups in a manifest
   * in parts throw a PartNeeded for a part that is neither cached nor held.
   */
  find(pathname: string, held?: HeldParts): number;
  /**
   * Returns the index of the retired asset with this decoded pathname, or -1. Only layers whose `find` does not find
   * retired assets have this method. It does not look whether the pathname has an asset of this deployment.
   */
  findRetired?: ((pathname: string, held?: HeldParts) => number) | undefined;
  /** Whether the asset at an index is retired. */
  isRetired(index: number): boolean;
  /** Returns the asset at an index. Throws a ManifestError for an entry that cannot be served. */
  asset(index: number, held?: HeldParts): Asset;
}

/** The files of a manifest in parts, which knows their paths. */
export interface Ordered {
  /** Like `find` of Layers. */
  find(pathname: string, held?: HeldParts): number;
  /**
   * Returns the first file after a path, in the order of parts; undefined after the last. The path need not exist.
   * Throws a PartNeeded.
   */
  next(after: string, held?: HeldParts): { path: string; index: number } | undefined;
  /** Like `asset` of Layers. */
  asset(index: number, held?: HeldParts): Asset;
}

/** The deployed assets of a site, without an overlay. */
export interface Deployed extends Layers {
  /** All indexes are below this number. */
  readonly size: number;
  /** The memory that is in use, in bytes. */
  readonly bytes: number;
  /** The memory that parts may use, in bytes. A whole manifest has none. */
  readonly partMemory?: number;
  /** The files with their paths. A whole manifest has only hashes of the paths. */
  readonly ordered?: Ordered;
}
