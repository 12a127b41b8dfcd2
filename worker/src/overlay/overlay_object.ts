// The Durable Object of an overlay. There is one per site or project. It orders the writes,
// and has the authoritative state. KV has a copy for readers.
//
//	commit ─► one transaction ─► reply          alarm ─► o/current ─► o/record
//
// The tables record whether the copy in KV is outdated (published < revision), so the next
// process publishes after a crash.

import { DurableObject } from "cloudflare:workers";
import { describeThrown } from "../format/one_line";
import type { CommitResult, OverlayChange, OverlayEntry, OverlayMethods } from "../format/overlay_entry";
import { isSite } from "../format/project_keys";
import { collect } from "./overlay_collect";
import { conditionHolds } from "./overlay_condition";
import { eraseKeys, isDeleted } from "./overlay_erase";
import { checkChanges, limits, minGarbageAge } from "./overlay_limits";
import { makeManifest, makeRecord, publish } from "./overlay_publish";
import { type EntryTotals, type OverlayState, OverlayStore, totalsOf } from "./overlay_store";

/** The bindings of the companion script. */
export interface OverlayEnv {
  /** The namespace of the site. */
  KV_SYNC_BLOBS: KVNamespace;
}

/** The time between two publications. KV accepts one write per key and second. */
const publicationInterval = 1_100;
const firstRetryMs = 1_000;
const maxRetryMs = 5 * 60_000;

/**
 * The time before an adopted entry is removed. A switch takes one minute to reach every location, or two for a project.
 * Until then, the previous version still needs the entry: it has not adopted the write, and would show the old content.
 */
const dropDelay = 5 * 60_000;

/** The time between two garbage collections. */
const collectionInterval = 24 * 3_600_000;
/** The time between two parts of a garbage collection. */
const collectionPause = 60_000;

/** The time after which an aborted alarm runs again. */
const alarmRetry = 60_000;

/** The maximum number of previous hashes in an entry. */
const maxPreviousHashes = 16;

/** The Durable Object of one overlay. The companion script exports it as `Overlay`. */
export class OverlayObject extends DurableObject<OverlayEnv> implements OverlayMethods {
  #openStore: OverlayStore | undefined;
  readonly #now: () => number;
  /** The last encoded manifest. */
  #manifest: { revision: number; bytes: Uint8Array<ArrayBuffer> } | undefined;

  /** Tests pass a clock of their own. */
  constructor(ctx: DurableObjectState, env: OverlayEnv, now: () => number = Date.now) {
    super(ctx, env);
    this.#now = now;
    void ctx.blockConcurrencyWhile(async () => {
      const { state } = this.#store;
      if (state) await this.#schedule(state);
    });
  }

