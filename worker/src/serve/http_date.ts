// HTTP dates (RFC 9110, section 5.6.7).

/** Recent dates by second. Many files share a commit's date, and formatting one costs as much as finding a file. */
const written = new Map<number, string>();

/** The limit of entries, about 100 KB. */
const mostWritten = 1000;

/** Formats a time in seconds since 1970 UTC. */
export function httpDate(seconds: number): string {
  const known = written.get(seconds);
  if (known !== undefined) return known;
  if (written.size === mostWritten) written.clear();
  const date = new Date(seconds * 1000).toUTCString();
  written.set(seconds, date);
  return date;
}
