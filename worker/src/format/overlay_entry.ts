// The protocol between the two sides of an overlay: the binding, which checks
// and stores what is written, and the Durable Object, which orders and publishes
// it. docs/format.md, "Overlay", has the encoding of an entry.

import type { HeaderPair, HeaderRule, Redirect } from "./meta";

export type { HeaderPair } from "./meta";

/** The version of the protocol. A companion is never replaced by one with a lower version. */
export const overlayProtocol = 1;

/** The overlay's entry at one pathname. */
export interface OverlayEntry {
  path: string;
  /** Identifies this write, in 16 hexadecimal digits. */
  nonce: string;
  /** undefined for a tombstone, which hides the deployed asset. */
  content: OverlayContent | undefined;
  /** Milliseconds since 1970 UTC. */
  time: number;
  author: string | undefined;
  message: string | undefined;
  /** The content hashes that were at this pathname before, newest first; null for no content. */
  was: (string | null)[];
}

/** A content that is already in KV. */
export interface OverlayContent {
  /** SHA-256 in hexadecimal. It is the ETag, and with the nonce the key. */
  hash: string;
  size: number;
  type: string;
  /** If the blob is a chunk index: the hash.nonce of each chunk. */
  chunks: string[] | undefined;
  headers: HeaderPair[];
  /** The compiled rules of a _redirects or _headers file. */
  rules: { redirects: Redirect[] } | { headers: HeaderRule[] } | undefined;
}

/** One requested change. */
export interface OverlayChange {
  path: string;
  nonce: string;
  /** undefined for a deletion. */
  content: OverlayContent | undefined;
  /** The content hash of the deployed asset at this pathname, as the caller sees it; null for none. */
  deployed: string | null;
  /** Set if visitors would see an asset of an earlier deployment here without the overlay. */
  retired?: true;
  /**
   * The nonce of the write that the deployed manifest has adopted here, as the caller sees it. If the overlay still
   * has that write, it is ignored for this caller and its conditions.
   */
  adopted?: string | undefined;
  onlyIf: Condition | undefined;
}

/** If both are given, both must hold. "*" means any content. */
export interface Condition {
  /** The current content hash must be one of these. */
  is?: string[];
  /** The current content hash must not be one of these. */
  isNot?: string[];
}

/** Either all changes were made in one step, or none, and `failed` is the index of a change whose condition failed. */
export type CommitResult =
  | { ok: true; revision: number; entries: (OverlayEntry | null)[] }
  | { ok: false; failed: number; current: OverlayEntry | null };

/** The binding KV_SYNC_OVERLAY: one Durable Object per site, named after the site. */
export interface OverlayNamespace {
  idFromName(site: string): DurableObjectId;
  get(id: DurableObjectId): OverlayMethods;
}

/**
 * The methods of the Durable Object that the binding calls. A site is "blog" or "project/shop". Returned entries omit
 * their chunks (`chunks` is empty if there are some) and their rules, because both can be large. A refusal is a
 * RangeError or a TypeError whose message begins with "kv-sync overlay: ".
 */
export interface OverlayMethods {
  /**
   * Makes the changes in one transaction. The result is durable. A commit is identified by the path and nonce of its
   * first change, so that a repeated call has no further effect. Nonces must not be older than 12 hours, because older
   * bodies may be collected as garbage.
   */
  commit(site: string, changes: OverlayChange[], by: { author?: string; message?: string }): Promise<CommitResult>;
  /** The entries at these pathnames, in the same order; null for none. */
  look(site: string, paths: string[]): Promise<(OverlayEntry | null)[]>;
  /** Entries whose pathname begins with `prefix` and is greater than `after`, in bytewise order. */
  list(site: string, options: { prefix: string; after: string; limit: number }): Promise<OverlayEntry[]>;
  /** The overlay manifest, or null if its revision is the known one. */
  read(site: string, known: number | undefined): Promise<{ revision: number; manifest: Uint8Array } | null>;
  /**
   * Drops entries that a deployed manifest has adopted, if they are still those writes. It does so after five minutes,
   * because other locations may still serve the previous version. Until then the entries are returned as before.
   */
  drop(site: string, adopted: { path: string; nonce: string }[]): Promise<void>;
  /** Forgets everything, for a deleted project. The keys in KV are left to the caller. */
  erase(site: string): Promise<void>;
}
