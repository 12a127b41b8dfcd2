// The stored manifest: what the next plan reads of what is live. docs/format.md
// gives its layout. It lists what the served manifest lists, and the paths
// themselves, which that has only as hashes.

import { largestFile, largestValue } from "./chunks";
import { ManifestError } from "./manifest";
import { flag, list, parseAdopted, parseRules, record, string, type HeaderRule, type Redirect } from "./meta";
import { encodeRouting, parseRouting, type Routing } from "../rules/routing";

const magic = 0x4b565353; // "KVSS", read big-endian
const version = 1;
const hashBytes = 32;
const nonceBytes = 8;

/** Must be understood: some assets lie in chunks, so their blobs are indexes, which keep further blobs alive. */
const flagChunked = 1 << 0;

/** One file as a stored manifest lists it. */
export interface StoredAsset {
  path: string;
  /** The content's SHA-256, in hexadecimal; above 25 MiB, that of its chunk index. */
  hash: string;
  /** In the blob's key, in hexadecimal. */
  nonce: string;
  size: number;
  type: string;
  /** Seconds since 1970 UTC. */
  modified: number;
  /** The git object's id in hexadecimal, or "" where the source was no commit. */
  oid: string;
}

/** An asset of an earlier deployment that stays reachable. */
export interface RetiredAsset extends StoredAsset {
  /** Seconds since 1970 UTC: it is kept until then at least. */
  until: number;
  /** For how many more deployments it is kept at least. */
  left: number;
}

/** How pathnames are matched; "" is the default. */
export interface Serving {
  html_handling: string;
  not_found_handling: string;
  /** Whether what was written at run time lies over the assets. */
  overlay: boolean;
}

/** What a listing was made from. */
export interface Origin {
  kind: string;
  id: string;
  rules: string;
  dir: string;
  commit: string;
}

/** The immutable set of assets of one deployment. Its lists are sorted by path, bytewise. */
export interface StoredManifest {
  site: string;
  origin: Origin;
  serving: Serving;
  /** Which requests the code gets; undefined where it is not known. */
  routing: Routing | undefined;
  redirects: Redirect[];
  headers: HeaderRule[];
  assets: StoredAsset[];
  /** The directories of a commit, with the ids of their trees. */
  directories: { path: string; tree: string }[];
  retired: RetiredAsset[];
  /** Writes of the overlay that this manifest already has: nonces by pathname. */
  adopted: Map<string, string>;
}

