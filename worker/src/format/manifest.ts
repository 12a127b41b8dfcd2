// Reads served manifests in place. docs/format.md describes the layout. Opening a
// manifest checks only the header, so the start-up time does not depend on the number
// of files.

import { type HeaderPair, type Layer, type Meta, parseMeta } from "./meta";
import { maxTextLength, sha256 } from "./sha256";

const magic = 0x4b56534d; // "KVSM", read big-endian
const version = 1;
const headerBytes = 64;
const entryBytes = 64;
const nonceBytes = 8;

const flagChunked = 1 << 0;
const flagRetired = 1 << 2;
const flagTombstone = 1 << 3;

/** For each layer: the must-understand flags of the manifest, and the flags that an asset may have. */
const layers = {
  deployed: { manifestFlags: 0, assetFlags: flagChunked | flagRetired },
  overlay: { manifestFlags: 1, assetFlags: flagChunked },
};

/**
 * The maximum length of a pathname, in UTF-16 units. Longer pathnames are not hashed, so that a hostile request is not
 * more expensive than others.
 */
export const maxPathname = maxTextLength;

/** Thrown if a manifest is damaged, or was written by a newer kv-sync. */
export class ManifestError extends Error {
  override name = "ManifestError";
}

/** One asset of a manifest. */
export interface Asset {
  /** The key of the blob, or of the chunk index. */
  key: string;
  /** The SHA-256 of the content or of its chunk index, as 64 hexadecimal digits. */
  hash: string;
  /** The size of the whole file in bytes. */
  size: number;
  /** Seconds since 1970 UTC. */
  modified: number;
  type: string;
  /** Whether the asset is retired: not in this deployment, but reachable while a retained deployment has its blob. */
  retired: boolean;
  /** Whether the file is chunked, because it is too large for one KV value. */
  chunked: boolean;
  /** The layer that has the asset: the deployed manifest, or the overlay, which is written at run time. */
  layer: Layer;
  /** The prefix of the keys: the site's id, or for the overlay "{site}/o". */
  site: string;
  /** The asset's own headers, applied after all rules. */
  headers: HeaderPair[] | undefined;
}

/** A served manifest. It reads its entries from the bytes of the module when they are needed. */
export class Manifest {
  readonly #layer: Layer;
  readonly #view: DataView;
  readonly #count: number;
  readonly #entries: number;
  readonly #nonceCount: number;
  readonly #nonces: number;
  readonly #metaBytes: Uint8Array;
  #meta: Meta | undefined;
  #ownHeaders: Map<number, HeaderPair[]> | undefined;

  /** Throws a ManifestError for bytes that are not a manifest of this version and layer. */
  constructor(bytes: ArrayBuffer, layer: Layer = "deployed") {
    if (!(bytes instanceof ArrayBuffer)) refuse("not an ArrayBuffer; import it as a data module");
    if (bytes.byteLength < headerBytes) refuse(`${bytes.byteLength} bytes are too short for a header`);
    const view = new DataView(bytes);
    if (view.getUint32(0) !== magic) refuse("not a served manifest");
    if (view.getUint16(4, true) !== version) refuse(`version ${view.getUint16(4, true)} is unknown`);
    if (view.getUint16(6, true) !== layers[layer].manifestFlags)
      refuse(`must-understand flags ${view.getUint16(6, true)} are unknown`);
    if (view.getUint32(32, true) !== bytes.byteLength) {
      refuse(`its length is ${bytes.byteLength}, not ${view.getUint32(32, true)}`);
    }
    this.#layer = layer;
    this.#view = view;
    this.#count = view.getUint32(8, true);
    this.#nonceCount = view.getUint32(12, true);
    this.#entries = section(view, "entries", view.getUint32(16, true), this.#count * entryBytes);
    this.#nonces = section(view, "nonces", view.getUint32(20, true), this.#nonceCount * nonceBytes);
    const metaLength = view.getUint32(28, true);
    this.#metaBytes = new Uint8Array(bytes, section(view, "meta", view.getUint32(24, true), metaLength), metaLength);
  }

