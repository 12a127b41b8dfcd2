// The overlay of a site as KV shows it here, and as an isolate remembers it.

import { Manifest, ManifestError } from "../format/manifest";

/** For how long, in milliseconds, an isolate takes what it read for granted. */
const fresh = 10_000;

/** How much longer, while one request reads it again, the others may. */
const whileRead = 5_000;

/** In seconds; KV allows no shorter one. */
const cacheTtl = 30;

/** The overlay could not be read, and none is known to go on with. */
export class OverlayUnavailableError extends Error {
  override name = "OverlayUnavailableError";
}

/**
 * One site's overlay. It is read at most every ten seconds, by one request at a
 * time once it is known. Values are remembered, not promises: those of one
 * request cannot be waited for in another.
 */
export class LiveOverlay {
  readonly #site: string;
  readonly #now: () => number;
  /** null: KV has none. */
  #known: Manifest | null | undefined;
  #read = -Infinity;
  #beingRead = false;

  constructor(site: string, now: () => number = Date.now) {
    this.#site = site;
    this.#now = now;
  }

  /** The length of what is remembered. */
  get bytes(): number {
    return this.#known?.bytes ?? 0;
  }

  /**
   * The overlay, or null where nothing was ever written: the same object as
   * long as its revision is the same. Where KV fails, or what lies there is
   * damaged, the last one known goes on. Throws an OverlayUnavailableError
   * where none is known: the deployed site alone could show a page again that
   * was deleted.
   */
  async get(kv: KVNamespace): Promise<Manifest | null> {
    const now = this.#now();
    if (this.#known !== undefined && now - this.#read < (this.#beingRead ? fresh + whileRead : fresh))
      return this.#known;

    this.#beingRead = true; // and stays so where this request is cut off; the time tells the others
    try {
      const found = await this.#load(kv);
      // KV may show an older one than it did.
      if (this.#known === undefined || (found && found.meta.revision > (this.#known?.meta.revision ?? -1)))
        this.#known = found;
    } catch (cause) {
      if (this.#known === undefined) {
        throw new OverlayUnavailableError(
          `the overlay of ${this.#site} cannot be read, and none is known here; try again`,
          { cause },
        );
      }
      console.error(
        `kv-sync: cannot read the overlay of ${this.#site}; going on with revision ${this.#known?.meta.revision ?? 0}:`,
        cause,
      );
    }
    this.#read = now;
    this.#beingRead = false;
    return this.#known;
  }

  async #load(kv: KVNamespace): Promise<Manifest | null> {
    const bytes = await kv.get(`${this.#site}/o/current`, { type: "arrayBuffer", cacheTtl });
    return bytes && openOverlay(this.#site, bytes);
  }
}

/** Opens the overlay manifest of a site. Throws a ManifestError for bytes that are none, or another site's. */
export function openOverlay(site: string, bytes: ArrayBuffer): Manifest {
  const manifest = new Manifest(bytes, "overlay");
  if (manifest.meta.site !== `${site}/o`)
    throw new ManifestError(`kv-sync manifest: it is the overlay of ${manifest.meta.site}, not of ${site}`);
  return manifest;
}