/** Orders texts as their bytes in UTF-8, which is not how JavaScript does it. */
export function comparePaths(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Surrogates stand for characters beyond all others. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Numbers distinct values in the order of their first appearance. */
export class Table {
  readonly #index = new Map<string, number>();

  add(value: string): number {
    const known = this.#index.get(value);
    if (known !== undefined) return known;
    this.#index.set(value, this.#index.size);
    return this.#index.size - 1;
  }

  get list(): string[] {
    return [...this.#index.keys()];
  }
}

/** What redirects and headers are in JSON: members that are empty are left out. */
export function encodeRules({ redirects, headers }: Pick<StoredManifest, "redirects" | "headers">): object {
  return {
    ...(redirects.length > 0 && { redirects: redirects.map(({ from, to, status }) => ({ from, to, status })) }),
    ...(headers.length > 0 && {
      headers: headers.map(({ path, set, unset }) => ({ path, ...(set.length > 0 && { set }), ...(unset.length > 0 && { unset }) })),
    }),
  };
}

/** What the settings for matching pathnames are in JSON. */
export function encodeServing({ html_handling, not_found_handling }: Serving): object {
  return { ...(html_handling && { html_handling }), ...(not_found_handling && { not_found_handling }) };
}

/** What adopted writes are in JSON. */
export function encodeAdopted(adopted: Map<string, string>): object {
  return adopted.size > 0 ? { adopted: Object.fromEntries([...adopted].sort(([a], [b]) => comparePaths(a, b))) } : {};
}

/** Writes a stored manifest, in the very bytes that the Go side writes. */
export function encodeStored(manifest: StoredManifest): Uint8Array<ArrayBuffer> {
  const { site, origin, serving, assets, directories, retired } = manifest;
  const oid = assets.find((asset) => asset.oid !== "")?.oid ?? directories[0]?.tree ?? "";
  const types = new Table();
  const nonces = new Table();
  for (const asset of [...assets, ...retired]) {
    types.add(asset.type);
    nonces.add(asset.nonce);
  }
  const { kind, id, rules, dir, commit } = origin;
  const head = JSON.stringify({
    site,
    origin: { kind, id, rules, ...(dir && { dir }), ...(commit && { commit }) },
    types: types.list,
    serving: { ...encodeServing(serving), ...(serving.overlay && { overlay: true }) },
    ...encodeRouting(manifest.routing),
    ...encodeRules(manifest),
    ...encodeAdopted(manifest.adopted),
  });

  const writer = new Writer(oid.length / 2);
  writer.raw(Uint8Array.of(0x4b, 0x56, 0x53, 0x53, version, 0, flagsOf(manifest), 0));
  writer.string(escapeHTML(head));
  writer.uint(nonces.list.length);
  for (const nonce of nonces.list) writer.raw(Uint8Array.fromHex(nonce));
  writer.uint(writer.oidSize);
  writer.uint(assets.length);
  for (const asset of assets) {
    writer.asset(asset, nonces.add(asset.nonce), types.add(asset.type));
    writer.oid(asset.oid);
  }
  writer.begin(directories.length);
  for (const { path, tree } of directories) {
    writer.path(path);
    writer.oid(tree);
  }
  writer.begin(retired.length);
  for (const asset of retired) {
    writer.asset(asset, nonces.add(asset.nonce), types.add(asset.type));
    writer.int(asset.until);
    writer.uint(Math.max(asset.left, 0));
  }
  return writer.bytes();
}

/** A manifest without files in chunks goes on being read by whoever knows nothing of them. */
function flagsOf({ assets, retired }: Pick<StoredManifest, "assets" | "retired">): number {
  return [assets, retired].some((list) => list.some(({ size }) => size > largestValue)) ? flagChunked : 0;
}

/** As Go's encoding/json does it, so that both sides write the same. */
function escapeHTML(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const encoder = new TextEncoder();

class Writer {
  #bytes = new Uint8Array(4096);
  #length = 0;
  #path: Uint8Array = new Uint8Array(); // of the entry before: paths are front-coded
  #modified = 0; // of the entry before

  constructor(readonly oidSize: number) {}

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  raw(bytes: Uint8Array): void {
    while (this.#length + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  uint(value: number): void {
    const digits = [];
    for (; value >= 128; value = Math.floor(value / 128)) digits.push((value % 128) | 128);
    this.raw(Uint8Array.of(...digits, value));
  }

  int(value: number): void {
    this.uint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  string(text: string): void {
    const bytes = encoder.encode(text);
    this.uint(bytes.length);
    this.raw(bytes);
  }

  /** Begins a list, whose first path has none before it. */
  begin(count: number): void {
    this.#path = new Uint8Array();
    this.uint(count);
  }

  path(path: string): void {
    const bytes = encoder.encode(path);
    let shared = 0;
    while (shared < bytes.length && shared < this.#path.length && bytes[shared] === this.#path[shared]) shared++;
    this.uint(shared);
    this.uint(bytes.length - shared);
    this.raw(bytes.subarray(shared));
    this.#path = bytes;
  }

  asset({ path, hash, size, modified }: StoredAsset, nonce: number, type: number): void {
    this.path(path);
    this.raw(Uint8Array.fromHex(hash));
    this.uint(nonce);
    this.uint(size);
    this.uint(type);
    this.int(modified - this.#modified);
    this.#modified = modified;
  }

  oid(id: string): void {
    if (id.length !== 2 * this.oidSize) throw new Error(`object id ${JSON.stringify(id)} is not of ${this.oidSize} bytes like the others`);
    this.raw(Uint8Array.fromHex(id));
  }
}

/**
 * Reads what encodeStored wrote, here or in Go, of this or any earlier release.
 * Bytes that it cannot read whole throw a ManifestError, and never give a
 * shorter manifest.
 */
export function decodeStored(bytes: Uint8Array<ArrayBuffer>): StoredManifest {
  try {
    return new Reader(bytes).manifest();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ManifestError(`kv-sync stored manifest: ${reason}; deploy again with the option to repair`, { cause });
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;
  #path: Uint8Array = new Uint8Array();
  #modified = 0;
  #oidSize = 0;
  #nonces: string[] = [];
  #types: string[] = [];

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  manifest(): StoredManifest {
    const start = this.#take(8);
    const view = new DataView(start.buffer, start.byteOffset, 8);
    if (view.getUint32(0) !== magic) throw new Error("it does not begin with KVSS");
    if (view.getUint16(4, true) !== version) throw new Error(`format version ${view.getUint16(4, true)} is not known here; update kv-sync`);
    const flags = view.getUint16(6, true);
    if ((flags & ~flagChunked) !== 0) throw new Error(`it needs a feature (flags ${flags}) that is not known here; update kv-sync`);

    const head = record(JSON.parse(decoder.decode(this.#take(this.#uint()))), "its head");
    const text = (of: Record<string, unknown>, member: string) => (of[member] === undefined ? "" : string(of[member], member));
    const origin = record(head["origin"], "origin");
    const serving = record(head["serving"], "serving");
    // What Go writes for a list that was never made.
    this.#types = head["types"] === null ? [] : list(head["types"], "types").map((type) => string(type, "types"));
    const rest = {
      site: text(head, "site"),
      origin: { kind: text(origin, "kind"), id: text(origin, "id"), rules: text(origin, "rules"), dir: text(origin, "dir"), commit: text(origin, "commit") },
      serving: { html_handling: text(serving, "html_handling"), not_found_handling: text(serving, "not_found_handling"), overlay: flag(serving["overlay"], "overlay") },
      routing: parseRouting(head["routing"]),
      ...parseRules(head),
      adopted: parseAdopted(head["adopted"]),
    };

    this.#nonces = this.#list(() => this.#take(nonceBytes).toHex());
    this.#oidSize = this.#uint();
    if (![0, 20, 32].includes(this.#oidSize)) throw new Error(`object ids of ${this.#oidSize} bytes are not known`);
    let before = "";
    const assets = this.#list(() => {
      const asset = { ...this.#asset(), oid: this.#oid() };
      if (before !== "" && comparePaths(before, asset.path) >= 0) throw new Error("its paths are not in order");
      before = asset.path;
      return asset;
    });
    const directories = this.#list(() => ({ path: this.#nextPath(), tree: this.#oid() }));
    const retired = this.#list(() => ({ ...this.#asset(), oid: "", until: this.#int(), left: this.#uint() }));
    if (this.#at !== this.#bytes.length) throw new Error(`${this.#bytes.length - this.#at} bytes follow its end`);
    if (flags !== flagsOf({ assets, retired })) throw new Error("its flags and the sizes of its assets disagree");
    return { ...rest, assets, directories, retired };
  }

  /** A list, which grows with what is there and not by what its count promises. */
  #list<T>(item: () => T): T[] {
    const count = this.#uint();
    this.#path = new Uint8Array();
    const items: T[] = [];
    while (items.length < count) items.push(item());
    return items;
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#bytes.length - this.#at) throw new Error("it is cut short");
    return this.#bytes.subarray(this.#at, (this.#at += length));
  }

  #uint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error("a number is cut short");
      value += (byte & 127) * unit;
      if (value > Number.MAX_SAFE_INTEGER) throw new Error("a number is too large");
      if (byte < 128) return value;
      if (unit > Number.MAX_SAFE_INTEGER) throw new Error("a number is too long");
    }
  }

  #int(): number {
    const value = this.#uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #nextPath(): string {
    const shared = this.#uint();
    const suffix = this.#take(this.#uint());
    if (shared > this.#path.length) throw new Error("a path shares more than the path before it has");
    const path = new Uint8Array(shared + suffix.length);
    path.set(this.#path.subarray(0, shared));
    path.set(suffix, shared);
    this.#path = path;
    return decoder.decode(path);
  }

  #asset(): Omit<StoredAsset, "oid"> {
    const path = this.#nextPath();
    const hash = this.#take(hashBytes).toHex();
    const nonce = this.#nonces[this.#uint()];
    const size = this.#uint();
    const type = this.#types[this.#uint()];
    this.#modified += this.#int();
    if (nonce === undefined || type === undefined) throw new Error("an entry points outside a table");
    if (size > largestFile) throw new Error("an entry has 4 GiB or more");
    return { path, hash, nonce, size, type, modified: this.#modified };
  }

  #oid(): string {
    return this.#take(this.#oidSize).toHex();
  }
}
