// Divides the memory of an isolate among the bodies that are being written. They may use
// 90 MiB in total. Cached manifests and blobs use 24 MiB of the rest.

import { maxValueBytes } from "../format/chunks";
import { BusyError, ByteBudget, type Lease } from "./byte_budget";

/** A part of the memory for bodies of a similar size. `bytes` is the maximum for one stream or one call. */
export interface Tier {
  readonly bytes: number;
  readonly budget: ByteBudget;
}

/**
 * The tiers for streams. A stream that grows waits for memory of the next tier while it holds memory of its current
 * one. This cannot deadlock, because streams in the last tier do not wait. Large streams cannot use the memory for
 * small ones.
 */
export const streamTiers: Tier[] = [
  { bytes: 512 << 10, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 4 }) },
  { bytes: 4 << 20, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 2 }) },
  { bytes: maxValueBytes + 1, budget: new ByteBudget({ capacity: 2 * (maxValueBytes + 1), share: 1 / 2 }) },
];

/**
 * The tiers for calls whose bodies are already in memory. Such a call does not wait: if its tier is full, it uses the
 * next larger one. It never uses a smaller tier, so that large calls cannot block small ones.
 */
const callTiers: Tier[] = [
  { bytes: 512 << 10, budget: new ByteBudget({ capacity: 4 << 20, share: 1 / 4, maxWaitMs: 0 }) },
  { bytes: 4 << 20, budget: new ByteBudget({ capacity: 8 << 20, share: 1 / 2, maxWaitMs: 0 }) },
  { bytes: Infinity, budget: new ByteBudget({ capacity: 12 << 20, share: 1 / 2, maxWaitMs: 0 }) },
];

/** Returns the current and the highest use of each tier, for tests. */
export function bodyMemoryState(): { held: number; highest: number; waiting: number }[] {
  return [...streamTiers, ...callTiers].map(({ budget }) => budget.state);
}

/** Reserves memory for the bodies of a call that are in memory. Throws a BusyError if there is not enough. */
export async function reserveMemory(bodies: Iterable<unknown>, tenant: string): Promise<Lease> {
  const bytes = memoryOf(bodies);
  if (bytes === 0) return { release() {} };
  const tiers = callTiers.filter((tier) => bytes <= tier.bytes);
  for (const { budget } of tiers.slice(0, -1)) {
    try {
      return await budget.acquire(bytes, tenant);
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
    }
  }
  return tiers.at(-1)!.budget.acquire(bytes, tenant);
}

/**
 * Returns the memory that bodies need while they are written. A text counts twice. A view counts its whole buffer,
 * once.
 */
function memoryOf(bodies: Iterable<unknown>): number {
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
