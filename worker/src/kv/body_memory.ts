// The memory that bodies take while they are written, counted for the isolate.
// All of it together is 90 MiB: manifests have 24 of the rest.

import { BusyError, ByteBudget, type Lease } from "./byte_budget";
import { largestValue } from "../format/chunks";

/** How much is held in a part of the memory by one stream or one call. */
export interface Step {
  readonly bytes: number;
  readonly budget: ByteBudget;
}

/**
 * A body that grows waits for the next step while it holds the one before, and
 * never the other way round. So those that hold the last one, which wait for
 * nothing, let all others go on; and few large bodies leave small ones their way.
 */
export const steps: Step[] = [
  { bytes: 512 << 10, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 4 }) },
  { bytes: 4 << 20, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 2 }) },
  { bytes: largestValue + 1, budget: new ByteBudget({ capacity: 2 * (largestValue + 1), share: 1 / 2 }) },
];

/**
 * The same for the bodies of one call that came whole. They are in memory already,
 * so they do not wait there: where their own part is full they take the next one.
 * A call never takes one of a smaller part, so no large call has small ones refused.
 */
const kept: Step[] = [
  { bytes: 512 << 10, budget: new ByteBudget({ capacity: 4 << 20, share: 1 / 4, patience: 0 }) },
  { bytes: 4 << 20, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 2, patience: 0 }) },
  { bytes: Infinity, budget: new ByteBudget({ capacity: 12 << 20, share: 1 / 2, patience: 0 }) },
];

/** What is held now and was at the most, for tests. */
export function heldByBodies(): { held: number; highest: number; waiting: number }[] {
  return [...steps, ...kept].map(({ budget }) => budget.state);
}

/** Counts the bodies among these values that are in memory. Throws a BusyError where there are too many. */
export async function holdKept(bodies: Iterable<unknown>, tenant: string): Promise<Lease> {
  const bytes = keptBytes(bodies);
  if (bytes === 0) return { release() {} };
  const parts = kept.filter((part) => bytes <= part.bytes);
  for (const { budget } of parts.slice(0, -1)) {
    try {
      return await budget.acquire(bytes, tenant);
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
    }
  }
  return parts.at(-1)!.budget.acquire(bytes, tenant);
}

/** What bodies take while they are written: a text is there twice, and a view keeps all of its buffer, which others may share. */
function keptBytes(bodies: Iterable<unknown>): number {
  let bytes = 0;
  const buffers = new Set<ArrayBufferLike>();
  for (const body of bodies) {
    if (typeof body === "string") bytes += 2 * body.length;
    else if (body instanceof Blob) bytes += body.size;
    else if (body instanceof ArrayBuffer) buffers.add(body);
    else if (ArrayBuffer.isView(body)) buffers.add(body.buffer);
  }
  for (const { byteLength } of buffers) bytes += byteLength;
  return bytes;
}
