// Limits the memory that the requests of one isolate use together. Cloudflare
// gives an isolate 128 MB for all requests.

/** There is currently no memory for a request. It may be repeated. */
export class BusyError extends Error {
  override name = "BusyError";
  /** In seconds. */
  readonly retryAfter = 5;

  constructor() {
    super("too many uploads at once; try again in a few seconds");
  }
}

/** Reserved bytes. */
export interface Lease {
  /** Frees the bytes. Further calls have no effect. */
  release(): void;
}

/** Options of a budget. */
export interface BudgetOptions {
  capacity: number;
  /** The fraction of the capacity and of the queue that one project may use. */
  share?: number;
  /** The largest number of waiting requests. */
  waiters?: number;
  /** How long a request waits, in milliseconds. With 0 it does not wait. */
  patience?: number;
  now?: () => number;
  sleep?: (ms: number) => Promise<unknown>;
}

interface Claim {
  tenant: string;
  bytes: number;
  /** When the request was last known to be alive. */
  seen: number;
}

/**
 * In milliseconds: how often a waiting request checks whether it is next, and how often a holder confirms that it is
 * alive.
 */
const interval = 50;
const heartbeat = 1_000;

/** A request without a heartbeat for this long is gone, and its bytes are free. In milliseconds. */
const longestSilence = 15_000;

/**
 * A limit on reserved bytes and on waiting requests. Requests are served in order, except those of a project that
 * already has its share.
 *
 * A request cannot await a promise of another request, so it polls. If the client disconnects, the runtime ends the
 * request without running `finally`; its bytes are freed when its heartbeat stops.
 */
export class ByteBudget {
  readonly #capacity: number;
  readonly #share: number;
  readonly #mostWaiters: number;
  readonly #patience: number;
  readonly #now: () => number;
  readonly #sleep: (ms: number) => Promise<unknown>;
  readonly #holders = new Set<Claim>();
  readonly #waiters = new Set<Claim>();
  #highest = 0;

  constructor({
    capacity,
    share = 1,
    waiters = 64,
    patience = 20_000,
    now = Date.now,
    sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }: BudgetOptions) {
    this.#capacity = capacity;
    this.#share = share;
    this.#mostWaiters = waiters;
    this.#patience = patience;
    this.#now = now;
    this.#sleep = sleep;
  }

  /** The reserved bytes, their maximum so far, and the number of waiting requests. */
  get state(): { held: number; highest: number; waiting: number } {
    this.#sweep();
    return { held: sum(this.#holders), highest: this.#highest, waiting: this.#waiters.size };
  }

  /**
   * Waits until the bytes can be reserved for a site or a project. More than the capacity counts as the capacity.
   * Throws a BusyError if too many requests are waiting, or the wait takes too long.
   */
  async acquire(bytes: number, tenant: string): Promise<Lease> {
    const claim: Claim = { tenant, bytes: Math.min(bytes, this.#capacity), seen: this.#now() };
    this.#sweep();
    if (this.#isNext(claim)) return this.#grant(claim);
    if (
      this.#patience === 0 ||
      this.#waiters.size >= this.#mostWaiters ||
      count(this.#waiters, tenant) >= this.#mostWaiters * this.#shareOf(tenant)
    )
      throw new BusyError();
    const until = claim.seen + this.#patience;
    this.#waiters.add(claim);
    try {
      do {
        await this.#sleep(interval);
        claim.seen = this.#now();
        this.#sweep();
        if (this.#isNext(claim)) return this.#grant(claim);
      } while (claim.seen < until);
      throw new BusyError();
    } finally {
      this.#waiters.delete(claim);
    }
  }

  #grant(claim: Claim): Lease {
    this.#holders.add(claim);
    this.#highest = Math.max(this.#highest, sum(this.#holders));
    const timer = setInterval(() => (claim.seen = this.#now()), heartbeat);
    return {
      release: () => {
        clearInterval(timer);
        this.#holders.delete(claim);
      },
    };
  }

  /** Whether a claim fits, and no earlier one does. */
  #isNext(claim: Claim): boolean {
    for (const waiter of this.#waiters) {
      if (waiter === claim) break;
      if (this.#fits(waiter)) return false;
    }
    return this.#fits(claim);
  }

  #fits({ bytes, tenant }: Claim): boolean {
    const mine = sum(this.#holders, tenant);
    return (
      sum(this.#holders) + bytes <= this.#capacity &&
      (mine === 0 || mine + bytes <= this.#capacity * this.#shareOf(tenant))
    );
  }

  /** A site has its own Worker and so no share. */
  #shareOf(tenant: string): number {
    return tenant.startsWith("project/") ? this.#share : 1;
  }

  #sweep(): void {
    const oldest = this.#now() - longestSilence;
    for (const claims of [this.#holders, this.#waiters]) {
      for (const claim of claims) if (claim.seen < oldest) claims.delete(claim);
    }
  }
}

function sum(claims: Iterable<Claim>, tenant?: string): number {
  let bytes = 0;
  for (const claim of claims) if (tenant === undefined || claim.tenant === tenant) bytes += claim.bytes;
  return bytes;
}

function count(claims: Iterable<Claim>, tenant: string): number {
  let n = 0;
  for (const claim of claims) if (claim.tenant === tenant) n++;
  return n;
}
