import { streamTiers, type Tier } from "./body_memory";
import type { Lease } from "./byte_budget";

/** The memory that is reserved for one stream. It grows with the stream. */
export class StreamMemory {
  readonly #tenant: string;
  #tier: Tier | undefined;
  #lease: Lease | undefined;

  /** The tenant is the id of a site: "blog" or "project/shop". */
  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Waits until this many bytes are reserved in total. Throws a BusyError if there is no memory. */
  async grow(bytes: number): Promise<void> {
    const tier = streamTiers.find((tier) => bytes <= tier.bytes) ?? streamTiers.at(-1)!;
    if (tier === this.#tier) return;
    const lease = await tier.budget.acquire(tier.bytes, this.#tenant);
    this.#lease?.release();
    this.#tier = tier;
    this.#lease = lease;
  }

  release(): void {
    this.#lease?.release();
  }
}