  /** The number of entries: assets, retired assets and tombstones. */
  get size(): number {
    return this.#count;
  }

  /** The length of the manifest in bytes. */
  get bytes(): number {
    return this.#view.byteLength;
  }

  /** The meta section. It is parsed once, at the first access. */
  get meta(): Meta {
    this.#meta ??= openMeta(this.#metaBytes, this.#layer);
    return this.#meta;
  }

  /** Returns the index of the entry with this decoded pathname, or -1. */
  find(pathname: string): number {
    return pathname.length > maxPathname ? -1 : this.search(sha256(pathname));
  }

  /** Like find, but takes the SHA-256 of the pathname, as big-endian words. */
  search(wanted: Uint32Array): number {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(middle, wanted);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Whether the entry at an index is retired. */
  isRetired(index: number): boolean {
    return (this.#flags(index) & flagRetired) !== 0;
  }

  /** Whether the entry at an index is a tombstone. */
  isTombstone(index: number): boolean {
    return (this.#flags(index) & flagTombstone) !== 0;
  }

  /** Returns the nonce of an entry. It identifies the deploy that wrote the blob, or in an overlay the write. */
  nonce(index: number): string {
    const nonce = this.#view.getUint32(this.#entries + index * entryBytes + 48, true);
    if (nonce >= this.#nonceCount) refuse(`entry ${index} names nonce ${nonce} of ${this.#nonceCount}`);
    return new Uint8Array(this.#view.buffer, this.#nonces + nonce * nonceBytes, nonceBytes).toHex();
  }

  /** Returns the asset at an index. Throws a ManifestError for an entry that this version cannot serve. */
  asset(index: number): Asset {
    const view = this.#view;
    const at = this.#entries + index * entryBytes;
    const flags = this.#flags(index);
    if ((flags & ~layers[this.#layer].assetFlags) !== 0)
      refuse(`entry ${index} has flags ${flags}, which this version cannot serve`);
    const { site, types } = this.meta;
    const type = types[view.getUint16(at + 60, true)];
    if (type === undefined) refuse(`entry ${index} names a missing content type`);
    const hash = new Uint8Array(view.buffer, at + 16, 32).toHex();
    return {
      key: `${site}/b/${hash}.${this.nonce(index)}`,
      hash,
      size: view.getUint32(at + 52, true),
      modified: view.getUint32(at + 56, true),
      type,
      retired: (flags & flagRetired) !== 0,
      chunked: (flags & flagChunked) !== 0,
      layer: this.#layer,
      site,
      headers: this.#headersOf(index),
    };
  }

  #flags(index: number): number {
    return this.#view.getUint16(this.#entries + index * entryBytes + 62, true);
  }

  /** Returns the own headers of the asset at an index. The meta section lists them by pathname. */
  #headersOf(index: number): HeaderPair[] | undefined {
    if (this.meta.ownHeaders.size === 0) return undefined;
    this.#ownHeaders ??= new Map(
      [...this.meta.ownHeaders].map(([pathname, headers]) => [this.find(pathname), headers]),
    );
    return this.#ownHeaders.get(index);
  }

  #compare(index: number, wanted: Uint32Array): number {
    const at = this.#entries + index * entryBytes;
    for (let word = 0; word < 4; word++) {
      const difference = this.#view.getUint32(at + word * 4) - wanted[word]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** Parses a meta section. Throws a ManifestError if it is damaged. */
export function openMeta(bytes: Uint8Array, layer: Layer = "deployed"): Meta {
  try {
    return parseMeta(bytes, layer);
  } catch (cause) {
    throw new ManifestError("kv-sync manifest: damaged meta section; deploy again", { cause });
  }
}

function section(view: DataView, name: string, offset: number, length: number): number {
  if (offset < headerBytes || offset + length > view.byteLength) refuse(`the ${name} are out of bounds`);
  return offset;
}

/** Throws a ManifestError. */
export function refuse(reason: string): never {
  throw new ManifestError(`kv-sync manifest: ${reason}; deploy again with one version of kv-sync`);
}
