// The Durable Object of an overlay, one per site or project. It orders writes and
// has the authoritative state. KV has a copy for readers.
//
//	commit ─► one transaction ─► reply          alarm ─► o/current ─► o/record
//
// The tables record whether KV's copy is behind (published < revision). So after
// a crash, the next process publishes.

import { DurableObject } from "cloudflare:workers";
import { describeThrown } from "../format/one_line";
import type { CommitResult, OverlayChange, OverlayEntry, OverlayMethods } from "../format/overlay_entry";
import { isSite } from "../format/project_keys";
import { collect } from "./overlay_collect";
import { holds } from "./overlay_condition";
import { eraseKeys, isDeleted } from "./overlay_erase";
import { checkChanges, limits, youngestGarbage } from "./overlay_limits";
import { makeManifest, makeRecord, publish } from "./overlay_publish";
import { type OverlayState, OverlayStore, type Weight, weigh } from "./overlay_store";

/** The bindings of the companion script. */
export interface OverlayEnv {
  /** The namespace of the site. */
  KV_SYNC_BLOBS: KVNamespace;
}

/** KV accepts one write per second and key. */
const betweenPublications = 1_100;
const firstRetry = 1_000;
const longestRetry = 5 * 60_000;

/**
 * How long adopted entries stay. A switch takes one minute to reach every location, or two for a project. Until then
 * the previous version answers there. It has not adopted the write and would show the old content.
 */
const beforeDrop = 5 * 60_000;

/** The time between garbage collections, and between the parts of one. */
const betweenCollections = 24 * 3_600_000;
const collectOn = 60_000;

/** When an alarm is repeated that was aborted. */
const safetyNet = 60_000;

/** The number of previous hashes in an entry. */
const mostBefore = 16;

/** The Durable Object of one overlay. The companion script exports it as `Overlay`. */
export class OverlayObject extends DurableObject<OverlayEnv> implements OverlayMethods {
  #opened: OverlayStore | undefined;
  readonly #now: () => number;
  /** The manifest that was encoded last. */
  #manifest: { revision: number; bytes: Uint8Array<ArrayBuffer> } | undefined;

  /** Tests pass their own clock. */
  constructor(ctx: DurableObjectState, env: OverlayEnv, now: () => number = Date.now) {
    super(ctx, env);
    this.#now = now;
    void ctx.blockConcurrencyWhile(async () => {
      const { state } = this.#store;
      if (state) await this.#schedule(state);
    });
  }

  /** The tables, which are made when they are needed: after `erase` there are none. */
  get #store(): OverlayStore {
    this.#opened ??= new OverlayStore(this.ctx.storage.sql);
    return this.#opened;
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
    if (result.ok) await this.#hasten(site);
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
    // The reply was lost, and the binding repeats the call.
    if (store.isMade(changes[0]!))
      return {
        ok: true,
        revision: state.revision,
        entries: changes.map((change) => madeOf(change, null, false, by, now)),
      };

    const before = changes.map(({ path }) => store.entry(path));
    // The caller's view hides the writes that its deployed manifest has adopted.
    const seen = changes.map(({ adopted }, i) => (before[i]?.nonce === adopted ? null : before[i]!));
    const failed = changes.findIndex(({ onlyIf, deployed }, i) => !holds(onlyIf, contentHash(seen[i]!, deployed)));
    if (failed >= 0) return { ok: false, failed, current: lean(seen[failed]!) };

