// Conditional requests (RFC 9110, section 13).

/**
 * Whether the client has the current content. Only the ETag decides. If-Modified-Since has no effect, for two reasons:
 *
 * - Different contents may have the same date: a build with SOURCE_DATE_EPOCH gives all files one date.
 * - Newer contents may have an older date: after a rollback, the asset is older than the client's copy.
 *
 * For a page in place of a missing asset, `exists` is false. Such a page matches its ETag, but not "*".
 */
export function isNotModified(request: Headers, etag: string, exists: boolean): boolean {
  const ifNoneMatch = request.get("if-none-match");
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return exists;
  return listsETag(ifNoneMatch, etag);
}

/** Whether a list of entity tags contains a tag, by weak comparison. It stops at a syntax error in the list. */
function listsETag(list: string, etag: string): boolean {
  const item = /[ \t,]*(?:W\/)?("[\x21\x23-\x7e\x80-\uffff]*")[ \t]*(?:,|$)/y;
  for (let match = item.exec(list); match; match = item.exec(list)) {
    if (match[1] === etag) return true;
  }
  return false;
}
