// Range requests (RFC 9110, section 14).

/** A range of bytes: `from` is inclusive, `to` is exclusive. */
export interface Range {
  from: number;
  to: number;
}

/**
 * The maximum number of ranges in a request. Document readers request fewer. It is low, so that the headers of the
 * parts stay small.
 */
const maxRanges = 16;

/**
 * Returns the ranges that a GET requests. undefined means the whole file. An empty list means that no range is inside
 * of the file (416).
 *
 * The header is ignored if it is malformed or its unit is not bytes. As section 14.2 allows, it is also ignored
 * if the ranges overlap, are not in order, or are too many. The response is then the whole file.
 */
export function requestedRanges(request: Headers, size: number, etag: string): Range[] | undefined {
  const header = request.get("range");
  if (header === null || size === 0) return undefined;
  // Unless the ETag matches, the client's part may belong to another version. A date does not identify a version.
  const ifRange = request.get("if-range");
  if (ifRange !== null && ifRange !== etag) return undefined;

  const list = /^bytes=(.*)$/is.exec(header)?.[1];
  if (list === undefined) return undefined;
  const specs = list.split(",", maxRanges + 1).map((spec) => spec.trim());
  if (specs.length > maxRanges) return undefined;

  const ranges: Range[] = [];
  for (const spec of specs) {
    const [, first, last] = /^(\d*)-(\d*)$/.exec(spec) ?? [];
    if (first === undefined || last === undefined || first + last === "") return undefined;
    if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
    const from = first === "" ? Math.max(size - Number(last), 0) : Number(first);
    const to = first === "" || last === "" ? size : Math.min(Number(last) + 1, size);
    if (from >= size) continue;
    const before = ranges.at(-1);
    if (before && from < before.to) return undefined;
    ranges.push({ from, to });
  }
  return ranges;
}

/** Returns the Content-Range of a 206. */
export function contentRange({ from, to }: Range, size: number): string {
  return `bytes ${from}-${to - 1}/${size}`;
}
