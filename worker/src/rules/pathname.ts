// Converts between pathnames of URLs, which are percent-encoded, and pathnames of manifests, which are decoded.

/** Matches a pathname that needs no encoding: slashes, and characters that encodeURIComponent does not encode. */
const unreserved = /^[\w\-.!~*'()/]*$/;

/**
 * Decodes the pathname of a URL. A segment that cannot be decoded is not changed. Consecutive slashes are merged, even
 * if they are encoded: a redirect to a pathname that begins with two slashes would lead to another host.
 */
export function decodePathname(pathname: string): string {
  if (!pathname.includes("%") && !pathname.includes("//")) return pathname;
  return pathname
    .split("/")
    .map(decodeSegment)
    .join("/")
    .replace(/\/{2,}/g, "/");
}

/** Returns the canonical encoding of a pathname. */
export function encodePathname(pathname: string): string {
  if (unreserved.test(pathname)) return pathname; // the usual case
  return pathname.split("/").map(encodeSegment).join("/");
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function encodeSegment(segment: string): string {
  try {
    return encodeURIComponent(segment);
  } catch {
    return segment; // a lone surrogate, which no URL has
  }
}
