// Conditional requests (RFC 9110, section 13).

/**
 * Whether the client has the current content.
 *
 * A date counts only if it equals Last-Modified: after a rollback the asset may be older than the client's copy.
 * Without lastModified the response does not represent a resource (a 404 page): it matches by its ETag, but not by "*"
 * or a date. (The header of a request without a date is null, which does not equal undefined.)
 */
export function isNotModified(request: Headers, etag: string, lastModified: string | undefined): boolean {
  const ifNoneMatch = request.get("if-none-match");
  if (ifNoneMatch === null) return request.get("if-modified-since") === lastModified;
  if (ifNoneMatch.trim() === "*") return lastModified !== undefined;
  return listsETag(ifNoneMatch, etag);
}

/** Weak comparison. An invalid list of entity tags is empty. */
function listsETag(list: string, etag: string): boolean {
  const item = /[ \t,]*(?:W\/)?("[\x21\x23-\x7e\x80-\uffff]*")[ \t]*(?:,|$)/y;
  for (let match = item.exec(list); match; match = item.exec(list)) {
    if (match[1] === etag) return true;
  }
  return false;
}
