// How many bytes the requests of one isolate hold at a time. Cloudflare gives an
// isolate 128 MB for all of them, whoever they are from.

/** There is no memory for a request now. It may be sent again. */
export class BusyError extends Error {
  override name = "BusyError";
  /** In seconds. */
  readonly retryAfter = 5;

  constructor() {
    super("too many uploads at once; try again in a few seconds");
  }
}

/** Bytes that a budget counts until they are released. */
export interface Lease {
  /** More than one call does no harm. */
  release(): void;
}

/** What a budget is given; all but the capacity may be left out. */
export interface BudgetOptions {
  capacity: number;
  /** The part of the capacity, and of the queue, that one project may have. */
  share?: number;
  /** How many requests may wait. */
  waiters?: number;
  /** For how long, in milliseconds, a request waits. 0: it does not. */
  patience?: number;
  now?: () => number;
  sleep?: (ms: number) => Promise<unknown>;
}

interface Claim {
  tenant: string;
  bytes: number;
  /** When its request was last known to be alive. */
  seen: number;
}

/** How often a request looks whether it is its turn, and says that it is alive. In milliseconds. */
const interval = 50;
const heartbeat = 1_000;

/** A request that says nothing for so long is gone: what it had is free. */
const longestSilence = 15_000;

/**
 * A bound on the bytes that are held, and on the requests that wait for some.
 * First come, first served, but for those whose project has its share.
 *
 * A request cannot wait for a promise of another one, so it looks again and
 * again. Where its client goes away, the runtime ends it without running
 * `finally`, so what it holds is given back when its timer has been silent.
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

  /** How many bytes are held, how many were at the most, and how many requests wait. */
  get state(): { held: number; highest: number; waiting: number } {
    this.#sweep();
    return { held: sum(this.#holders), highest: this.#highest, waiting: this.#waiters.size };
  }

  /**
   * Waits until so many bytes may be held, for a site or a project. More than
   * the capacity counts as the capacity. Throws a BusyError where too many wait
   * already, or it takes too long.
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

  /** Whether a claim fits, and none fits that came before it. */
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

  /** A site has its Worker for itself. */
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
