// The protocol between an asset binding and the Durable Object of an overlay. The
// binding checks a write and stores its body. The Durable Object orders the writes and
// publishes them. docs/format.md describes the encoding of an entry under "Overlay".

import type { HeaderPair, HeaderRule, Redirect } from "./meta";

export type { HeaderPair } from "./meta";

/** The version of the protocol. A deploy never replaces a companion by one with a lower version. */
export const overlayProtocol = 1;

/** The overlay's entry for one pathname. */
export interface OverlayEntry {
  path: string;
  /** The id of this write: 16 hexadecimal digits. */
  nonce: string;
  /** The content; undefined for a tombstone, which hides the deployed asset. */
  content: OverlayContent | undefined;
  /** The time of the write, in milliseconds since 1970 UTC. */
  time: number;
  author: string | undefined;
  message: string | undefined;
  /** The previous content hashes at this pathname, newest first. null means that there was no content. */
  was: (string | null)[];
}

/** A content whose body is already in KV. */
export interface OverlayContent {
  /** The SHA-256 in hexadecimal. It is the ETag. Hash and nonce together form the key. */
  hash: string;
  size: number;
  type: string;
  /** The "hash.nonce" of each chunk, if the blob is a chunk index. */
  chunks: string[] | undefined;
  headers: HeaderPair[];
  /** The compiled rules of a _redirects or _headers file. */
  rules: { redirects: Redirect[] } | { headers: HeaderRule[] } | undefined;
}

/** One requested change. */
export interface OverlayChange {
  path: string;
  nonce: string;
  /** The new content; undefined for a deletion. */
  content: OverlayContent | undefined;
  /** The content hash of the deployed asset at this pathname in the caller's version; null if there is none. */
  deployed: string | null;
  /** Set if the caller's version has a retired asset at this pathname. A deletion must hide it, too. */
  retired?: true;
  /**
   * The nonce of the write at this pathname that the caller's version has adopted. If the overlay still has that write,
   * the change and its conditions treat the entry as absent.
   */
  adopted?: string | undefined;
  onlyIf: Condition | undefined;
}

/** The condition of a change. If both members are set, both must hold. "*" means any content. */
export interface Condition {
  /** The current content hash must be one of these. */
  is?: string[];
  /** The current content hash must not be one of these. */
  isNot?: string[];
}

/** The result of a commit: all changes were made, or none. `failed` is the index of a change whose condition failed. */
export type CommitResult =
  | { ok: true; revision: number; entries: (OverlayEntry | null)[] }
  | { ok: false; failed: number; current: OverlayEntry | null };

/** The binding KV_SYNC_OVERLAY: one Durable Object per site, named after the site. */
export interface OverlayNamespace {
  idFromName(site: string): DurableObjectId;
  get(id: DurableObjectId): OverlayMethods;
}

/**
 * The methods of the Durable Object that the binding calls. A site is "blog" or "project/shop".
 *
 * Returned entries have no rules, and if they have chunks an empty list of them, because both can be large. A refusal
 * is a RangeError or a TypeError. Its message begins with "kv-sync overlay: ".
 */
export interface OverlayMethods {
  /**
   * Makes the changes in one transaction. After the reply they are durable. The path and the nonce of the first change
   * identify the commit, so that a repeated call has no further effect. Nonces must not be older than 12 hours: an
   * older body without a reference may already be deleted as garbage.
   */
  commit(site: string, changes: OverlayChange[], by: { author?: string; message?: string }): Promise<CommitResult>;
  /** Returns the entries at these pathnames, in the same order. null means that there is no entry. */
  look(site: string, paths: string[]): Promise<(OverlayEntry | null)[]>;
  /** Returns the entries whose pathname begins with `prefix` and sorts after `after`, in bytewise order. */
  list(site: string, options: { prefix: string; after: string; limit: number }): Promise<OverlayEntry[]>;
  /** Returns the overlay manifest, or null if the caller already knows its revision. */
  read(site: string, known: number | undefined): Promise<{ revision: number; manifest: Uint8Array } | null>;
  /**
   * Schedules the removal of entries that a deployed manifest has adopted. An entry is removed after five minutes,
   * unless it was overwritten: until then, other locations may still serve the previous version, which needs it.
   */
  drop(site: string, adopted: { path: string; nonce: string }[]): Promise<void>;
  /** Erases all data of the object, for a deleted project. The caller deletes the keys in KV. */
  erase(site: string): Promise<void>;
}
