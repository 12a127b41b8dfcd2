// Reads the overlay of a site from KV, and caches it in the isolate.

import { Manifest, ManifestError } from "../format/manifest";
import { describeThrown } from "../format/one_line";

/** How long the cached overlay is used without a read of KV, in milliseconds. */
const freshMs = 10_000;

/** How much longer other requests use it while one request reads KV, in milliseconds. */
const refreshMs = 5_000;

/** How long KV's own cache keeps the overlay, in seconds. This is the minimum that KV allows. */
const cacheTtl = 30;

/** Thrown if the overlay cannot be read, and the isolate has no cached one. */
export class OverlayUnavailableError extends Error {
  override name = "OverlayUnavailableError";
}

/**
 * The overlay of one site. It is read from KV at most every ten seconds. After the first read, one request at a time
 * reads it. The cache has values, not promises, because a request cannot await another request's promise.
 */
export class LiveOverlay {
  readonly #site: string;
  readonly #now: () => number;
  /** The cached overlay; null if KV has none, undefined before the first read. */
  #cached: Manifest | null | undefined;
  #readAt = -Infinity;
  #refreshing = false;

  constructor(site: string, now: () => number = Date.now) {
    this.#site = site;
    this.#now = now;
  }

  /** The size of the cached manifest. */
  get bytes(): number {
    return this.#cached?.bytes ?? 0;
  }

  /**
   * Returns the overlay, or null if there is none. It is the same object until the revision changes. If KV fails or the
   * overlay is damaged, get returns the cached overlay. If none is cached, it throws an OverlayUnavailableError:
   * without its overlay, the site could show a page that was deleted.
   */
  async get(kv: KVNamespace): Promise<Manifest | null> {
    const now = this.#now();
    if (this.#cached !== undefined && now - this.#readAt < (this.#refreshing ? freshMs + refreshMs : freshMs))
      return this.#cached;

    // If this request is aborted, this stays true. Another request then reads after `refreshMs`.
    this.#refreshing = true;
    try {
      const found = await this.#load(kv);
      // KV may return an older revision than the cached one.
      if (this.#cached === undefined || (found && found.meta.revision > (this.#cached?.meta.revision ?? -1)))
        this.#cached = found;
    } catch (cause) {
      if (this.#cached === undefined) {
        throw new OverlayUnavailableError(`cannot read the overlay of ${this.#site}; try again`, { cause });
      }
      console.error(
        `kv-sync: cannot read the overlay of ${this.#site}; using revision ${this.#cached?.meta.revision ?? 0}:`,
        describeThrown(cause),
      );
    }
    this.#readAt = now;
    this.#refreshing = false;
    return this.#cached;
  }

  async #load(kv: KVNamespace): Promise<Manifest | null> {
    const bytes = await kv.get(`${this.#site}/o/current`, { type: "arrayBuffer", cacheTtl });
    return bytes && openOverlay(this.#site, bytes);
  }
}

/** Opens the overlay manifest of a site. Throws a ManifestError if it is invalid, or belongs to another site. */
export function openOverlay(site: string, bytes: ArrayBuffer): Manifest {
  const manifest = new Manifest(bytes, "overlay");
  if (manifest.meta.site !== `${site}/o`)
    throw new ManifestError(`kv-sync manifest: the overlay of ${manifest.meta.site}, not of ${site}`);
  return manifest;
}
