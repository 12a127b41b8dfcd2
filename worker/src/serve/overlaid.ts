// Combines the two layers of a site: the deployed manifest, and the overlay above it.

import { type Asset, type Manifest, maxPathname } from "../format/manifest";
import type { Meta } from "../format/meta";
import { sha256 } from "../format/sha256";

/** The assets of a site: a deployed manifest, alone or with an overlay. */
export interface Layers {
  readonly meta: Meta;
  /** Returns the index of the asset with this decoded pathname, or -1. */
  find(pathname: string): number;
  /** Whether the asset at an index is retired. */
  isRetired(index: number): boolean;
  /** Returns the asset at an index. Throws a ManifestError for an entry that cannot be served. */
  asset(index: number): Asset;
}

/** A deployed manifest with an overlay. Creating it reads no entries, so the cost does not grow with the site. */
export class Overlaid implements Layers {
  readonly meta: Meta;
  readonly #overlay: Manifest;
  readonly #deployed: Manifest;

  /** Throws a ManifestError if a meta section is damaged. */
  constructor(overlay: Manifest, deployed: Manifest) {
    const { redirects, headers } = overlay.meta;
    this.meta = {
      ...deployed.meta,
      redirects: [...redirects, ...deployed.meta.redirects],
      headers: [...deployed.meta.headers, ...headers],
    };
    this.#overlay = overlay;
    this.#deployed = deployed;
  }

  find(pathname: string): number {
    if (pathname.length > maxPathname) return -1;
    const wanted = sha256(pathname); // one hash for the look-ups in both layers
    const index = this.#overlay.search(wanted);
    if (index < 0 || this.#isAdopted(pathname, index)) return this.#deployed.search(wanted);
    return this.#overlay.isTombstone(index) ? -1 : this.#deployed.size + index;
  }

  isRetired(index: number): boolean {
    return index < this.#deployed.size && this.#deployed.isRetired(index);
  }

  asset(index: number): Asset {
    const { size } = this.#deployed;
    return index < size ? this.#deployed.asset(index) : this.#overlay.asset(index - size);
  }

  /**
   * Returns the adopted writes that are still in the overlay. A deploy adopts a write if the deployed manifest has the
   * same content for its path. The write is then ignored here, and the Durable Object can drop it.
   */
  adopted(): { path: string; nonce: string }[] {
    return [...this.meta.adopted].flatMap(([path, nonce]) => {
      const index = this.#overlay.find(path);
      return index >= 0 && this.#isAdopted(path, index) ? [{ path, nonce }] : [];
    });
  }

  #isAdopted(pathname: string, index: number): boolean {
    const nonce = this.meta.adopted.get(pathname);
    return nonce !== undefined && nonce === this.#overlay.nonce(index);
  }
}
