import type { Layers } from "./layers";
import type { HeldParts } from "./parts";

/** The look-ups of one request. Resolving looks up the same pathnames several times, so the results are kept. */
export class Lookups {
  readonly #layers: Layers;
  readonly #held: HeldParts | undefined;
  readonly #pathnames: string[] = [];
  readonly #found: number[] = [];
  #mayBeRetired: boolean;

  constructor(layers: Layers, held: HeldParts | undefined) {
    this.#layers = layers;
    this.#held = held;
    this.#mayBeRetired = layers.findRetired !== undefined;
  }

  /** Whether `retained` may find an asset where `current` found none. */
  get mayBeRetired(): boolean {
    return this.#mayBeRetired;
  }

  /** Returns the index of the asset of this deployment at a pathname, or -1. */
  readonly current = (pathname: string): number => {
    const index = this.#find(pathname);
    if (index < 0 || !this.#layers.isRetired(index)) return index;
    this.#mayBeRetired = true;
    return -1;
  };

  /** Like current, but also finds retired assets. */
  readonly retained = (pathname: string): number => {
    const index = this.#find(pathname);
    const { findRetired } = this.#layers;
    if (index >= 0 || !findRetired) return index;
    const retired = findRetired(pathname, this.#held);
    this.#found[this.#pathnames.indexOf(pathname)] = retired;
    return retired;
  };

  /** Returns the index that was found at a pathname, or -1 without a new look-up. */
  found(pathname: string): number {
    return this.#found[this.#pathnames.indexOf(pathname)] ?? -1;
  }

  #find(pathname: string): number {
    const known = this.#pathnames.indexOf(pathname);
    if (known >= 0) return this.#found[known]!;
    const index = this.#layers.find(pathname, this.#held);
    this.#pathnames.push(pathname);
    this.#found.push(index);
    return index;
  }
}
