// Dates as HTTP writes them (RFC 9110, section 5.6.7).

/** Those written lately, by their second: files come in commits, and to write a date costs as much as to find a file. */
const written = new Map<number, string>();

/** About 100 KB. */
const mostWritten = 1000;

/** A time in seconds since 1970 UTC. */
export function httpDate(seconds: number): string {
  const known = written.get(seconds);
  if (known !== undefined) return known;
  if (written.size === mostWritten) written.clear();
  const date = new Date(seconds * 1000).toUTCString();
  written.set(seconds, date);
  return date;
}
