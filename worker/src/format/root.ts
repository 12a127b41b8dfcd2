// Reads the root of a manifest in parts. docs/format.md describes the layout. Opening a root
// checks only headers, so the start-up time does not depend on the number of files.

import { openMeta, refuse } from "./manifest";
import type { Meta } from "./meta";
import { Part, type PartKind } from "./part";
import { PathTable } from "./path_table";

const magic = 0x4b565352; // "KVSR", read big-endian
const version = 1;
const headerBytes = 64;
const linkBytes = 48;

/** Whether bytes begin like a root. Other manifests are whole. */
export function isRoot(bytes: ArrayBuffer): boolean {
  return bytes instanceof ArrayBuffer && bytes.byteLength >= 4 && new DataView(bytes).getUint32(0) === magic;
}

/** A link to a part in KV. */
export interface Link {
  kind: PartKind;
  /** The "hash.nonce" of the part. */
  ref: string;
  /** The number of entries of the part. */
  size: number;
  /** The first path of the part. */
  first: string;
}

/** A sequence of entries: parts in KV, and a difference that replaces some of their entries. */
export class Sequence {
  readonly #kind: PartKind;
  readonly #view: DataView<ArrayBuffer>;
  readonly #links: number;
  readonly #firsts: PathTable;
  /** The number of parts in KV. */
  readonly parts: number;
  /** Entries that replace those with the same path in the parts. */
  readonly difference: Part | undefined;

  constructor(view: DataView<ArrayBuffer>, { kind, at, links, firstBytes, differenceBytes }: SequenceLayout) {
    this.#kind = kind;
    this.#view = view;
    this.#links = at;
    this.parts = links;
    const paths = at + links * linkBytes;
    this.#firsts = new PathTable(view, { count: links, ends: at, stride: linkBytes, paths, length: firstBytes });
    if (differenceBytes > 0)
      this.difference = new Part(new Uint8Array(view.buffer, paths + firstBytes, differenceBytes), kind);
  }

  /** Returns the index of the only part that may have a pathname, or -1. */
  partOf(pathname: string): number {
    return this.#firsts.searchLast(pathname);
  }

  /** Returns the link to the part at an index. */
  link(index: number): Link {
    const at = this.#links + index * linkBytes;
    const hex = (from: number, length: number) => new Uint8Array(this.#view.buffer, at + from, length).toHex();
    return {
      kind: this.#kind,
      ref: `${hex(8, 32)}.${hex(40, 8)}`,
      size: this.#view.getUint32(at + 4, true),
      first: this.#firsts.at(index),
    };
  }

  /** Throws a ManifestError if paths are not in order. */
  checkPaths(): void {
    this.#firsts.check();
    this.difference?.checkPaths();
  }
}

interface SequenceLayout {
  kind: PartKind;
  /** Where the links begin. First paths and difference follow. */
  at: number;
  links: number;
  firstBytes: number;
  differenceBytes: number;
}

/** The root of a manifest in parts. */
export class Root {
  readonly #bytes: ArrayBuffer;
  readonly #metaAt: number;
  #meta: Meta | undefined;
  readonly files: Sequence;
  readonly retired: Sequence;

  /** Throws a ManifestError for bytes that are not a root of this version. */
  constructor(bytes: ArrayBuffer) {
    if (bytes.byteLength < headerBytes) refuse(`${bytes.byteLength} bytes are too short for a header`);
    const view = new DataView(bytes);
    const uint = (at: number) => view.getUint32(at, true);
    if (!isRoot(bytes)) refuse("not a root");
    if (view.getUint16(4, true) !== version) refuse(`version ${view.getUint16(4, true)} is unknown`);
    if (view.getUint16(6, true) !== 0) refuse(`must-understand flags ${view.getUint16(6, true)} are unknown`);
    if (uint(12) !== bytes.byteLength) refuse(`its length is ${bytes.byteLength}, not ${uint(12)}`);

    let at = headerBytes;
    const layout = (header: number, kind: PartKind): SequenceLayout => {
      const layout = { kind, at, links: uint(header), firstBytes: uint(header + 4), differenceBytes: uint(header + 8) };
      at += layout.links * linkBytes + layout.firstBytes + layout.differenceBytes;
      return layout;
    };
    const files = layout(16, "files");
    layout(32, "files"); // the directories are not served
    const retired = layout(48, "retired");
    if (at + uint(8) !== bytes.byteLength) refuse("its sections do not fill it");
    this.#bytes = bytes;
    this.#metaAt = at;
    this.files = new Sequence(view, files);
    this.retired = new Sequence(view, retired);
  }

  /** The length of the root in bytes. */
  get bytes(): number {
    return this.#bytes.byteLength;
  }

  /** The meta section. It is parsed once, at the first access. The paths are checked then, too, for all look-ups. */
  get meta(): Meta {
    this.#meta ??= this.#open();
    return this.#meta;
  }

  #open(): Meta {
    this.files.checkPaths();
    this.retired.checkPaths();
    return openMeta(new Uint8Array(this.#bytes, this.#metaAt));
  }
}
