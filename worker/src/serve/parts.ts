// Look-ups in a manifest in parts. A look-up is synchronous. If it needs a part that is not in
// memory, it throws. Then the part is read from KV, and the look-up runs again.

import { ManifestError } from "../format/manifest";
import { Part } from "../format/part";
import type { Link } from "../format/root";
import { readSmallBlob } from "../kv/blob";

/** The parts that one request has read, by their number in the manifest. It needs no cache to continue. */
export type HeldParts = Map<number, Part>;

/** Thrown if a part is not in KV, or if KV fails. */
export class PartUnavailableError extends Error {
  override name = "PartUnavailableError";
}

/** Thrown by a look-up that needs a part. `keep` gets the part that was read. */
export class PartNeeded {
  readonly #key: string;
  readonly #link: Link;
  readonly #keep: (part: Part, held: HeldParts) => void;

  constructor(key: string, link: Link, keep: (part: Part, held: HeldParts) => void) {
    this.#key = key;
    this.#link = link;
    this.#keep = keep;
  }

  /**
   * Reads the part. Throws a PartUnavailableError if it is missing or cannot be read, and a ManifestError if it is
   * damaged.
   */
  async read(kv: KVNamespace, held: HeldParts): Promise<void> {
    const bytes = await this.#readBytes(kv);
    const { kind, size, first } = this.#link;
    try {
      const part = new Part(new Uint8Array(bytes), kind);
      await part.check();
      if (part.size === 0 || part.size !== size || part.path(0) !== first)
        throw new ManifestError("the part is not the one that the root names");
      this.#keep(part, held);
    } catch (cause) {
      throw new ManifestError(`kv-sync: ${this.#key} is damaged; run kv-sync verify`, { cause });
    }
  }

  async #readBytes(kv: KVNamespace): Promise<ArrayBuffer> {
    let bytes: ArrayBuffer | null;
    try {
      bytes = await readSmallBlob(kv, this.#key);
    } catch (cause) {
      throw new PartUnavailableError(`cannot read ${this.#key}, a part of the manifest; try again`, { cause });
    }
    if (!bytes)
      throw new PartUnavailableError(`${this.#key}, a part of the manifest, is not in KV; run kv-sync verify`);
    return bytes;
  }
}

/**
 * Runs look-ups. If all parts are in memory, the result is immediate. Otherwise parts are read one after another, and
 * the look-ups run again after each. The look-ups must have no other effect before they throw a PartNeeded. `held` has
 * the parts that earlier look-ups of the request read.
 */
export function withParts<T>(
  kv: KVNamespace,
  look: (held?: HeldParts) => T | Promise<T>,
  held?: HeldParts,
): T | Promise<T> {
  try {
    return look(held);
  } catch (error) {
    if (!(error instanceof PartNeeded)) throw error;
    return readAndLook(kv, error, look, held ?? new Map());
  }
}

/** Each turn reads a part that is not yet held, so there are at most as many turns as look-ups. */
async function readAndLook<T>(
  kv: KVNamespace,
  first: PartNeeded,
  look: (held: HeldParts) => T | Promise<T>,
  held: HeldParts,
): Promise<T> {
  for (let needed = first; ; ) {
    await needed.read(kv, held);
    try {
      return look(held);
    } catch (error) {
      if (!(error instanceof PartNeeded)) throw error;
      needed = error;
    }
  }
}
