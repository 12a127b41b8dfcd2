// The Durable Object of an overlay, one for each site or project. It orders
// writes and is the truth about them; what KV has is a copy for readers.
//
//	commit ─► one transaction ─► reply          alarm ─► o/current ─► o/record
//
// That KV's copy is behind is said by the tables themselves (published <
// revision), so whatever ends this process, the next one publishes.

import { DurableObject } from "cloudflare:workers";
import { collect } from "./overlay_collect";
import { holds } from "./overlay_condition";
import type { CommitResult, OverlayChange, OverlayEntry, OverlayMethods } from "../format/overlay_entry";
import { checkChanges, isSite, limits, youngestGarbage } from "./overlay_limits";
import { makeManifest, makeRecord, publish } from "./overlay_publish";
import { OverlayStore, weigh, type OverlayState, type Weight } from "./overlay_store";

/** The bindings of the companion script. */
export interface OverlayEnv {
  /** The namespace of the site. */
  KV_SYNC_BLOBS: KVNamespace;
}

/** KV takes one write a second for one key. */
const betweenPublications = 1_100;
const firstRetry = 1_000;
const longestRetry = 5 * 60_000;

/**
 * For how long what is adopted stays. A switch takes a minute to reach every
 * location, and that of a project two; until then the version before answers
 * there, which does not have it, and would show what was there before the edit.
 */
const beforeDrop = 5 * 60_000;

/** How often garbage is looked for, and when next where there is more of it. */
const betweenCollections = 24 * 3_600_000;
const collectOn = 60_000;

/** When an alarm comes again that was cut off in the middle. */
const safetyNet = 60_000;

/** How many hashes an entry remembers of what was before. */
const mostBefore = 16;

/** The Durable Object of one overlay. The companion script exports it as `Overlay`. */
export class OverlayObject extends DurableObject<OverlayEnv> implements OverlayMethods {
  readonly #store: OverlayStore;
  readonly #now: () => number;
  /** The manifest that was made last. */
  #manifest: { revision: number; bytes: Uint8Array<ArrayBuffer> } | undefined;

