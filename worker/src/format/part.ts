// Reads parts of a manifest in place. docs/format.md describes the layout under "Manifests in parts".

import { type Asset, refuse } from "./manifest";
import { list, string } from "./meta";
import { PathTable } from "./path_table";

const magic = 0x4b565350; // "KVSP", read big-endian
const version = 1;
const headerBytes = 32;
const recordBytes = 40;
const checkBytes = 32;

/** A part has fewer entries. 25 MiB, the size of a value of KV, have fewer. */
export const maxEntries = 2 ** 20;

const flagChunked = 1 << 0;
const flagGone = 1 << 3;

/** The kinds of parts that are served, and the bytes of an entry in the tail. */
const kinds = {
  files: { code: 1, tailBytes: 12 },
  retired: { code: 3, tailBytes: 20 },
};

export type PartKind = keyof typeof kinds;

/** Entries with ascending paths. Opening a part costs the same for any number of entries. */
export class Part {
  readonly #kind: PartKind;
  readonly #view: DataView<ArrayBuffer>;
  readonly #flags: number;
  readonly #paths: PathTable;
  readonly #records: number;
  readonly #tail: number;
  readonly #typeBytes: Uint8Array;
  #types: string[] | undefined;
  /** The number of entries. */
  readonly size: number;

  /** Throws a ManifestError for bytes that are not a part of this version and kind. */
  constructor(bytes: Uint8Array<ArrayBuffer>, kind: PartKind) {
    if (bytes.length < headerBytes) refuse(`a part of ${bytes.length} bytes is too short for a header`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const uint = (at: number) => view.getUint32(at, true);
    if (view.getUint32(0) !== magic) refuse("not a part");
    if (view.getUint16(4, true) !== version) refuse(`version ${view.getUint16(4, true)} of a part is unknown`);
    if (bytes[6] !== kinds[kind].code) refuse(`a part of kind ${bytes[6]} in place of ${kind}`);
    this.#flags = bytes[7]!;
    if ((this.#flags & ~flagChunked) !== 0) refuse(`must-understand flags ${this.#flags} of a part are unknown`);
    const idBytes = uint(12);
    if (![0, 20, 32].includes(idBytes)) refuse(`object ids of ${idBytes} bytes`);
    this.#kind = kind;
    this.#view = view;
    this.size = uint(8);
    if (this.size >= maxEntries) refuse(`a part of ${this.size} entries`);
    this.#records = headerBytes + this.size * 4;
    const paths = this.#records + this.size * (recordBytes + idBytes);
    const tailLength = this.size * kinds[kind].tailBytes;
    this.#tail = bytes.length - checkBytes - tailLength;
    const types = this.#tail - uint(16);
    if (types < paths || uint(20) !== bytes.length) refuse(`a part of ${bytes.length} bytes has another length`);
    this.#typeBytes = bytes.subarray(types, this.#tail);
    this.#paths = new PathTable(view, {
      count: this.size,
      ends: headerBytes,
      stride: 4,
      paths,
      length: types - paths,
    });
  }

  /** The length of the part in bytes. */
  get bytes(): number {
    return this.#view.byteLength;
  }

  /** Returns the index of a pathname, or -1. */
  find(pathname: string): number {
    return this.#paths.find(pathname);
  }

  /** Returns the index of the last path that is not after a pathname in bytewise order, or -1. */
  searchLast(pathname: string): number {
    return this.#paths.searchLast(pathname);
  }

  /** Returns the path at an index. */
  path(index: number): string {
    return this.#paths.at(index);
  }

  /** Whether the entry at an index says that a path is gone. Only a difference has such entries. */
  isGone(index: number): boolean {
    return this.#entryFlags(index) === flagGone;
  }

  /** Returns the asset at an index. Throws a ManifestError for an entry that this version cannot serve. */
  asset(index: number, site: string): Asset {
    const { buffer, byteOffset } = this.#view;
    const record = this.#records + index * recordBytes;
    const tail = this.#tail + index * kinds[this.#kind].tailBytes;
    const flags = this.#entryFlags(index);
    if ((flags & ~this.#flags) !== 0) refuse(`entry ${index} has flags ${flags}, which this version cannot serve`);
    const type = this.#type(this.#view.getUint16(record + 36, true));
    const hash = new Uint8Array(buffer, byteOffset + record, 32).toHex();
    return {
      key: `${site}/b/${hash}.${new Uint8Array(buffer, byteOffset + tail, 8).toHex()}`,
      hash,
      size: this.#view.getUint32(record + 32, true),
      modified: this.#view.getUint32(tail + 8, true),
      type,
      retired: this.#kind === "retired",
      chunked: flags === flagChunked,
      layer: "deployed",
      site,
      headers: undefined,
    };
  }

  /**
   * Checks what a look-up relies on. Throws a ManifestError if the paths are not in order, or if the SHA-256 at the end
   * differs. Call it once for each part that is read from KV.
   */
  async check(): Promise<void> {
    const { buffer, byteOffset, byteLength } = this.#view;
    const covered = byteLength - checkBytes;
    const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(buffer, byteOffset, covered));
    const check = new Uint8Array(buffer, byteOffset + covered, checkBytes);
    if (new Uint8Array(digest).toHex() !== check.toHex()) refuse("the hash of a part differs");
    this.checkPaths();
  }

  /** Throws a ManifestError if the paths are not in order or not UTF-8. */
  checkPaths(): void {
    this.#paths.check();
  }

  #entryFlags(index: number): number {
    return this.#view.getUint16(this.#records + index * recordBytes + 38, true);
  }

  #type(index: number): string {
    this.#types ??= parseTypes(this.#typeBytes);
    return this.#types[index] ?? refuse("an entry names a missing content type");
  }
}

function parseTypes(bytes: Uint8Array): string[] {
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return list(json, "types").map((type) => string(type, "types"));
  } catch (error) {
    return refuse(`the content types of a part are damaged: ${(error as Error).message}`);
  }
}
