// The tables of an overlay. Everything here is synchronous, so that what a
// commit does is one transaction.

import type { OverlayContent, OverlayEntry } from "../format/overlay_entry";

/** The overlay but for its entries. Times are milliseconds since 1970 UTC. */
export interface OverlayState {
  site: string;
  /** How many commits there were, and the last one that KV has. */
  revision: number;
  published: number;
  /** Totals over all entries, which a commit is held to. */
  entries: number;
  recordBytes: number;
  metaBytes: number;
  rules: number;
  /** Not before then is published again, and how often it failed since it last did not. */
  publishAt: number;
  failures: number;
  /** When garbage is looked for, and where in the listing. */
  collectAt: number;
  cursor: string | null;
}

/** What an entry adds to the totals. */
export type Weight = Pick<OverlayState, "recordBytes" | "metaBytes" | "rules">;

const encoder = new TextEncoder();

/** The overlay of one site, in the storage of its Durable Object. */
export class OverlayStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS state (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), state TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS entries (path TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
      -- Every blob that a commit named, as hash.nonce: replaced is when its entry went, NULL while it is there.
      CREATE TABLE IF NOT EXISTS blobs (blob TEXT PRIMARY KEY, replaced INTEGER) WITHOUT ROWID;
      -- By their first write, as nonce and path, so that one that is sent again is made once.
      CREATE TABLE IF NOT EXISTS commits (first TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
      -- Entries that are deployed by now, and when they go.
      CREATE TABLE IF NOT EXISTS drops (path TEXT PRIMARY KEY, due INTEGER NOT NULL) WITHOUT ROWID;
    `);
  }

  /** undefined before the first call for a site. */
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

  /** Entries in bytewise order of their paths, from `from` on and beyond `after`, read as they are asked for. */
  *walk(from = "", after = ""): Generator<OverlayEntry> {
    for (const { entry } of this.#sql.exec<{ entry: string }>(
      "SELECT entry FROM entries WHERE path >= ? AND path > ? ORDER BY path",
      from,
      after,
    )) {
      yield parse(entry);
    }
  }

  /** Puts an entry in the place of another, and its blobs among those that are referenced. */
  replace(path: string, before: OverlayEntry | null, entry: OverlayEntry | null, now: number): void {
    for (const blob of blobsOf(before)) this.#sql.exec("UPDATE blobs SET replaced = ? WHERE blob = ?", now, blob);
    // A blob belongs to one write: one that is known already is an error.
    for (const blob of blobsOf(entry)) this.#sql.exec("INSERT INTO blobs VALUES (?, NULL)", blob);
    if (entry) this.#sql.exec("INSERT OR REPLACE INTO entries VALUES (?, ?)", path, JSON.stringify(entry));
    else this.#sql.exec("DELETE FROM entries WHERE path = ?", path);
    this.#sql.exec("DELETE FROM drops WHERE path = ?", path);
  }

  /** Notes when an entry goes, if it is still there then. Of several times the first counts. */
  noteDrop(path: string, due: number): void {
    this.#sql.exec("INSERT OR IGNORE INTO drops VALUES (?, ?)", path, due);
  }

  /** Whether an entry is noted to go. */
  isDropped(path: string): boolean {
    return this.#sql.exec("SELECT 1 FROM drops WHERE path = ?", path).toArray().length > 0;
  }

  /** When the next entries go; undefined where none is noted. */
  get nextDrop(): number | undefined {
    return this.#sql.exec<{ due: number | null }>("SELECT min(due) AS due FROM drops").one().due ?? undefined;
  }

  /** The paths of entries whose time has come. */
  dueDrops(now: number): string[] {
    return this.#sql
      .exec<{ path: string }>("SELECT path FROM drops WHERE due <= ?", now)
      .toArray()
      .map(({ path }) => path);
  }

  /** Whether no entry names a blob, or has named it since a time. */
  isGarbage(blob: string, since: number): boolean {
    const [row] = this.#sql
      .exec<{ replaced: number | null }>("SELECT replaced FROM blobs WHERE blob = ?", blob)
      .toArray();
    return !row || (row.replaced !== null && row.replaced < since);
  }

  /** Whether a commit was made before, by its first write. (Among the nonces of one second, two of different paths may be equal.) */
  isMade({ nonce, path }: { nonce: string; path: string }): boolean {
    return this.#sql.exec("SELECT 1 FROM commits WHERE first = ?", `${nonce} ${path}`).toArray().length > 0;
  }

  noteMade({ nonce, path }: { nonce: string; path: string }, now: number): void {
    this.#sql.exec("INSERT INTO commits VALUES (?, ?)", `${nonce} ${path}`, now);
  }

  /** Forgets blobs that were replaced, and commits that were made, before a time. */
  forget(before: number): void {
    this.#sql.exec("DELETE FROM blobs WHERE replaced < ?", before);
    this.#sql.exec("DELETE FROM commits WHERE time < ?", before);
  }
}

/** The blobs of an entry, each once. */
function blobsOf(entry: OverlayEntry | null): Set<string> {
  if (!entry?.content) return new Set();
  return new Set([`${entry.content.hash}.${entry.nonce}`, ...(entry.content.chunks ?? [])]);
}

/** JSON leaves out what is undefined, and so it comes back. */
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

/** What an entry weighs; nothing where there is none. */
export function weigh(entry: OverlayEntry | null): Weight {
  if (!entry) return { recordBytes: 0, metaBytes: 0, rules: 0 };
  const { headers = [], rules } = entry.content ?? {};
  const json = (value: unknown) => encoder.encode(JSON.stringify(value)).length;
  return {
    recordBytes: json(recordEntry(entry)) + 1,
    metaBytes: (headers.length > 0 ? json([entry.path, headers]) : 0) + (rules ? json(rules) : 0),
    rules: rules ? ("redirects" in rules ? rules.redirects : rules.headers).length : 0,
  };
}

/** An entry as the overlay record has it: docs/format.md, "Overlay". */
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
