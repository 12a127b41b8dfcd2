// The words between the two sides of an overlay: the binding, which checks and
// stores what is written, and the Durable Object, which orders and publishes it.
// docs/format.md, "Overlay", says what becomes of an entry.

import type { HeaderPair, HeaderRule, Redirect } from "./meta";

export type { HeaderPair } from "./meta";

/** The protocol between a site's Worker and its companion; a companion is never replaced by one of a lower number. */
export const overlayProtocol = 1;

/** What the overlay has at one pathname. */
export interface OverlayEntry {
  path: string;
  /** 16 hexadecimal digits that name this write. */
  nonce: string;
  /** undefined for a tombstone: what is deployed at this pathname is not to be seen. */
  content: OverlayContent | undefined;
  /** Milliseconds since 1970 UTC. */
  time: number;
  author: string | undefined;
  message: string | undefined;
  /** Content hashes of what was here before, newest first; null for nothing. */
  was: (string | null)[];
}

/** A body that lies in KV already. */
export interface OverlayContent {
  /** SHA-256 in hexadecimal: the ETag, and with the nonce the key. */
  hash: string;
  size: number;
  type: string;
  /** The chunks' hash.nonce, where the blob is their index. */
  chunks: string[] | undefined;
  headers: HeaderPair[];
  /** Of a _redirects or _headers file, compiled. */
  rules: { redirects: Redirect[] } | { headers: HeaderRule[] } | undefined;
}

/** One change that is asked for. */
export interface OverlayChange {
  path: string;
  nonce: string;
  /** undefined to delete. */
  content: OverlayContent | undefined;
  /** The content hash of what is deployed at this pathname, as the caller sees it; null for nothing. */
  deployed: string | null;
  /** Whether one of an earlier deployment would be seen here, where the overlay has nothing. Left out where not. */
  retired?: true;
  /**
   * The nonce of the write that what is deployed has adopted here, as the caller
   * sees it: where the overlay still has that write, the caller does not see it,
   * and neither do its conditions.
   */
  adopted?: string | undefined;
  onlyIf: Condition | undefined;
}

/** Both must hold, where both are given. "*" is any content. */
export interface Condition {
  /** Content hashes of which what is there must be one. */
  is?: string[];
  /** Content hashes of which what is there must be none. */
  isNot?: string[];
}

/** All changes were made, in one step, or none was and one condition is named that failed. */
export type CommitResult =
  | { ok: true; revision: number; entries: (OverlayEntry | null)[] }
  | { ok: false; failed: number; current: OverlayEntry | null };

/** The binding KV_SYNC_OVERLAY: a Durable Object for each site, by the site as its name. */
export interface OverlayNamespace {
  idFromName(site: string): DurableObjectId;
  get(id: DurableObjectId): OverlayMethods;
}

/**
 * What the binding calls of the Durable Object. The site is "blog", or
 * "project/shop". Entries that it answers with have neither the names of their
 * chunks nor their rules, which can be large: `chunks` is empty where there are
 * some. What it refuses is a RangeError or a TypeError whose message begins with
 * "kv-sync overlay: ".
 */
export interface OverlayMethods {
  /**
   * Makes the changes, in one transaction. Durable when it answers. A commit is
   * known by the path and nonce of its first change: one that is sent again is made once.
   * Nonces are of the last 12 hours, for an older body could be collected.
   */
  commit(site: string, changes: OverlayChange[], by: { author?: string; message?: string }): Promise<CommitResult>;
  /** What the overlay has at pathnames, in their order; null where it has nothing. */
  look(site: string, paths: string[]): Promise<(OverlayEntry | null)[]>;
  /** Entries whose pathname begins with prefix and comes after another, bytewise in order. */
  list(site: string, options: { prefix: string; after: string; limit: number }): Promise<OverlayEntry[]>;
  /** The overlay manifest, or null where its revision is the one that is known. */
  read(site: string, known: number | undefined): Promise<{ revision: number; manifest: Uint8Array } | null>;
  /**
   * Drops entries that a deployed manifest has adopted, where they still are
   * those writes: five minutes later, for elsewhere the version before, which does
   * not have them, may still answer. Until then everybody is told of them.
   */
  drop(site: string, adopted: { path: string; nonce: string }[]): Promise<void>;
}
