// Limits the memory that all requests of an isolate use for bodies. Cloudflare gives an
// isolate 128 MB for all of its requests.

/** Thrown if there is currently no memory for a request. The client may repeat it later. */
export class BusyError extends Error {
  override name = "BusyError";
  /** The time after which the client should try again, in seconds. */
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
  /** The maximum number of reserved bytes. */
  capacity: number;
  /** The fraction of the capacity, and of the queue, that one project may use. */
  share?: number;
  /** The maximum number of waiting requests. */
  maxWaiters?: number;
  /** How long a request may wait, in milliseconds. With 0 it does not wait. */
  maxWaitMs?: number;
  now?: () => number;
  sleep?: (ms: number) => Promise<unknown>;
}

/** A request that holds bytes or waits for them. */
interface Claim {
  tenant: string;
  bytes: number;
  /** The time of the last heartbeat. */
  heartbeatAt: number;
}

/** The time between two checks of a waiting request, in milliseconds. */
const pollInterval = 50;
/** The time between two heartbeats of a request that holds bytes, in milliseconds. */
const heartbeatInterval = 1_000;

/** The time without a heartbeat after which a request counts as ended, and its bytes become free. In milliseconds. */
const maxSilence = 15_000;

/**
 * Limits the reserved bytes and the number of waiting requests. Requests get bytes in the order of their arrival. Only
 * a request of a project that already has its share is skipped.
 *
 * In Workers a request cannot await a promise of another request, so a waiting request polls. If a client disconnects,
 * the runtime ends its request without running `finally`. The bytes of such a request become free because its heartbeat
 * stops.
 */
export class ByteBudget {
  readonly #capacity: number;
  readonly #share: number;
  readonly #maxWaiters: number;
  readonly #maxWaitMs: number;
  readonly #now: () => number;
  readonly #sleep: (ms: number) => Promise<unknown>;
  readonly #holders = new Set<Claim>();
  readonly #waiters = new Set<Claim>();
  #highest = 0;

  constructor({
    capacity,
    share = 1,
    maxWaiters = 64,
    maxWaitMs = 20_000,
    now = Date.now,
    sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }: BudgetOptions) {
    this.#capacity = capacity;
    this.#share = share;
    this.#maxWaiters = maxWaiters;
    this.#maxWaitMs = maxWaitMs;
    this.#now = now;
    this.#sleep = sleep;
  }

  /** The reserved bytes, their maximum so far, and the number of waiting requests. */
  get state(): { held: number; highest: number; waiting: number } {
    this.#sweep();
    return { held: sum(this.#holders), highest: this.#highest, waiting: this.#waiters.size };
  }

  /**
   * Reserves bytes for a tenant, which is the id of a site. Waits until they are free. More bytes than the capacity
   * count as the capacity. Throws a BusyError if too many requests are waiting, or the wait takes too long.
   */
  async acquire(bytes: number, tenant: string): Promise<Lease> {
    const claim: Claim = { tenant, bytes: Math.min(bytes, this.#capacity), heartbeatAt: this.#now() };
    this.#sweep();
    if (this.#isNext(claim)) return this.#grant(claim);
    if (
      this.#maxWaitMs === 0 ||
      this.#waiters.size >= this.#maxWaiters ||
      count(this.#waiters, tenant) >= this.#maxWaiters * this.#shareOf(tenant)
    )
      throw new BusyError();
    const until = claim.heartbeatAt + this.#maxWaitMs;
    this.#waiters.add(claim);
    try {
      do {
        await this.#sleep(pollInterval);
        claim.heartbeatAt = this.#now();
        this.#sweep();
        if (this.#isNext(claim)) return this.#grant(claim);
      } while (claim.heartbeatAt < until);
      throw new BusyError();
    } finally {
      this.#waiters.delete(claim);
    }
  }

  #grant(claim: Claim): Lease {
    this.#holders.add(claim);
    this.#highest = Math.max(this.#highest, sum(this.#holders));
    const timer = setInterval(() => (claim.heartbeatAt = this.#now()), heartbeatInterval);
    return {
      release: () => {
        clearInterval(timer);
        this.#holders.delete(claim);
      },
    };
  }

  /** Whether a claim fits, and no claim before it fits. */
  #isNext(claim: Claim): boolean {
    for (const waiter of this.#waiters) {
      if (waiter === claim) break;
      if (this.#fits(waiter)) return false;
    }
    return this.#fits(claim);
  }

  #fits({ bytes, tenant }: Claim): boolean {
    const tenantBytes = sum(this.#holders, tenant);
    return (
      sum(this.#holders) + bytes <= this.#capacity &&
      (tenantBytes === 0 || tenantBytes + bytes <= this.#capacity * this.#shareOf(tenant))
    );
  }

  /** A site has its own Worker, so it may use the whole capacity. */
  #shareOf(tenant: string): number {
    return tenant.startsWith("project/") ? this.#share : 1;
  }

  /** Removes the claims of requests that have ended. */
  #sweep(): void {
    const oldest = this.#now() - maxSilence;
    for (const claims of [this.#holders, this.#waiters]) {
      for (const claim of claims) if (claim.heartbeatAt < oldest) claims.delete(claim);
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