  /** The tables. They are created at the first use, and again at the first use after `erase`. */
  get #store(): OverlayStore {
    this.#openStore ??= new OverlayStore(this.ctx.storage.sql);
    return this.#openStore;
  }

  async commit(
    site: string,
    changes: OverlayChange[],
    by: { author?: string; message?: string },
  ): Promise<CommitResult> {
    const now = this.#now();
    this.#state(site);
    checkChanges(changes, by, now);
    const result = this.ctx.storage.transactionSync(() => this.#commit(site, changes, by, now));
    if (result.ok) await this.#advanceAlarm(site);
    return result;
  }

  #commit(
    site: string,
    changes: OverlayChange[],
    by: { author?: string; message?: string },
    now: number,
  ): CommitResult {
    const store = this.#store;
    const state = this.#state(site);
    // The call is repeated, because the first reply was lost.
    if (store.wasCommitted(changes[0]!))
      return {
        ok: true,
        revision: state.revision,
        entries: changes.map((change) => entryAfter(change, null, false, by, now)),
      };

    const previous = changes.map(({ path }) => store.entry(path));
    // The caller does not see the writes that its deployed manifest has adopted.
    const visible = changes.map(({ adopted }, i) => (previous[i]?.nonce === adopted ? null : previous[i]!));
    const failed = changes.findIndex(
      ({ onlyIf, deployed }, i) => !conditionHolds(onlyIf, contentHash(visible[i]!, deployed)),
    );
    if (failed >= 0) return { ok: false, failed, current: withoutLargeMembers(visible[failed]!) };

    const entries = changes.map((change, i) =>
      entryAfter(change, visible[i]!, store.isDropScheduled(change.path), by, now),
    );
    if (!entries.some((entry, i) => entry ?? visible[i])) return { ok: true, revision: state.revision, entries };
    entries.forEach((entry, i) => {
      const { path } = changes[i]!;
      if (!entry && !visible[i]) return; // deleting a missing entry is not a change
      store.replace(path, previous[i]!, entry, now);
      addToTotals(state, previous[i]!, -1);
      addToTotals(state, entry, 1);
    });
    checkTotals(state);
    state.revision++;
    store.setState(state);
    store.recordCommit(changes[0]!, now);
    return { ok: true, revision: state.revision, entries: entries.map(withoutLargeMembers) };
  }

  async look(site: string, paths: string[]): Promise<(OverlayEntry | null)[]> {
    this.#state(site);
    if (!Array.isArray(paths) || paths.length > limits.changes)
      throw new RangeError(`kv-sync overlay: the limit is ${limits.changes} paths at a time`);
    return paths.map((path) => withoutLargeMembers(this.#store.entry(path)));
  }

  async list(
    site: string,
    { prefix, after, limit }: { prefix: string; after: string; limit: number },
  ): Promise<OverlayEntry[]> {
    this.#state(site);
    const found: OverlayEntry[] = [];
    for (const entry of this.#store.walk(prefix, after)) {
      if (found.length >= Math.min(limit, limits.changes) || !entry.path.startsWith(prefix)) break;
      found.push(withoutLargeMembers(entry)!);
    }
    return found;
  }

  async read(site: string, known: number | undefined): Promise<{ revision: number; manifest: Uint8Array } | null> {
    const state = this.#state(site);
    return state.revision === known ? null : { revision: state.revision, manifest: this.#encode(state) };
  }

  async drop(site: string, adopted: { path: string; nonce: string }[]): Promise<void> {
    const due = this.#now() + dropDelay;
    this.#state(site);
    this.ctx.storage.transactionSync(() => {
      for (const { path, nonce } of adopted) {
        if (this.#store.entry(path)?.nonce === nonce) this.#store.scheduleDrop(path, due);
      }
    });
    await this.#advanceAlarm(site);
  }

  /** Removes the adopted entries that are due. */
  #drop(now: number): void {
    this.ctx.storage.transactionSync(() => {
      const paths = this.#store.dueDrops(now);
      if (paths.length === 0) return;
      const state = this.#store.state!;
      for (const path of paths) {
        const entry = this.#store.entry(path);
        this.#store.replace(path, entry, null, now);
        addToTotals(state, entry, -1);
      }
      state.revision++;
      this.#store.setState(state);
    });
  }

  /** Removes adopted entries, publishes, and collects garbage. A failure is retried later, without a limit. */
  override async alarm(): Promise<void> {
    // If this process ends, the alarm runs again.
    await this.ctx.storage.setAlarm(Date.now() + alarmRetry);
    this.#drop(this.#now());
    const { state } = this.#store;
    if (!state) return;
    const ready = state.publishAt <= this.#now();
    const collecting = ready && state.collectAt <= this.#now();
    if (collecting && (await this.#eraseDeleted(state))) return;
    const failures: [message: string, error: unknown][] = [];
    if (collecting || (ready && isBehind(state))) failures.push(...(await this.#publish(state)));
    // Until the publication succeeds, the manifest in KV may still refer to replaced blobs.
    if (collecting && !isBehind(this.#state(state.site))) failures.push(...(await this.#collect(state)));
    await this.#schedule(this.#state(state.site));
    if (failures.length === 0) return;
    await this.ctx.storage.sync(); // a logged attempt must also happen if the process ends
    for (const [message, error] of failures) console.error(`kv-sync: ${message}:`, describeThrown(error));
  }

  /** Publishes the overlay, even if nothing changed: this repairs the copy in KV once a day. Returns the failures. */
  async #publish(state: OverlayState): Promise<[string, unknown][]> {
    const { site, revision } = state;
    if (revision === 0) return [];
    try {
      await publish(this.env.KV_SYNC_BLOBS, site, this.#encode(state), makeRecord(this.#store, state));
      this.#set(site, { published: revision, publishAt: this.#now() + publicationInterval, failures: 0 });
      return [];
    } catch (error) {
      const wait = Math.min(firstRetryMs * 2 ** state.failures, maxRetryMs);
      this.#set(site, {
        published: Math.min(state.published, revision - 1),
        publishAt: this.#now() + wait,
        failures: Math.min(state.failures + 1, 30),
      });
      return [[`cannot publish the overlay of ${site}, trying again in ${wait / 1000} s`, error]];
    }
  }

  async #collect({ site, cursor }: OverlayState): Promise<[string, unknown][]> {
    const now = this.#now();
    try {
      const next = await collect(this.env.KV_SYNC_BLOBS, this.#store, site, cursor || null, now);
      if (next === null) this.#store.deleteOldRecords(now - minGarbageAge);
      this.#set(site, { cursor: next, collectAt: now + (next === null ? collectionInterval : collectionPause) });
      return [];
    } catch (error) {
      // The next collection starts from the beginning, because KV may have refused the cursor.
      this.#set(site, { cursor: null, collectAt: now + 3_600_000 });
      return [[`cannot collect the garbage of ${site}'s overlay, trying again in an hour`, error]];
    }
  }

  async erase(site: string): Promise<void> {
    if (this.#store.state) this.#state(site); // refuses another site
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#openStore = undefined;
    this.#manifest = undefined;
  }

  /** Erases the overlay if its project was deleted. If KV fails, the next garbage collection tries again. */
  async #eraseDeleted({ site }: OverlayState): Promise<boolean> {
    const kv = this.env.KV_SYNC_BLOBS;
    try {
      if (!(await isDeleted(kv, site))) return false;
      if (await eraseKeys(kv, site)) {
        await this.erase(site);
      } else {
        this.#set(site, { collectAt: this.#now() + collectionPause });
        await this.#schedule(this.#state(site));
      }
      return true;
    } catch (error) {
      console.error(`kv-sync: cannot determine whether ${site} was deleted, or erase it:`, describeThrown(error));
      return false;
    }
  }

  #encode(state: OverlayState): Uint8Array<ArrayBuffer> {
    if (this.#manifest?.revision !== state.revision)
      this.#manifest = { revision: state.revision, bytes: makeManifest(this.#store, state) };
    return this.#manifest.bytes;
  }

  /** Returns the state, and creates it at the first call. Throws a TypeError for another site. */
  #state(site: string): OverlayState {
    const { state } = this.#store;
    if (state) {
      if (state.site !== site)
        throw new TypeError(
          "kv-sync overlay: this is the overlay of another site; name the Durable Object after the site",
        );
      return state;
    }
    if (!isSite(site)) throw new TypeError("kv-sync overlay: invalid site");
    const empty = {
      revision: 0,
      published: 0,
      entries: 0,
      recordBytes: 0,
      metaBytes: 0,
      rules: 0,
      publishAt: 0,
      failures: 0,
      cursor: null,
    };
    const fresh = { ...empty, site, collectAt: this.#now() + collectionInterval };
    this.#store.setState(fresh);
    void this.#schedule(fresh);
    return fresh;
  }

  /** Changes members of the state. It reads the current state first, because a commit may have changed it. */
  #set(site: string, members: Partial<OverlayState>): void {
    this.#store.setState({ ...this.#state(site), ...members });
  }

  /** Sets the alarm for the next task. There is always one, because garbage is collected daily. */
  async #schedule(state: OverlayState): Promise<void> {
    await this.ctx.storage.setAlarm(this.#nextAlarm(state));
  }

  /**
   * Sets an earlier alarm if a call requires it. It never sets a later one, so frequent calls cannot delay the alarm.
   */
  async #advanceAlarm(site: string): Promise<void> {
    const next = this.#nextAlarm(this.#state(site));
    const set = await this.ctx.storage.getAlarm();
    if (set === null || next < set) await this.ctx.storage.setAlarm(next);
  }

  #nextAlarm(state: OverlayState): number {
    const { publishAt, collectAt } = state;
    // A collection needs a publication first, which may have to wait after a failure.
    const due = Math.min(
      isBehind(state) ? publishAt : Math.max(collectAt, publishAt),
      this.#store.nextDrop ?? Infinity,
    );
    return Date.now() + Math.max(due - this.#now(), 0);
  }
}

function isBehind({ published, revision }: OverlayState): boolean {
  return published < revision;
}

/** Returns the visible content hash: that of the entry, or without an entry the deployed one. */
function contentHash(entry: OverlayEntry | null, deployed: string | null): string | null {
  return entry ? (entry.content?.hash ?? null) : deployed;
}

/**
 * Returns the entry after a change, or null if the overlay needs no entry. A deletion needs a tombstone if an asset is
 * deployed, if visitors would see a retired asset, or if the previous entry is scheduled to be dropped, because another
 * version has deployed its content.
 */
function entryAfter(
  { path, nonce, content, deployed, retired }: OverlayChange,
  before: OverlayEntry | null,
  isDropScheduled: boolean,
  by: { author?: string; message?: string },
  now: number,
): OverlayEntry | null {
  if (!content && deployed === null && !retired && !(before && isDropScheduled)) return null;
  const was = [contentHash(before, deployed), ...(before?.was ?? [])];
  // The last hash is that of the deployed asset. It is kept, because a pull compares with it.
  if (was.length > maxPreviousHashes) was.splice(maxPreviousHashes - 1, was.length - maxPreviousHashes);
  return { path, nonce, content, time: now, author: by.author, message: by.message, was };
}

/** Returns an entry for callers: without rules, and with an empty list of chunks, because both can be large. */
function withoutLargeMembers(entry: OverlayEntry | null): OverlayEntry | null {
  return entry?.content
    ? { ...entry, content: { ...entry.content, chunks: entry.content.chunks && [], rules: undefined } }
    : entry;
}

function addToTotals(state: OverlayState, entry: OverlayEntry | null, sign: 1 | -1): void {
  if (!entry) return;
  const totals: EntryTotals = totalsOf(entry);
  state.entries += sign;
  state.recordBytes += sign * totals.recordBytes;
  state.metaBytes += sign * totals.metaBytes;
  state.rules += sign * totals.rules;
}

function checkTotals({ entries, recordBytes, metaBytes, rules }: OverlayState): void {
  const limitError = (reason: string) =>
    new RangeError(`kv-sync overlay: it ${reason}; pull it into git and deploy, or delete assets`);
  if (entries > limits.entries) throw limitError(`would have more than ${limits.entries} entries`);
  if (recordBytes > limits.recordBytes) throw limitError("would need a record of more than 24 MiB");
  if (metaBytes > limits.metaBytes) throw limitError("would have more than 4 MiB of headers and rules");
  if (rules > limits.rules) throw limitError(`would have more than ${limits.rules} redirects and header rules`);
}
