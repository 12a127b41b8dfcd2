// The memory of an isolate for bodies that are being written. It is 90 MiB in
// total; manifests use 24 MiB of the rest.

import { largestValue } from "../format/chunks";
import { BusyError, ByteBudget, type Lease } from "./byte_budget";

/** A part of the memory, and how much of it one stream or one call may use. */
export interface Step {
  readonly bytes: number;
  readonly budget: ByteBudget;
}

/**
 * The steps of a stream. A stream that grows waits for the next step while it holds the current one. Streams at the
 * last step wait for nothing, so all others eventually continue. Large streams do not use up the memory of small ones.
 */
export const steps: Step[] = [
  { bytes: 512 << 10, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 4 }) },
  { bytes: 4 << 20, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 2 }) },
  { bytes: largestValue + 1, budget: new ByteBudget({ capacity: 2 * (largestValue + 1), share: 1 / 2 }) },
];

/**
 * The same for the bodies of one call that are already in memory. Such a call does not wait: if its part is full, it
 * uses the next larger one. It never uses a smaller part, so that large calls cannot block small ones.
 */
const kept: Step[] = [
  { bytes: 512 << 10, budget: new ByteBudget({ capacity: 4 << 20, share: 1 / 4, patience: 0 }) },
  { bytes: 4 << 20, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 2, patience: 0 }) },
  { bytes: Infinity, budget: new ByteBudget({ capacity: 12 << 20, share: 1 / 2, patience: 0 }) },
];

/** The current and the highest use, for tests. */
export function heldByBodies(): { held: number; highest: number; waiting: number }[] {
  return [...steps, ...kept].map(({ budget }) => budget.state);
}

/** Reserves memory for those bodies that are in memory. Throws a BusyError if there is too little. */
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

/** The memory of bodies while they are written. A text counts twice; a view counts its whole buffer, once. */
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
