// Conditional requests (RFC 9110, section 13).

/**
 * Whether the client has the current content.
 *
 * Only an ETag can tell. The same date does not mean the same content: a build with SOURCE_DATE_EPOCH gives all files
 * one date, and two saves can be in the same second. A later date does not, either: after a rollback the asset is older
 * than the client's copy. So If-Modified-Since has no effect.
 *
 * A page that is sent in place of a missing asset (exists is false) matches by its ETag, but not by "*".
 */
export function isNotModified(request: Headers, etag: string, exists: boolean): boolean {
  const ifNoneMatch = request.get("if-none-match");
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return exists;
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
