// The overlay of a site as it is in KV, cached by the isolate.

import { Manifest, ManifestError } from "../format/manifest";
import { describeThrown } from "../format/one_line";

/** How long the isolate uses the cached overlay, in milliseconds. */
const fresh = 10_000;

/** How much longer other requests use it while one request refreshes it, in milliseconds. */
const whileRefreshing = 5_000;

/** How long KV caches the overlay, in seconds: the minimum that KV allows. */
const cacheTtl = 30;

/** Thrown if KV cannot return the overlay and the isolate has not cached it. */
export class OverlayUnavailableError extends Error {
  override name = "OverlayUnavailableError";
}

/**
 * The overlay of one site. It is read at most every ten seconds. After the first read, one request at a time refreshes
 * it. The cache has values, not promises, because a request cannot await the promise of another one.
 */
export class LiveOverlay {
  readonly #site: string;
  readonly #now: () => number;
  /** null if KV has no overlay; undefined before the first read. */
  #known: Manifest | null | undefined;
  #read = -Infinity;
  #refreshing = false;

  constructor(site: string, now: () => number = Date.now) {
    this.#site = site;
    this.#now = now;
  }

  /** The size of the cached manifest. */
  get bytes(): number {
    return this.#known?.bytes ?? 0;
  }

  /**
   * The overlay, or null if there is none. It is the same object until its revision changes. If KV fails or the overlay
   * is damaged, it returns the cached one. Without a cached one it throws an OverlayUnavailableError, because the
   * deployed site alone could show a page that was deleted.
   */
  async get(kv: KVNamespace): Promise<Manifest | null> {
    const now = this.#now();
    if (this.#known !== undefined && now - this.#read < (this.#refreshing ? fresh + whileRefreshing : fresh))
      return this.#known;

    this.#refreshing = true; // stays true if this request is aborted; others then wait for `whileRefreshing`
    try {
      const found = await this.#load(kv);
      // KV may return an older revision than before.
      if (this.#known === undefined || (found && found.meta.revision > (this.#known?.meta.revision ?? -1)))
        this.#known = found;
    } catch (cause) {
      if (this.#known === undefined) {
        throw new OverlayUnavailableError(`cannot read the overlay of ${this.#site}; try again`, { cause });
      }
      console.error(
        `kv-sync: cannot read the overlay of ${this.#site}; using revision ${this.#known?.meta.revision ?? 0}:`,
        describeThrown(cause),
      );
    }
    this.#read = now;
    this.#refreshing = false;
    return this.#known;
  }

  async #load(kv: KVNamespace): Promise<Manifest | null> {
    const bytes = await kv.get(`${this.#site}/o/current`, { type: "arrayBuffer", cacheTtl });
    return bytes && openOverlay(this.#site, bytes);
  }
}

/** Opens the overlay manifest of a site. Throws a ManifestError for invalid bytes, or those of another site. */
export function openOverlay(site: string, bytes: ArrayBuffer): Manifest {
  const manifest = new Manifest(bytes, "overlay");
  if (manifest.meta.site !== `${site}/o`)
    throw new ManifestError(`kv-sync manifest: the overlay of ${manifest.meta.site}, not of ${site}`);
  return manifest;
}
