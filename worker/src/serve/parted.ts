import { compareInParts } from "../format/compare_paths";
import { type Asset, Manifest, maxPathname } from "../format/manifest";
import type { Meta } from "../format/meta";
import { maxEntries, type Part } from "../format/part";
import { isRoot, Root, type Sequence } from "../format/root";
import { defaultCapacity } from "../kv/blob_cache";
import { LRU } from "../kv/lru";
import type { Deployed, Ordered } from "./layers";
import { type HeldParts, PartNeeded } from "./parts";

/**
 * The share of the memory for small files that parts may use instead. By default this is 8 MiB, the parts of about
 * 80,000 files. A part saves a read of KV for each page that it names, so it is worth more than the pages in its place.
 */
const partShare = 1 / 2;

/** The memory that a cached part needs besides its bytes. An estimate, in bytes. */
const partBytes = 1024;

/** A sequence, and the number of its difference. The numbers of its parts follow. */
interface Numbered {
  sequence: Sequence;
  first: number;
}

/**
 * A deployed manifest in parts. Its differences and parts are numbered: the difference of the files is 0. The index of
 * an entry is the number of its part, times `maxEntries`, plus the index in the part.
 */
export class Parted implements Deployed, Ordered {
  readonly #root: Root;
  readonly #files: Numbered;
  readonly #retired: Numbered;
  readonly #partMemory: number | undefined;
  #cached: LRU<Part, number> | undefined;
  readonly findRetired: Deployed["findRetired"];

  /** Without `partMemory`, the memory for parts is a share of the memory that the manifest allows. */
  constructor(root: Root, partMemory?: number) {
    const { files, retired } = root;
    this.#root = root;
    this.#files = { sequence: files, first: 0 };
    this.#retired = { sequence: retired, first: files.parts + 1 };
    this.#partMemory = partMemory;
    if (retired.parts > 0 || retired.difference)
      this.findRetired = (pathname, held) => this.#find(pathname, this.#retired, held);
  }

  get meta(): Meta {
    return this.#root.meta;
  }

  get size(): number {
    return (this.#retired.first + this.#retired.sequence.parts + 1) * maxEntries;
  }

  get bytes(): number {
    return this.#root.bytes + (this.#cached?.bytes ?? 0);
  }

  get partMemory(): number {
    return this.#partMemory ?? (this.meta.memoryCache ?? defaultCapacity) * partShare;
  }

  find(pathname: string, held?: HeldParts): number {
    return this.#find(pathname, this.#files, held);
  }

  isRetired(index: number): boolean {
    return index >= this.#retired.first * maxEntries;
  }

  asset(index: number, held?: HeldParts): Asset {
    const part = this.#part(Math.floor(index / maxEntries), this.isRetired(index) ? this.#retired : this.#files, held);
    return part.asset(index % maxEntries, this.meta.site);
  }

  get ordered(): Ordered {
    return this;
  }

  next(after: string, held?: HeldParts): { path: string; index: number } | undefined {
    const { difference } = this.#files.sequence;
    for (let from = after; ; ) {
      const replaced = difference && nextIn(difference, 0, from);
      const found = this.#nextInParts(from, held);
      if (!replaced || (found && compareInParts(found.path, replaced.path) < 0)) return found;
      if (!difference!.isGone(replaced.index)) return replaced;
      from = replaced.path;
    }
  }

  #nextInParts(after: string, held: HeldParts | undefined): { path: string; index: number } | undefined {
    const { sequence, first } = this.#files;
    for (let part = Math.max(sequence.partOf(after), 0); part < sequence.parts; part++) {
      const number = first + 1 + part;
      const found = nextIn(this.#part(number, this.#files, held), number, after);
      if (found) return found;
    }
    return undefined;
  }

  #find(pathname: string, numbered: Numbered, held: HeldParts | undefined): number {
    // No file's name is empty.
    if (pathname.length > maxPathname || pathname.endsWith("/")) return -1;
    const { sequence, first } = numbered;
    const { difference } = sequence;
    const replaced = difference ? difference.find(pathname) : -1;
    if (replaced >= 0) return difference!.isGone(replaced) ? -1 : first * maxEntries + replaced;
    const part = sequence.partOf(pathname);
    if (part < 0) return -1;
    const number = first + 1 + part;
    const index = this.#part(number, numbered, held).find(pathname);
    return index < 0 ? -1 : number * maxEntries + index;
  }

  /** Returns a difference or a part. Throws a PartNeeded if it is not in memory. */
  #part(number: number, { sequence, first }: Numbered, held: HeldParts | undefined): Part {
    if (number === first) return sequence.difference!;
    const part = held?.get(number) ?? this.#cached?.get(number);
    if (part) return part;
    const link = sequence.link(number - first - 1);
    throw new PartNeeded(`${this.meta.site}/p/${link.ref}`, link, (part, held) => {
      held.set(number, part);
      this.#keep(number, part);
    });
  }

  #keep(number: number, part: Part): void {
    const bytes = part.bytes + partBytes;
    if (bytes > this.partMemory) return;
    this.#cached ??= new LRU<Part, number>(this.partMemory);
    this.#cached.set(number, part, bytes);
  }
}

/** Returns the first entry of a part after a path. `number` is that of the part. */
function nextIn(part: Part, number: number, after: string): { path: string; index: number } | undefined {
  const index = part.searchLast(after) + 1;
  return index < part.size ? { path: part.path(index), index: number * maxEntries + index } : undefined;
}

/**
 * Opens a deployed manifest, whole or in parts. Throws a ManifestError if it is invalid. `partMemory` is the memory for
 * its parts, in bytes.
 */
export function openDeployed(bytes: ArrayBuffer, partMemory?: number): Deployed {
  return isRoot(bytes) ? new Parted(new Root(bytes), partMemory) : new Manifest(bytes);
}
