import { describeThrown } from "../format/one_line";
import type {
  CommitResult,
  OverlayChange,
  OverlayEntry,
  OverlayMethods,
  OverlayNamespace,
} from "../format/overlay_entry";
import type { Site } from "../serve/site";
import type { View } from "../serve/view";
import { EditError } from "./edit_error";
import { limits } from "./overlay_limits";

/** The state of an overlay that an isolate caches. */
interface Cached {
  /** The last view that was read from the Durable Object. */
  latest: { revision: number; view: View } | undefined;
  /** Whether the adopted writes were reported to the Durable Object. */
  reported: boolean;
}

const cache = new WeakMap<Site, Cached>();

/**
 * The waits before repeated calls, in milliseconds. The platform marks an error as retryable if the object was moved or
 * restarted.
 */
const waits = [100, 400, 1_600];

/** Calls the Durable Object of a site's overlay. It hides entries that the deployed manifest has adopted. */
export class OverlayClient {
  readonly #site: Site;
  readonly #namespace: OverlayNamespace | undefined;
  readonly #cached: Cached;

  constructor(site: Site, namespace: OverlayNamespace | undefined) {
    this.#site = site;
    this.#namespace = namespace;
    this.#cached = cache.get(site) ?? { latest: undefined, reported: false };
    cache.set(site, this.#cached);
  }

  /** Returns the site with all committed writes. */
  async view(): Promise<View> {
    const read = await this.#call((object, site) => object.read(site, this.#cached.latest?.revision));
    if (read) {
      const { revision, manifest } = read;
      const view = this.#site.withOverlay(manifest.slice().buffer);
      // Replies may arrive out of order. An older revision must not replace a newer one.
      if (revision > (this.#cached.latest?.revision ?? -1)) this.#cached.latest = { revision, view };
      return view;
    }
    return this.#cached.latest!.view;
  }

  /** Returns the entries at these paths, in the same order. null means that there is no entry, or an adopted one. */
  async look(paths: string[]): Promise<(OverlayEntry | null)[]> {
    const entries = await this.#call((object, site) => object.look(site, paths));
    return entries.map((entry) => (entry && this.#isAdopted(entry) ? null : entry));
  }

  /** Returns a page of entries, and the start of the next page. */
  async list(options: {
    prefix: string;
    after: string;
    limit: number;
  }): Promise<{ entries: OverlayEntry[]; next: string | undefined }> {
    const entries = await this.#call((object, site) => object.list(site, options));
    return {
      entries: entries.filter((entry) => !this.#isAdopted(entry)),
      next: entries.length < options.limit ? undefined : entries.at(-1)!.path,
    };
  }

  /** Reports the adopted writes to the Durable Object, once per isolate, so that it drops them. */
  async reportAdopted(): Promise<void> {
    if (this.#cached.reported) return;
    const adopted = [...this.#site.meta.adopted].map(([path, nonce]) => ({ path, nonce }));
    for (let at = 0; at < adopted.length; at += limits.changes) {
      await this.#call((object, site) => object.drop(site, adopted.slice(at, at + limits.changes)));
    }
    this.#cached.reported = true;
  }

  /** Commits changes. The Durable Object ignores the writes that this site's deployed manifest has adopted. */
  commit(changes: Omit<OverlayChange, "adopted">[], by: { author?: string; message?: string }): Promise<CommitResult> {
    const { adopted } = this.#site.meta;
    const withAdopted = changes.map((change): OverlayChange => ({ ...change, adopted: adopted.get(change.path) }));
    return this.#call((object, site) => object.commit(site, withAdopted, by));
  }

  #isAdopted({ path, nonce }: OverlayEntry): boolean {
    return this.#site.meta.adopted.get(path) === nonce;
  }

  /** Makes a call, and repeats it after a retryable error. A repeated commit has no further effect. */
  async #call<T>(call: (object: OverlayMethods, site: string) => Promise<T>): Promise<T> {
    const namespace = this.#namespace;
    if (!namespace) throw new EditError(503, "the binding KV_SYNC_OVERLAY is missing; enable the overlay and deploy");
    const { site } = this.#site.meta;
    for (let attempt = 0; ; attempt++) {
      try {
        // Each attempt needs a new stub: a stub that failed may never work again.
        return await call(namespace.get(namespace.idFromName(site)), site);
      } catch (error) {
        const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
        if (!retryable || overloaded || attempt === waits.length) throw explain(site, error);
      }
      await new Promise((resolve) => setTimeout(resolve, waits[attempt]));
    }
  }
}

/** Converts an error of a call. A refusal arrives as a built-in error, whose message has a known prefix. */
function explain(site: string, error: unknown): EditError {
  const refusal = error instanceof Error && /^kv-sync overlay: (.*)$/s.exec(error.message)?.[1];
  if (refusal)
    return new EditError(error instanceof RangeError ? 413 : 422, `the overlay refuses the change: ${refusal}`, {
      cause: error,
    });
  console.error(`kv-sync: the Durable Object of the overlay of ${site} failed:`, describeThrown(error));
  return new EditError(
    503,
    "the overlay does not answer; if this was a write, read the asset to see whether it was made, and try again",
    { cause: error },
  );
}