  /** The clock is Date.now, but in tests. */
  constructor(ctx: DurableObjectState, env: OverlayEnv, now: () => number = Date.now) {
    super(ctx, env);
    this.#now = now;
    this.#store = new OverlayStore(ctx.storage.sql);
    void ctx.blockConcurrencyWhile(async () => {
      const { state } = this.#store;
      if (state) await this.#schedule(state);
    });
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
    // The reply was lost, and the binding asks again.
    if (store.isMade(changes[0]!))
      return {
        ok: true,
        revision: state.revision,
        entries: changes.map((change) => madeOf(change, null, false, by, now)),
      };

    const before = changes.map(({ path }) => store.entry(path));
    // As the caller has it, who hides what its deployed manifest has adopted.
    const seen = changes.map(({ adopted }, i) => (before[i]?.nonce === adopted ? null : before[i]!));
    const failed = changes.findIndex(({ onlyIf, deployed }, i) => !holds(onlyIf, contentHash(seen[i]!, deployed)));
    if (failed >= 0) return { ok: false, failed, current: lean(seen[failed]!) };

    const entries = changes.map((change, i) => madeOf(change, seen[i]!, store.isDropped(change.path), by, now));
    if (!entries.some((entry, i) => entry ?? seen[i])) return { ok: true, revision: state.revision, entries };
    entries.forEach((entry, i) => {
      const { path } = changes[i]!;
      if (!entry && !seen[i]) return; // to delete nothing changes nothing
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
      throw new RangeError(`kv-sync overlay: ask for at most ${limits.changes} paths at a time`);
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

  /** Removes the entries whose time has come, if nothing was written over them since. */
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

  /** Drops what is deployed by now, publishes what is not, and looks for garbage. What fails is tried again later, for as long as it takes. */
  override async alarm(): Promise<void> {
    // Whatever ends this process in the middle, there is an alarm.
    await this.ctx.storage.setAlarm(Date.now() + safetyNet);
    this.#drop(this.#now());
    const { state } = this.#store;
    if (!state) return;
    const ready = state.publishAt <= this.#now();
    const collecting = ready && state.collectAt <= this.#now();
    const failures: [message: string, error: unknown][] = [];
    if (collecting || (ready && isBehind(state))) failures.push(...(await this.#publish(state)));
    // A manifest that KV still shows may name what was replaced.
    if (collecting && !isBehind(this.#state(state.site))) failures.push(...(await this.#collect(state)));
    await this.#schedule(this.#state(state.site));
    if (failures.length === 0) return;
    await this.ctx.storage.sync(); // the next attempt is certain before it is announced
    for (const [message, error] of failures) console.error(`kv-sync: ${message}:`, error);
  }

  /** Also where nothing changed: once a day that heals whatever became of the copy in KV. Returns what failed. */
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
      // From the beginning: the cursor itself may be what KV refuses.
      this.#set(site, { cursor: null, collectAt: now + 3_600_000 });
      return [[`cannot collect the garbage of ${site}'s overlay, trying again in an hour`, error]];
    }
  }

  #encode(state: OverlayState): Uint8Array<ArrayBuffer> {
    if (this.#manifest?.revision !== state.revision)
      this.#manifest = { revision: state.revision, bytes: makeManifest(this.#store, state) };
    return this.#manifest.bytes;
  }

  /** The state, made at the first call. An object is one site's: a name that leads to another's is refused. */
  #state(site: string): OverlayState {
    const { state } = this.#store;
    if (state) {
      if (state.site !== site)
        throw new TypeError("kv-sync overlay: it is another site's; name the Durable Object after the site");
      return state;
    }
    if (!isSite(site)) throw new TypeError("kv-sync overlay: it is of a site or a project, and this is the id of none");
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

  /** Changes members of the state as it is now: while something was awaited, commits came. */
  #set(site: string, members: Partial<OverlayState>): void {
    this.#store.setState({ ...this.#state(site), ...members });
  }

  /** Sets the alarm to what has to be done next. There is always something: garbage is looked for once a day. */
  async #schedule(state: OverlayState): Promise<void> {
    await this.ctx.storage.setAlarm(this.#nextAlarm(state));
  }

  /** Has the alarm come in time for what a call brought. One that is set already stays, or a stream of calls would put it off. */
  async #hasten(site: string): Promise<void> {
    const next = this.#nextAlarm(this.#state(site));
    const set = await this.ctx.storage.getAlarm();
    if (set === null || next < set) await this.ctx.storage.setAlarm(next);
  }

  #nextAlarm(state: OverlayState): number {
    const { publishAt, collectAt } = state;
    // What is collected is published first, which waits after a failure.
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

/** The hash of what is seen: of the overlay's entry, else of what is deployed. */
function contentHash(entry: OverlayEntry | null, deployed: string | null): string | null {
  return entry ? (entry.content?.hash ?? null) : deployed;
}

/**
 * The entry that a change makes; null where it leaves nothing, not even a
 * tombstone. Where what was there is dropped, another version than the caller's
 * has it deployed, and a tombstone is needed though the caller's has nothing; so
 * it is where visitors would see a file of an earlier deployment.
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
  // What was deployed at first is what a pull compares with, so it stays.
  if (was.length > mostBefore) was.splice(mostBefore - 1, was.length - mostBefore);
  return { path, nonce, content, time: now, author: by.author, message: by.message, was };
}

/** What a caller is told of an entry: it needs neither the chunks' names nor the rules, which can be large. */
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
    new RangeError(`kv-sync overlay: it ${reason}; pull it into git and deploy, or delete from it`);
  if (entries > limits.entries) throw full(`would have more than ${limits.entries} entries`);
  if (recordBytes > limits.recordBytes) throw full("would need a record of more than 24 MiB");
  if (metaBytes > limits.metaBytes) throw full("would have more than 4 MiB of headers and rules");
  if (rules > limits.rules) throw full(`would have more than ${limits.rules} redirects and header rules`);
}
