// The tables of an overlay. All functions are synchronous, so that a commit can be one
// transaction.

import type { OverlayContent, OverlayEntry } from "../format/overlay_entry";

/** The state of an overlay except its entries. Times are in milliseconds since 1970 UTC. */
export interface OverlayState {
  site: string;
  /** The number of commits. */
  revision: number;
  /** The revision that was last published to KV. */
  published: number;
  /** The totals over all entries. A commit must not exceed their limits. */
  entries: number;
  recordBytes: number;
  metaBytes: number;
  rules: number;
  /** The earliest time of the next publication. */
  publishAt: number;
  /** The number of consecutive failed publications. */
  failures: number;
  /** The time of the next garbage collection. */
  collectAt: number;
  /** The cursor in the KV listing, if the garbage collection is not complete. */
  cursor: string | null;
}

/** What one entry adds to the totals. */
export type EntryTotals = Pick<OverlayState, "recordBytes" | "metaBytes" | "rules">;

const encoder = new TextEncoder();

/** The overlay of one site, in the storage of its Durable Object. */
export class OverlayStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS state (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), state TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS entries (path TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
      -- Every committed blob, as hash.nonce. "replaced" is the time at which its entry was replaced, or NULL.
      CREATE TABLE IF NOT EXISTS blobs (blob TEXT PRIMARY KEY, replaced INTEGER) WITHOUT ROWID;
      -- The commits, by nonce and path of the first change, so that a repeated commit has no effect.
      CREATE TABLE IF NOT EXISTS commits (first TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
      -- The adopted entries, and the times at which they are removed.
      CREATE TABLE IF NOT EXISTS drops (path TEXT PRIMARY KEY, due INTEGER NOT NULL) WITHOUT ROWID;
    `);
  }

  /** The state; undefined before the first call for a site. */
  get state(): OverlayState | undefined {
    const [row] = this.#sql.exec<{ state: string }>("SELECT state FROM state").toArray();
    return row && (JSON.parse(row.state) as OverlayState);
  }

  setState(state: OverlayState): void {
    this.#sql.exec("INSERT OR REPLACE INTO state VALUES (1, ?)", JSON.stringify(state));
  }

  entry(path: string): OverlayEntry | null {
    const [row] = this.#sql.exec<{ entry: string }>("SELECT entry FROM entries WHERE path = ?", path).toArray();
    return row ? parse(row.entry) : null;
  }

  /** Yields the entries in bytewise order of their paths. It starts at `from`, and leaves out paths up to `after`. */
  *walk(from = "", after = ""): Generator<OverlayEntry> {
    for (const { entry } of this.#sql.exec<{ entry: string }>(
      "SELECT entry FROM entries WHERE path >= ? AND path > ? ORDER BY path",
      from,
      after,
    )) {
      yield parse(entry);
    }
  }

  /** Replaces an entry, and records which blobs are referenced. */
  replace(path: string, before: OverlayEntry | null, entry: OverlayEntry | null, now: number): void {
    for (const blob of blobsOf(before)) this.#sql.exec("UPDATE blobs SET replaced = ? WHERE blob = ?", now, blob);
    // A blob belongs to one write, so inserting an existing blob is an error.
    for (const blob of blobsOf(entry)) this.#sql.exec("INSERT INTO blobs VALUES (?, NULL)", blob);
    if (entry) this.#sql.exec("INSERT OR REPLACE INTO entries VALUES (?, ?)", path, JSON.stringify(entry));
    else this.#sql.exec("DELETE FROM entries WHERE path = ?", path);
    this.#sql.exec("DELETE FROM drops WHERE path = ?", path);
  }

  /** Schedules the removal of an entry. If it is already scheduled, the earlier time applies. */
  scheduleDrop(path: string, due: number): void {
    this.#sql.exec("INSERT OR IGNORE INTO drops VALUES (?, ?)", path, due);
  }

  /** Whether the removal of an entry is scheduled. */
  isDropScheduled(path: string): boolean {
    return this.#sql.exec("SELECT 1 FROM drops WHERE path = ?", path).toArray().length > 0;
  }

  /** The time of the next scheduled removal, if any. */
  get nextDrop(): number | undefined {
    return this.#sql.exec<{ due: number | null }>("SELECT min(due) AS due FROM drops").one().due ?? undefined;
  }

  /** The paths of entries whose removal is due. */
  dueDrops(now: number): string[] {
    return this.#sql
      .exec<{ path: string }>("SELECT path FROM drops WHERE due <= ?", now)
      .toArray()
      .map(({ path }) => path);
  }

  /** Whether a blob is not referenced, and was not referenced since a time. */
  isGarbage(blob: string, since: number): boolean {
    const [row] = this.#sql
      .exec<{ replaced: number | null }>("SELECT replaced FROM blobs WHERE blob = ?", blob)
      .toArray();
    return !row || (row.replaced !== null && row.replaced < since);
  }

  /** Whether a commit was already made. Path and nonce of its first change identify it; nonces alone may collide. */
  wasCommitted({ nonce, path }: { nonce: string; path: string }): boolean {
    return this.#sql.exec("SELECT 1 FROM commits WHERE first = ?", `${nonce} ${path}`).toArray().length > 0;
  }

  recordCommit({ nonce, path }: { nonce: string; path: string }, now: number): void {
    this.#sql.exec("INSERT INTO commits VALUES (?, ?)", `${nonce} ${path}`, now);
  }

  /** Deletes the records of blobs that were replaced before a time, and of commits before that time. */
  deleteOldRecords(before: number): void {
    this.#sql.exec("DELETE FROM blobs WHERE replaced < ?", before);
    this.#sql.exec("DELETE FROM commits WHERE time < ?", before);
  }
}

/** Returns the distinct blobs of an entry. */
function blobsOf(entry: OverlayEntry | null): Set<string> {
  if (!entry?.content) return new Set();
  return new Set([`${entry.content.hash}.${entry.nonce}`, ...(entry.content.chunks ?? [])]);
}

/** Restores the members that JSON omits because they are undefined. */
function parse(json: string): OverlayEntry {
  const entry = JSON.parse(json) as OverlayEntry;
  const { content } = entry;
  return {
    path: entry.path,
    nonce: entry.nonce,
    content: content && { ...content, chunks: content.chunks, rules: content.rules },
    time: entry.time,
    author: entry.author,
    message: entry.message,
    was: entry.was,
  };
}

/** Returns what an entry adds to the totals. Without an entry that is zero. */
export function totalsOf(entry: OverlayEntry | null): EntryTotals {
  if (!entry) return { recordBytes: 0, metaBytes: 0, rules: 0 };
  const { headers = [], rules } = entry.content ?? {};
  const json = (value: unknown) => encoder.encode(JSON.stringify(value)).length;
  return {
    recordBytes: json(recordEntry(entry)) + 1,
    metaBytes: (headers.length > 0 ? json([entry.path, headers]) : 0) + (rules ? json(rules) : 0),
    rules: rules ? ("redirects" in rules ? rules.redirects : rules.headers).length : 0,
  };
}

/** Encodes an entry for the overlay record. docs/format.md describes it under "Overlay". */
export function recordEntry({ path, nonce, content, time, author, message, was }: OverlayEntry): object {
  return {
    path,
    nonce,
    ...(content && contentOf(content)),
    time: new Date(time).toISOString(),
    ...(author !== undefined && { author }),
    ...(message !== undefined && { message }),
    was,
  };
}

function contentOf({ hash, size, type, chunks, headers }: OverlayContent): object {
  return { hash, size, type, ...(chunks && { chunked: true }), ...(headers.length > 0 && { headers }) };
}
