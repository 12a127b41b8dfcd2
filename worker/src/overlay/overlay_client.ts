// The client of an overlay's Durable Object.

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

/** What an isolate caches of the overlay of a site. */
interface Known {
  /** The site with the overlay of the Durable Object at a revision. */
  seen: { revision: number; view: View } | undefined;
  /** Whether the Durable Object knows which writes are adopted. */
  settled: boolean;
}

const known = new WeakMap<Site, Known>();

/**
 * The waits before repeated calls, in milliseconds. The platform marks errors as retryable if the object moved or
 * restarted.
 */
const waits = [100, 400, 1_600];

/** Calls the Durable Object of a site. It hides entries that the deployed manifest has adopted. */
export class OverlayClient {
  readonly #site: Site;
  readonly #namespace: OverlayNamespace | undefined;
  readonly #known: Known;

  constructor(site: Site, namespace: OverlayNamespace | undefined) {
    this.#site = site;
    this.#namespace = namespace;
    this.#known = known.get(site) ?? { seen: undefined, settled: false };
    known.set(site, this.#known);
  }

  /** The site with all committed writes. */
  async view(): Promise<View> {
    const read = await this.#ask((object, site) => object.read(site, this.#known.seen?.revision));
    if (read) {
      const { revision, manifest } = read;
      const view = this.#site.under(manifest.slice().buffer);
      // Replies may arrive out of order; an older one must not replace a newer one.
      if (revision > (this.#known.seen?.revision ?? -1)) this.#known.seen = { revision, view };
      return view;
    }
    return this.#known.seen!.view;
  }

  async look(paths: string[]): Promise<(OverlayEntry | null)[]> {
    const entries = await this.#ask((object, site) => object.look(site, paths));
    return entries.map((entry) => (entry && this.#isAdopted(entry) ? null : entry));
  }

  /** A page of entries, and the start of the next one. */
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

  /** Makes the Durable Object drop adopted writes, even if no visitor reads the overlay from KV. */
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

  /** Makes a call and repeats it if the error is retryable. This is safe: a repeated commit has no further effect. */
  async #ask<T>(call: (object: OverlayMethods, site: string) => Promise<T>): Promise<T> {
    const namespace = this.#namespace;
    if (!namespace) throw new EditError(503, "the binding KV_SYNC_OVERLAY is missing; enable the overlay and deploy");
    const { site } = this.#site.meta;
    for (let attempt = 0; ; attempt++) {
      try {
        // A stub that failed once may never work again.
        return await call(namespace.get(namespace.idFromName(site)), site);
      } catch (error) {
        const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
        if (!retryable || overloaded || attempt === waits.length) throw explain(site, error);
      }
      await new Promise((resolve) => setTimeout(resolve, waits[attempt]));
    }
  }
}

/** Converts an error of a call. A refusal arrives as a built-in error class with a known prefix. */
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
