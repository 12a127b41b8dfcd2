// The memory that bodies take while they are written, counted for the isolate.
// All of it together is 90 MiB: manifests have 24 of the rest.

import { ByteBudget, type Lease } from "./byte_budget";
import { largestValue } from "./chunks";

/** How much of a stream is held at first, and by which steps that grows. */
interface Step {
  readonly bytes: number;
  readonly budget: ByteBudget;
}

/**
 * A body that grows waits for the next step while it holds the one before, and
 * never the other way round. So those that hold the last one, which wait for
 * nothing, let all others go on; and few large bodies leave small ones their way.
 */
const steps: Step[] = [
  { bytes: 512 << 10, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 4 }) },
  { bytes: 4 << 20, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 2 }) },
  { bytes: largestValue + 1, budget: new ByteBudget({ capacity: 2 * (largestValue + 1), share: 1 / 2 }) },
];

/** Of bodies that came whole. They are in memory already, so they do not wait there. */
const kept = new ByteBudget({ capacity: 24 << 20, share: 1 / 2, patience: 0 });

/** What is held now and was at the most, for tests. */
export function heldByBodies(): { held: number; highest: number; waiting: number }[] {
  return [...steps.map(({ budget }) => budget), kept].map(({ state }) => state);
}

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

/** Counts the bodies among these values that are in memory. Throws a BusyError where there are too many. */
export async function holdKept(bodies: Iterable<unknown>, tenant: string): Promise<Lease> {
  let bytes = 0;
  for (const body of bodies) bytes += keptBytes(body);
  return bytes === 0 ? { release() {} } : kept.acquire(bytes, tenant);
}

/** What a body takes while it is written: a text is there twice. */
function keptBytes(body: unknown): number {
  if (typeof body === "string") return 2 * body.length;
  if (body instanceof Blob) return body.size;
  return body instanceof ArrayBuffer || ArrayBuffer.isView(body) ? body.byteLength : 0;
}
