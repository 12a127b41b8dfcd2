/** Formatted dates by second. Many files have the date of their commit. Formatting costs as much as finding a file. */
const cachedDates = new Map<number, string>();

/** The maximum number of entries, which need about 100 KB. */
const maxCachedDates = 1000;

/** Formats a time, in seconds since 1970 UTC, as an HTTP date (RFC 9110, section 5.6.7). */
export function httpDate(seconds: number): string {
  const known = cachedDates.get(seconds);
  if (known !== undefined) return known;
  if (cachedDates.size === maxCachedDates) cachedDates.clear();
  const date = new Date(seconds * 1000).toUTCString();
  cachedDates.set(seconds, date);
  return date;
}
