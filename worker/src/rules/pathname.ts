// Pathnames on their way between a URL, percent-encoded, and a manifest, decoded.

/** What encodeURIComponent leaves as it is, and slashes. */
const unreserved = /^[\w\-.!~*'()/]*$/;

/**
 * The pathname that a manifest would list for a URL's pathname. Each segment is
 * decoded by itself, and one that cannot be is taken as it stands. Slashes are
 * merged, those that were encoded too, so that no pathname begins with two: as
 * a redirect it would lead off the site.
 */
export function decodePathname(pathname: string): string {
  if (!pathname.includes("%") && !pathname.includes("//")) return pathname;
  return pathname
    .split("/")
    .map(decodeSegment)
    .join("/")
    .replace(/\/{2,}/g, "/");
}

/** The one spelling under which a pathname is served, for a Location or to compare with. */
export function encodePathname(pathname: string): string {
  if (unreserved.test(pathname)) return pathname; // as nearly all are
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
    return segment; // a lone surrogate; no URL holds one
  }
}
