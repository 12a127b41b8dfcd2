// The memory of one stream.

import { type Step, steps } from "./body_memory";
import type { Lease } from "./byte_budget";

/** The memory that is reserved for one stream. */
export class StreamMemory {
  readonly #tenant: string;
  #step: Step | undefined;
  #lease: Lease | undefined;

  /** The tenant is the id of a site: "blog" or "project/shop". */
  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Waits until this many bytes are reserved in total. Throws a BusyError. */
  async grow(bytes: number): Promise<void> {
    const step = steps.find((step) => bytes <= step.bytes) ?? steps.at(-1)!;
    if (step === this.#step) return;
    const lease = await step.budget.acquire(step.bytes, this.#tenant);
    this.#lease?.release();
    this.#step = step;
    this.#lease = lease;
  }

  release(): void {
    this.#lease?.release();
  }
}
