// A site's side of its overlay's Durable Object.

import type { Site } from "../serve/site";
import type { View } from "../serve/view";
import { EditError } from "./edit_error";
import type {
  CommitResult,
  OverlayChange,
  OverlayEntry,
  OverlayNamespace,
  OverlayMethods,
} from "../format/overlay_entry";
import { limits } from "./overlay_limits";

/** What an isolate knows of the overlay over one opened site. */
interface Known {
  /** The site as the Durable Object had it at a revision. */
  seen: { revision: number; view: View } | undefined;
  /** Whether the Durable Object was told what is adopted. */
  settled: boolean;
}

const known = new WeakMap<Site, Known>();

/** For calls that the platform says may be made again: the object moved, or was restarted. In milliseconds. */
const waits = [100, 400, 1_600];

/** Asks the Durable Object of a site, and hides entries that what is deployed has adopted. */
export class OverlayClient {
  readonly #site: Site;
  readonly #namespace: OverlayNamespace | undefined;
  readonly #known: Known;

  constructor(site: Site, namespace: OverlayNamespace | undefined) {
    this.#site = site;
    this.#namespace = namespace;
    let mine = known.get(site);
    if (!mine) known.set(site, (mine = { seen: undefined, settled: false }));
    this.#known = mine;
  }

  /** The site with all that is written by now. */
  async view(): Promise<View> {
    const read = await this.#ask((object, site) => object.read(site, this.#known.seen?.revision));
    if (read) {
      const { revision, manifest } = read;
      const view = this.#site.under(manifest.slice().buffer);
      // An answer that was overtaken must not take the place of a newer one.
      if (revision > (this.#known.seen?.revision ?? -1)) this.#known.seen = { revision, view };
      return view;
    }
    return this.#known.seen!.view;
  }

  async look(paths: string[]): Promise<(OverlayEntry | null)[]> {
    const entries = await this.#ask((object, site) => object.look(site, paths));
    return entries.map((entry) => (entry && this.#isAdopted(entry) ? null : entry));
  }

  /** A page of entries, and where the next one begins. */
  async list(options: {
    prefix: string;
    after: string;
    limit: number;
  }): Promise<{ entries: OverlayEntry[]; next: string | undefined }> {
    const entries = await this.#ask((object, site) => object.list(site, options));
    return {
      entries: entries.filter((entry) => !this.#isAdopted(entry)),
      next: entries.length < options.limit ? undefined : entries.at(-1)!.path,
    };
  }

  /** Has the Durable Object drop what is adopted, also where nobody reads the overlay from KV. */
  async settle(): Promise<void> {
    if (this.#known.settled) return;
    const adopted = [...this.#site.meta.adopted].map(([path, nonce]) => ({ path, nonce }));
    for (let at = 0; at < adopted.length; at += limits.changes) {
      await this.#ask((object, site) => object.drop(site, adopted.slice(at, at + limits.changes)));
    }
    this.#known.settled = true;
  }

  commit(changes: Omit<OverlayChange, "adopted">[], by: { author?: string; message?: string }): Promise<CommitResult> {
    const { adopted } = this.#site.meta;
    const seen = changes.map((change): OverlayChange => ({ ...change, adopted: adopted.get(change.path) }));
    return this.#ask((object, site) => object.commit(site, seen, by));
  }

  #isAdopted({ path, nonce }: OverlayEntry): boolean {
    return this.#site.meta.adopted.get(path) === nonce;
  }

  /** Makes a call, again where the platform says that it may be: the Durable Object makes each commit once. */
  async #ask<T>(call: (object: OverlayMethods, site: string) => Promise<T>): Promise<T> {
    const namespace = this.#namespace;
    if (!namespace)
      throw new EditError(503, "there is no overlay bound as KV_SYNC_OVERLAY; switch the overlay on and deploy");
    const { site } = this.#site.meta;
    for (let attempt = 0; ; attempt++) {
      try {
        // A stub that has failed once may fail for ever.
        return await call(namespace.get(namespace.idFromName(site)), site);
      } catch (error) {
        const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
        if (!retryable || overloaded || attempt === waits.length) throw explain(error);
      }
      await new Promise((resolve) => setTimeout(resolve, waits[attempt]));
    }
  }
}

/** Tells refusals, which come over from the Durable Object as errors that JavaScript has, from what went wrong. */
function explain(error: unknown): EditError {
  const refusal = error instanceof Error && /^kv-sync overlay: (.*)$/s.exec(error.message)?.[1];
  if (refusal)
    return new EditError(error instanceof RangeError ? 413 : 422, `the overlay refuses this: ${refusal}`, {
      cause: error,
    });
  console.error("kv-sync: the overlay's Durable Object failed:", error);
  return new EditError(
    503,
    "the overlay does not answer; if this was a write, read it back to know whether it was made, and try again",
    { cause: error },
  );
}
