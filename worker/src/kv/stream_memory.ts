// The memory that one stream holds.

import type { Lease } from "./byte_budget";
import { type Step, steps } from "./body_memory";

/** What one stream may hold. */
export class StreamMemory {
  readonly #tenant: string;
  #step: Step | undefined;
  #lease: Lease | undefined;

  /** The tenant is a site's id, or "project/" and a project's. */
  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Waits until so many bytes may be held, in the place of what was. Throws a BusyError. */
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
