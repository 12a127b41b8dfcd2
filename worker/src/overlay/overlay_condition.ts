// Conditions of writes. The binding judges them before it takes a body in, the
// Durable Object within the transaction: that judgement counts.

import type { Condition } from "../format/overlay_entry";

/** Whether a condition holds where there is this content, by its hash; null where there is nothing. */
export function holds(condition: Condition | undefined, current: string | null): boolean {
  const lists = (hashes: string[]) => current !== null && (hashes.includes("*") || hashes.includes(current));
  if (condition?.is && !lists(condition.is)) return false;
  return !condition?.isNot || !lists(condition.isNot);
}
