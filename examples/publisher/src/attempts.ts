// A limit for attempts to log in.

/**
 * Counts attempts by address, in one isolate. Cloudflare runs many isolates, so this only
 * slows guessing down. The length of the password prevents it.
 */
export class Attempts {
  readonly #made = new Map<string, { count: number; since: number }>();

  constructor(
    readonly most: number,
    /** In milliseconds. */
    readonly within: number,
    /** How many addresses are stored. The oldest is dropped first. */
    readonly addresses = 1_000,
  ) {}

  /** Counts an attempt before its result is known, so that parallel ones count. False if there were too many. */
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

  /** Called after a successful attempt. */
  forget(address: string): void {
    this.#made.delete(address);
  }
}
