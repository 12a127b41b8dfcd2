// A sorted list of paths inside a part or a root. It is read in place.

import { maxPathname, refuse } from "./manifest";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const slash = 0x2f;

/** A path in memory. `slash` is where its last slash is, from its start. */
interface Place {
  bytes: Uint8Array<ArrayBuffer>;
  start: number;
  end: number;
  slash: number;
}

const place = (bytes: Uint8Array<ArrayBuffer>): Place => ({ bytes, start: 0, end: 0, slash: 0 });

/** The pathname of the last look-up in UTF-8. Its memory is reused, so that a look-up allocates nothing. */
const wanted = place(new Uint8Array(maxPathname * 3));
let wantedPathname = "";

/** Encodes a pathname into `wanted`. A request looks up the same pathname in several tables. */
function want(pathname: string): void {
  if (pathname === wantedPathname) return;
  if (pathname.length > maxPathname) refuse("a path is too long");
  wanted.end = encode(pathname);
  wanted.slash = lastSlash(wanted);
  wantedPathname = pathname;
}

function lastSlash({ bytes, start, end }: Place): number {
  let at = end - 1;
  while (at > start && bytes[at] !== slash) at--;
  return Math.max(at - start, 0);
}

/** The number of bytes that the last two compared paths share. */
let shared = 0;

/**
 * Compares two paths: first the parts before their last slash, then the rest, each bytewise. So the last slash is less
 * than any other byte. The paths share at least `from` bytes.
 */
function compare(a: Place, b: Place, from: number): number {
  const length = Math.min(a.end - a.start, b.end - b.start);
  let at = from;
  while (at < length && a.bytes[a.start + at] === b.bytes[b.start + at]) at++;
  const first = Math.min(a.slash, b.slash);
  if (a.slash !== b.slash && first <= at) {
    shared = first;
    return a.slash - b.slash;
  }
  shared = at;
  return at < length ? a.bytes[a.start + at]! - b.bytes[b.start + at]! : a.end - a.start - (b.end - b.start);
}

/** For a pathname in ASCII this is faster than a TextEncoder. */
function encode(pathname: string): number {
  for (let i = 0; i < pathname.length; i++) {
    const unit = pathname.charCodeAt(i);
    if (unit > 0x7f) return encoder.encodeInto(pathname, wanted.bytes).written;
    wanted.bytes[i] = unit;
  }
  return pathname.length;
}

/** Where the paths are: `count` paths from `paths` on, and where each ends, every `stride` bytes from `ends` on. */
export interface PathLayout {
  count: number;
  ends: number;
  stride: number;
  paths: number;
  /** The length of all paths. It must be the last end. */
  length: number;
}

/** Paths in order: first by directory, then by name. */
export class PathTable {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #layout: PathLayout;
  /** The path that a look-up compares. */
  readonly #probe: Place;

  /** Throws a ManifestError if the last path does not end where all paths end. */
  constructor(view: DataView<ArrayBuffer>, layout: PathLayout) {
    this.#view = view;
    this.#bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.#layout = layout;
    this.#probe = place(this.#bytes);
    const end = layout.count === 0 ? layout.paths : this.#end(layout.count - 1);
    if (end !== layout.paths + layout.length) refuse("the paths do not end where they should");
  }

  /** Returns the index of the last path that is not after a pathname, or -1. */
  searchLast(pathname: string): number {
    const index = this.#search(pathname);
    return index >= 0 ? index : -index - 2;
  }

  /** Returns the index of a pathname, or -1. */
  find(pathname: string): number {
    return Math.max(this.#search(pathname), -1);
  }

  /** Returns the path at an index. Throws a ManifestError if it is not UTF-8. */
  at(index: number): string {
    const bytes = this.#bytes.subarray(this.#start(index), this.#end(index));
    try {
      return decoder.decode(bytes);
    } catch {
      return refuse(`path ${index} is not UTF-8`);
    }
  }

  /** Checks all paths. Throws a ManifestError if one is not a path, or the order is wrong. */
  check(): void {
    const { count, paths, length } = this.#layout;
    const bytes = this.#bytes;
    try {
      decoder.decode(bytes.subarray(paths, paths + length));
    } catch {
      refuse("a path is not UTF-8");
    }
    let previous = place(bytes);
    let current = place(bytes);
    for (let index = 0; index < count; index++) {
      this.#seek(current, index);
      // A path begins with a slash, so no path begins within a character.
      if (bytes[current.start] !== slash) refuse(`path ${index} does not begin with a slash`);
      if (index > 0 && compare(previous, current, 0) >= 0) refuse("paths are not sorted");
      [previous, current] = [current, previous];
    }
  }

  /** Moves a place to the path at an index. */
  #seek(place: Place, index: number): void {
    place.start = this.#start(index);
    place.end = this.#end(index);
    if (place.end <= place.start) refuse(`path ${index} ends where it begins`);
    place.slash = lastSlash(place);
  }

  /** Returns the index of a pathname. If it is absent, returns -1 minus the number of paths before it. */
  #search(pathname: string): number {
    want(pathname);
    let low = 0;
    let high = this.#layout.count - 1;
    // All paths between two paths share the bytes that these two share.
    let sharedLow = 0;
    let sharedHigh = 0;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      this.#seek(this.#probe, middle);
      const order = compare(this.#probe, wanted, Math.min(sharedLow, sharedHigh));
      if (order === 0) return middle;
      if (order < 0) {
        low = middle + 1;
        sharedLow = shared;
      } else {
        high = middle - 1;
        sharedHigh = shared;
      }
    }
    return -1 - low;
  }

  #start(index: number): number {
    return index === 0 ? this.#layout.paths : this.#end(index - 1);
  }

  /** Returns where a path ends. Throws a ManifestError if it ends after all paths. */
  #end(index: number): number {
    const { ends, stride, paths, length } = this.#layout;
    const end = this.#view.getUint32(ends + index * stride, true);
    if (end > length) refuse(`path ${index} is out of bounds`);
    return paths + end;
  }
}
