// Range requests (RFC 9110, section 14).

/** Bytes of a file: from the first up to, without, the second. */
export interface Range {
  from: number;
  to: number;
}

/**
 * More ranges than a reader of documents asks for at once, and too few to make
 * the parts' headers outweigh the file.
 */
const mostRanges = 16;

/**
 * The ranges to answer a GET with: undefined for the whole file, and none where
 * no range lies inside of it (416).
 *
 * A header that is malformed or of another unit asks for nothing. So does one
 * whose ranges overlap, are not in order or are too many, which section 14.2
 * lets a server ignore: the file is then read once, from front to back.
 */
export function requestedRanges(
  request: Headers,
  size: number,
  etag: string,
  lastModified: string,
): Range[] | undefined {
  const header = request.get("range");
  if (header === null || size === 0) return undefined;
  // The whole file, then, in the place of a part of one that has changed.
  const ifRange = request.get("if-range");
  if (ifRange !== null && ifRange !== etag && ifRange !== lastModified) return undefined;

  const list = /^bytes=(.*)$/is.exec(header)?.[1];
  if (list === undefined) return undefined;
  const specs = list.split(",", mostRanges + 1).map((spec) => spec.trim());
  if (specs.length > mostRanges) return undefined;

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

/** What a 206 says of a range. */
export function contentRange({ from, to }: Range, size: number): string {
  return `bytes ${from}-${to - 1}/${size}`;
}
