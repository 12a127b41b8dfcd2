// How often somebody may try to log in.

/**
 * Counts attempts by address. It counts those of one isolate, of which
 * Cloudflare runs many, so it slows guessing down; what makes it hopeless is
 * the length of the password.
 */
export class Attempts {
  readonly #made = new Map<string, { count: number; since: number }>();

  constructor(
    readonly most: number,
    /** In milliseconds. */
    readonly within: number,
    /** How many addresses are remembered; the one that came first is forgotten first. */
    readonly addresses = 1_000,
  ) {}

  /** Counts one, before it is known how it ends: many at once must not slip through. False where it is one too many. */
  take(address: string, now = Date.now()): boolean {
    let made = this.#made.get(address);
    if (!made || now - made.since >= this.within) {
      this.#made.delete(address);
      made = { count: 0, since: now };
      this.#made.set(address, made);
      if (this.#made.size > this.addresses) this.#made.delete(this.#made.keys().next().value!);
    }
    return ++made.count <= this.most;
  }

  /** After one that was right. */
  forget(address: string): void {
    this.#made.delete(address);
  }
}
