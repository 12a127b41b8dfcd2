// Conditions of writes. The binding checks them before it reads a body. The
// Durable Object checks them again in the transaction, which decides.

import type { Condition } from "../format/overlay_entry";

/** Whether a condition holds for the current content hash; null means no content. */
export function holds(condition: Condition | undefined, current: string | null): boolean {
  const lists = (hashes: string[]) => current !== null && (hashes.includes("*") || hashes.includes(current));
  if (condition?.is && !lists(condition.is)) return false;
  return !condition?.isNot || !lists(condition.isNot);
}
