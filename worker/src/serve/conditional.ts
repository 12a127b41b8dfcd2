// Conditional requests (RFC 9110, section 13).

/**
 * Whether the client's copy is the one that would be sent.
 *
 * A date counts only if it equals Last-Modified exactly: after a rollback the
 * page may be older than the client's copy, which "not modified since" would
 * then keep alive. Without a lastModified the answer stands for no resource, as
 * a 404 page does: it may be kept by its tag, but "*" and dates do not mean it.
 * (A request without a date has null there, which is not undefined.)
 */
export function isNotModified(request: Headers, etag: string, lastModified: string | undefined): boolean {
  const ifNoneMatch = request.get("if-none-match");
  if (ifNoneMatch === null) return request.get("if-modified-since") === lastModified;
  if (ifNoneMatch.trim() === "*") return lastModified !== undefined;
  return listsETag(ifNoneMatch, etag);
}

/** Weak comparison; what is no list of entity tags lists none. */
function listsETag(list: string, etag: string): boolean {
  const item = /[ \t,]*(?:W\/)?("[\x21\x23-\x7e\x80-\uffff]*")[ \t]*(?:,|$)/y;
  for (let match = item.exec(list); match; match = item.exec(list)) {
    if (match[1] === etag) return true;
  }
  return false;
}
