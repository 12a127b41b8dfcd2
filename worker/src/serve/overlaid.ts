// Combines the two layers of a site: the deployed manifest and the overlay.

import { type Asset, type Manifest, maxPathname } from "../format/manifest";
import type { Meta } from "../format/meta";
import { sha256 } from "../format/sha256";

/** The assets that responses are made from: a deployed manifest, or one with an overlay. */
export interface Layers {
  readonly meta: Meta;
  /** The index of the asset with this decoded pathname, or -1. */
  find(pathname: string): number;
  /** Whether the asset at an index is retired. */
  isRetired(index: number): boolean;
  /** The asset at an index. Throws a ManifestError for an entry that cannot be served. */
  asset(index: number): Asset;
}

/** An overlay over a deployed manifest. Creating one reads no entries, so the cost does not depend on the site. */
export class Overlaid implements Layers {
  readonly meta: Meta;
  readonly #over: Manifest;
  readonly #deployed: Manifest;

  /** Throws a ManifestError if a meta section is damaged. */
  constructor(over: Manifest, deployed: Manifest) {
    const { redirects, headers } = over.meta;
    this.meta = {
      ...deployed.meta,
      redirects: [...redirects, ...deployed.meta.redirects],
      headers: [...deployed.meta.headers, ...headers],
    };
    this.#over = over;
    this.#deployed = deployed;
  }

  find(pathname: string): number {
    if (pathname.length > maxPathname) return -1;
    const wanted = sha256(pathname); // hashed once for both layers
    const index = this.#over.search(wanted);
    if (index < 0 || this.#isAdopted(pathname, index)) return this.#deployed.search(wanted);
    return this.#over.isTombstone(index) ? -1 : this.#deployed.size + index;
  }

  isRetired(index: number): boolean {
    return index < this.#deployed.size && this.#deployed.isRetired(index);
  }

  asset(index: number): Asset {
    const { size } = this.#deployed;
    return index < size ? this.#deployed.asset(index) : this.#over.asset(index - size);
  }

  /** The writes that the deployed manifest has adopted and the overlay still has. */
  adopted(): { path: string; nonce: string }[] {
    return [...this.meta.adopted].flatMap(([path, nonce]) => {
      const index = this.#over.find(path);
      return index >= 0 && this.#isAdopted(path, index) ? [{ path, nonce }] : [];
    });
  }

  #isAdopted(pathname: string, index: number): boolean {
    const nonce = this.meta.adopted.get(pathname);
    return nonce !== undefined && nonce === this.#over.nonce(index);
  }
}
