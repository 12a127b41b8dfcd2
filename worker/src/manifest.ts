// The served manifest, read in place: docs/format.md gives its layout. Opening
// one checks the header and parses nothing, so start-up costs the same for ten
// files and for a hundred thousand.

import { parseMeta, type Meta } from "./meta";
import { longestText, sha256 } from "./sha256";

const magic = 0x4b56534d; // "KVSM", read big-endian
const version = 1;
const headerBytes = 64;
const entryBytes = 64;
const nonceBytes = 8;

const flagChunked = 1 << 0;
const flagRetired = 1 << 2;

/**
 * No asset has a longer pathname in UTF-16 units, so a longer one is not even
 * hashed: a hostile request must stay as cheap as any other.
 */
export const maxPathname = longestText;

/** A manifest that is damaged, or written by a newer kv-sync. */
export class ManifestError extends Error {
  override name = "ManifestError";
}

/** One asset as the manifest lists it. */
export interface Asset {
  /** The blob's key in KV, or that of the chunks' index. */
  key: string;
  /** Names the bytes, in 64 hexadecimal digits: their SHA-256, or that of the chunks' index. */
  hash: string;
  /** Of the whole file, in bytes. */
  size: number;
  /** Seconds since 1970 UTC. */
  modified: number;
  type: string;
  /** Gone from this deployment; reachable while a retained one has its blob. */
  retired: boolean;
  /** Whether the file is in chunks, because one value of KV cannot hold it. */
  chunked: boolean;
}

/** A served manifest over the bytes of its module. */
export class Manifest {
  readonly #view: DataView;
  readonly #count: number;
  readonly #entries: number;
  readonly #nonceCount: number;
  readonly #nonces: number;
  readonly #metaBytes: Uint8Array;
  #meta: Meta | undefined;

  /** Throws a ManifestError for bytes that are no manifest of this version. */
  constructor(bytes: ArrayBuffer) {
    if (!(bytes instanceof ArrayBuffer)) refuse("it is no ArrayBuffer; import it as a data module");
    if (bytes.byteLength < headerBytes) refuse(`${bytes.byteLength} bytes are too few for a header`);
    const view = new DataView(bytes);
    if (view.getUint32(0) !== magic) refuse("it does not begin with KVSM");
    if (view.getUint16(4, true) !== version) refuse(`version ${view.getUint16(4, true)} is not known`);
    if (view.getUint16(6, true) !== 0) refuse(`must-understand flags ${view.getUint16(6, true)} are not known`);
    if (view.getUint32(32, true) !== bytes.byteLength) {
      refuse(`its header says ${view.getUint32(32, true)} bytes, it has ${bytes.byteLength}`);
    }
    this.#view = view;
    this.#count = view.getUint32(8, true);
    this.#nonceCount = view.getUint32(12, true);
    this.#entries = section(view, "entries", view.getUint32(16, true), this.#count * entryBytes);
    this.#nonces = section(view, "nonces", view.getUint32(20, true), this.#nonceCount * nonceBytes);
    const metaLength = view.getUint32(28, true);
    this.#metaBytes = new Uint8Array(bytes, section(view, "meta", view.getUint32(24, true), metaLength), metaLength);
  }

  /** The number of assets, retired ones among them. */
  get size(): number {
    return this.#count;
  }

  /** What is not per asset; parsed once, when first asked for. */
  get meta(): Meta {
    if (this.#meta === undefined) {
      try {
        this.#meta = parseMeta(this.#metaBytes);
      } catch (cause) {
        throw new ManifestError("kv-sync manifest: its meta section is damaged; deploy again", { cause });
      }
    }
    return this.#meta;
  }

  /** The index of the asset with this decoded pathname, or -1. */
  find(pathname: string): number {
    if (pathname.length > maxPathname) return -1;
    const wanted = sha256(pathname);
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

  /** Whether the asset at an index that find gave is retired. */
  isRetired(index: number): boolean {
    return (this.#view.getUint16(this.#entries + index * entryBytes + 62, true) & flagRetired) !== 0;
  }

  /** The asset at an index that find gave. Throws a ManifestError for an entry that this version cannot serve. */
  asset(index: number): Asset {
    const view = this.#view;
    const at = this.#entries + index * entryBytes;
    const flags = view.getUint16(at + 62, true);
    if ((flags & ~(flagChunked | flagRetired)) !== 0) refuse(`entry ${index} has flags ${flags}, which this version cannot serve`);
    const nonce = view.getUint32(at + 48, true);
    if (nonce >= this.#nonceCount) refuse(`entry ${index} names nonce ${nonce} of ${this.#nonceCount}`);
    const { site, types } = this.meta;
    const type = types[view.getUint16(at + 60, true)];
    if (type === undefined) refuse(`entry ${index} names a content type that is not there`);
    const hash = new Uint8Array(view.buffer, at + 16, 32).toHex();
    return {
      key: `${site}/b/${hash}.${new Uint8Array(view.buffer, this.#nonces + nonce * nonceBytes, nonceBytes).toHex()}`,
      hash,
      size: view.getUint32(at + 52, true),
      modified: view.getUint32(at + 56, true),
      type,
      retired: (flags & flagRetired) !== 0,
      chunked: (flags & flagChunked) !== 0,
    };
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

function section(view: DataView, name: string, offset: number, length: number): number {
  if (offset < headerBytes || offset + length > view.byteLength) refuse(`its ${name} lie outside of it`);
  return offset;
}

function refuse(reason: string): never {
  throw new ManifestError(`kv-sync manifest: ${reason}; deploy again with one version of kv-sync`);
}
