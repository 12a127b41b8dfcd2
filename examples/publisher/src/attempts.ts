// A limit for attempts to log in.

/**
 * Counts attempts by a key, such as an address, in one isolate. Cloudflare runs many isolates, so this only
 * slows guessing down. The length of the password prevents it.
 */
export class Attempts {
  readonly #made = new Map<string, { count: number; since: number }>();

  constructor(
    readonly most: number,
    /** In milliseconds. */
    readonly within: number,
    /** How many keys are stored. The oldest is dropped first. */
    readonly keys = 1_000,
  ) {}

  /** Counts an attempt before its result is known, so that parallel ones count. False if there were too many. */
  take(key: string, now = Date.now()): boolean {
    let made = this.#made.get(key);
    if (!made || now - made.since >= this.within) {
      this.#made.delete(key);
      made = { count: 0, since: now };
      this.#made.set(key, made);
      if (this.#made.size > this.keys) this.#made.delete(this.#made.keys().next().value!);
    }
    return ++made.count <= this.most;
  }

  /** Called after a successful attempt. */
  forget(key: string): void {
    this.#made.delete(key);
  }
}

/**
 * Limits the attempts of each name at an address, so that who forgot the password does not lock out the colleagues
 * behind the same address. Names are free text, so there is also a larger limit for the address.
 */
export class Logins {
  readonly #byName: Attempts;
  readonly #byAddress: Attempts;

  constructor(
    { ofName, ofAddress }: { ofName: number; ofAddress: number },
    /** In milliseconds. */
    within: number,
  ) {
    this.#byName = new Attempts(ofName, within);
    this.#byAddress = new Attempts(ofAddress, within);
  }

  /** Counts an attempt. False if there were too many. */
  take(address: string, name: string, now = Date.now()): boolean {
    return this.#byAddress.take(address, now) && this.#byName.take(keyOf(address, name), now);
  }

  /** Called after a successful attempt. That of another name does not free the address. */
  forget(address: string, name: string): void {
    this.#byName.forget(keyOf(address, name));
  }
}

function keyOf(address: string, name: string): string {
  return `${address} ${name.normalize("NFKC").toLowerCase()}`;
}
