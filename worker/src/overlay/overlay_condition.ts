// The conditions of writes. The binding checks them before it reads a body. The Durable
// Object checks them again in the transaction; only that check is reliable.

import type { Condition } from "../format/overlay_entry";

/** Whether a condition holds for the current content hash. null means that there is no content. */
export function conditionHolds(condition: Condition | undefined, current: string | null): boolean {
  const includesCurrent = (hashes: string[]) => current !== null && (hashes.includes("*") || hashes.includes(current));
  if (condition?.is && !includesCurrent(condition.is)) return false;
  return !condition?.isNot || !includesCurrent(condition.isNot);
}
