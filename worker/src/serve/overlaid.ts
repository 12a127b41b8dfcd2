// Combines the two layers of a site: the deployed manifest, and the overlay above it.

import type { Asset, Manifest } from "../format/manifest";
import type { Meta } from "../format/meta";
import type { Deployed, Layers } from "./layers";
import type { HeldParts } from "./parts";

/** A deployed manifest with an overlay. Creating it reads no entries, so the cost does not grow with the site. */
export class Overlaid implements Layers {
  readonly meta: Meta;
  readonly #overlay: Manifest;
  readonly #deployed: Deployed;
  readonly findRetired: Layers["findRetired"];

  /** Throws a ManifestError if a meta section is damaged. */
  constructor(overlay: Manifest, deployed: Deployed) {
    const { redirects, headers } = overlay.meta;
    this.meta = {
      ...deployed.meta,
      redirects: [...redirects, ...deployed.meta.redirects],
      headers: [...deployed.meta.headers, ...headers],
    };
    this.#overlay = overlay;
    this.#deployed = deployed;
    const { findRetired } = deployed;
    if (findRetired)
      this.findRetired = (pathname, held) => (this.#written(pathname) < 0 ? findRetired(pathname, held) : -1);
  }

  find(pathname: string, held?: HeldParts): number {
    const index = this.#written(pathname);
    if (index < 0) return this.#deployed.find(pathname, held);
    return this.#overlay.isTombstone(index) ? -1 : this.#deployed.size + index;
  }

  isRetired(index: number): boolean {
    return index < this.#deployed.size && this.#deployed.isRetired(index);
  }

  asset(index: number, held?: HeldParts): Asset {
    const { size } = this.#deployed;
    return index < size ? this.#deployed.asset(index, held) : this.#overlay.asset(index - size);
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

  /** Returns the index in the overlay of the write that overrides the deployed manifest, or -1. */
  #written(pathname: string): number {
    const index = this.#overlay.find(pathname);
    return index >= 0 && this.#isAdopted(pathname, index) ? -1 : index;
  }

  #isAdopted(pathname: string, index: number): boolean {
    const nonce = this.meta.adopted.get(pathname);
    return nonce !== undefined && nonce === this.#overlay.nonce(index);
  }
}