    const entries = changes.map((change, i) => madeOf(change, seen[i]!, store.isDropped(change.path), by, now));
    if (!entries.some((entry, i) => entry ?? seen[i])) return { ok: true, revision: state.revision, entries };
    entries.forEach((entry, i) => {
      const { path } = changes[i]!;
      if (!entry && !seen[i]) return; // deleting nothing is not a change
      store.replace(path, before[i]!, entry, now);
      add(state, before[i]!, -1);
      add(state, entry, 1);
    });
    checkTotals(state);
    state.revision++;
    store.setState(state);
    store.noteMade(changes[0]!, now);
    return { ok: true, revision: state.revision, entries: entries.map(lean) };
  }

  async look(site: string, paths: string[]): Promise<(OverlayEntry | null)[]> {
    this.#state(site);
    if (!Array.isArray(paths) || paths.length > limits.changes)
      throw new RangeError(`kv-sync overlay: the limit is ${limits.changes} paths at a time`);
    return paths.map((path) => lean(this.#store.entry(path)));
  }

  async list(
    site: string,
    { prefix, after, limit }: { prefix: string; after: string; limit: number },
  ): Promise<OverlayEntry[]> {
    this.#state(site);
    const found: OverlayEntry[] = [];
    for (const entry of this.#store.walk(prefix, after)) {
      if (found.length >= Math.min(limit, limits.changes) || !entry.path.startsWith(prefix)) break;
      found.push(lean(entry)!);
    }
    return found;
  }

  async read(site: string, known: number | undefined): Promise<{ revision: number; manifest: Uint8Array } | null> {
    const state = this.#state(site);
    return state.revision === known ? null : { revision: state.revision, manifest: this.#encode(state) };
  }

  async drop(site: string, adopted: { path: string; nonce: string }[]): Promise<void> {
    const due = this.#now() + beforeDrop;
    this.#state(site);
    this.ctx.storage.transactionSync(() => {
      for (const { path, nonce } of adopted) {
        if (this.#store.entry(path)?.nonce === nonce) this.#store.noteDrop(path, due);
      }
    });
    await this.#hasten(site);
  }

  /** Removes the entries that are due, unless they were overwritten since. */
  #drop(now: number): void {
    this.ctx.storage.transactionSync(() => {
      const paths = this.#store.dueDrops(now);
      if (paths.length === 0) return;
      const state = this.#store.state!;
      for (const path of paths) {
        const entry = this.#store.entry(path);
        this.#store.replace(path, entry, null, now);
        add(state, entry, -1);
      }
      state.revision++;
      this.#store.setState(state);
    });
  }

  /** Drops adopted entries, publishes, and collects garbage. Failures are retried later, without a limit. */
  override async alarm(): Promise<void> {
    // The alarm stays set if this process ends.
    await this.ctx.storage.setAlarm(Date.now() + safetyNet);
    this.#drop(this.#now());
    const { state } = this.#store;
    if (!state) return;
    const ready = state.publishAt <= this.#now();
    const collecting = ready && state.collectAt <= this.#now();
    if (collecting && (await this.#eraseDeleted(state))) return;
    const failures: [message: string, error: unknown][] = [];
    if (collecting || (ready && isBehind(state))) failures.push(...(await this.#publish(state)));
    // A manifest that is still in KV may name replaced blobs.
    if (collecting && !isBehind(this.#state(state.site))) failures.push(...(await this.#collect(state)));
    await this.#schedule(this.#state(state.site));
    if (failures.length === 0) return;
    await this.ctx.storage.sync(); // the next attempt is durable before it is logged
    for (const [message, error] of failures) console.error(`kv-sync: ${message}:`, describeThrown(error));
  }

  /** Publishes even without a change: once a day this repairs the copy in KV. Returns the failures. */
  async #publish(state: OverlayState): Promise<[string, unknown][]> {
    const { site, revision } = state;
    if (revision === 0) return [];
    try {
      await publish(this.env.KV_SYNC_BLOBS, site, this.#encode(state), makeRecord(this.#store, state));
      this.#set(site, { published: revision, publishAt: this.#now() + betweenPublications, failures: 0 });
      return [];
    } catch (error) {
      const wait = Math.min(firstRetry * 2 ** state.failures, longestRetry);
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
      if (next === null) this.#store.forget(now - youngestGarbage);
      this.#set(site, { cursor: next, collectAt: now + (next === null ? betweenCollections : collectOn) });
      return [];
    } catch (error) {
      // It starts again, because KV may have refused the cursor.
      this.#set(site, { cursor: null, collectAt: now + 3_600_000 });
      return [[`cannot collect the garbage of ${site}'s overlay, trying again in an hour`, error]];
    }
  }

  async erase(site: string): Promise<void> {
    if (this.#store.state) this.#state(site); // refuses another site
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#opened = undefined;
    this.#manifest = undefined;
  }

  /** Erases the overlay if its project was deleted. Without an answer from KV it waits for the next collection. */
  async #eraseDeleted({ site }: OverlayState): Promise<boolean> {
    const kv = this.env.KV_SYNC_BLOBS;
    try {
      if (!(await isDeleted(kv, site))) return false;
      if (await eraseKeys(kv, site)) {
        await this.erase(site);
      } else {
        this.#set(site, { collectAt: this.#now() + collectOn });
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

  /** The state. The first call creates it. Calls for another site are refused. */
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
    const none = {
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
    const fresh = { ...none, site, collectAt: this.#now() + betweenCollections };
    this.#store.setState(fresh);
    void this.#schedule(fresh);
    return fresh;
  }

  /** Changes members of the current state. Commits may have changed it during an await. */
  #set(site: string, members: Partial<OverlayState>): void {
    this.#store.setState({ ...this.#state(site), ...members });
  }

  /** Sets the alarm for the next task. There is always one: garbage collection is daily. */
  async #schedule(state: OverlayState): Promise<void> {
    await this.ctx.storage.setAlarm(this.#nextAlarm(state));
  }

  /** Moves the alarm forward if a call requires it. It never moves it back, so that frequent calls cannot delay it. */
  async #hasten(site: string): Promise<void> {
    const next = this.#nextAlarm(this.#state(site));
    const set = await this.ctx.storage.getAlarm();
    if (set === null || next < set) await this.ctx.storage.setAlarm(next);
  }

  #nextAlarm(state: OverlayState): number {
    const { publishAt, collectAt } = state;
    // Collection requires a publication, which waits after a failure.
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

/** The visible content hash: that of the overlay's entry, else the deployed one. */
function contentHash(entry: OverlayEntry | null, deployed: string | null): string | null {
  return entry ? (entry.content?.hash ?? null) : deployed;
}

/**
 * The entry after a change; null if neither content nor a tombstone is needed. A tombstone is needed if something is
 * deployed, if the previous entry is to be dropped (another version has deployed it), or if visitors would see an asset
 * of an earlier deployment.
 */
function madeOf(
  { path, nonce, content, deployed, retired }: OverlayChange,
  before: OverlayEntry | null,
  isDropped: boolean,
  by: { author?: string; message?: string },
  now: number,
): OverlayEntry | null {
  if (!content && deployed === null && !retired && !(before && isDropped)) return null;
  const was = [contentHash(before, deployed), ...(before?.was ?? [])];
  // The last hash is that of the deployed asset. A pull compares with it, so it stays.
  if (was.length > mostBefore) was.splice(mostBefore - 1, was.length - mostBefore);
  return { path, nonce, content, time: now, author: by.author, message: by.message, was };
}

/** An entry for callers, without chunks and rules, which can be large. */
function lean(entry: OverlayEntry | null): OverlayEntry | null {
  return entry?.content
    ? { ...entry, content: { ...entry.content, chunks: entry.content.chunks && [], rules: undefined } }
    : entry;
}

function add(state: OverlayState, entry: OverlayEntry | null, sign: 1 | -1): void {
  if (!entry) return;
  const weight: Weight = weigh(entry);
  state.entries += sign;
  state.recordBytes += sign * weight.recordBytes;
  state.metaBytes += sign * weight.metaBytes;
  state.rules += sign * weight.rules;
}

function checkTotals({ entries, recordBytes, metaBytes, rules }: OverlayState): void {
  const full = (reason: string) =>
    new RangeError(`kv-sync overlay: it ${reason}; pull it into git and deploy, or delete assets`);
  if (entries > limits.entries) throw full(`would have more than ${limits.entries} entries`);
  if (recordBytes > limits.recordBytes) throw full("would need a record of more than 24 MiB");
  if (metaBytes > limits.metaBytes) throw full("would have more than 4 MiB of headers and rules");
  if (rules > limits.rules) throw full(`would have more than ${limits.rules} redirects and header rules`);
}
