// The wait before a change is tried again.

/** In milliseconds: the longest wait before the second attempt, and before any. */
const first = 100;
const longest = 3_000;

/**
 * The wait after a number of failed attempts, in milliseconds. It is any time up to a limit, which doubles: editors who
 * published at once do not meet again.
 */
export function backOff(failed: number, random: () => number): number {
  return random() * Math.min(first * 2 ** (failed - 1), longest);
}
