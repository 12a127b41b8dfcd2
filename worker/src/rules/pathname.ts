// Converts between the pathnames of URLs (percent-encoded) and of manifests (decoded).

/** The characters that encodeURIComponent does not encode, and slashes. */
const unreserved = /^[\w\-.!~*'()/]*$/;

/**
 * Decodes the pathname of a URL. A segment that cannot be decoded stays as it is. Consecutive slashes are merged,
 * including encoded ones: a redirect to a pathname that begins with two slashes would lead to another site.
 */
export function decodePathname(pathname: string): string {
  if (!pathname.includes("%") && !pathname.includes("//")) return pathname;
  return pathname
    .split("/")
    .map(decodeSegment)
    .join("/")
    .replace(/\/{2,}/g, "/");
}

/** The canonical encoding of a pathname. */
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
