// Encodes stored manifests.

import { encodeRouting } from "./routing";
import {
  encodeAdopted,
  encodeRules,
  encodeServing,
  flagsOf,
  type StoredAsset,
  type StoredManifest,
  storedVersion,
} from "./stored";
import { Table } from "./table";

/** Encodes a stored manifest. The Go side writes the same bytes. */
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

  const writer = new StoredWriter(oid.length / 2);
  writer.raw(Uint8Array.of(0x4b, 0x56, 0x53, 0x53, storedVersion, 0, flagsOf(manifest), 0));
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

/** Escapes as Go's encoding/json does, so that both sides write the same bytes. */
function escapeHTML(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const encoder = new TextEncoder();

class StoredWriter {
  #bytes = new Uint8Array(4096);
  #length = 0;
  /** The path of the previous entry. An entry has only the part of its path that differs from this. */
  #path: Uint8Array = new Uint8Array();
  /** The modified time of the previous entry. An entry has the difference to it. */
  #modified = 0;

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

  /** Begins a list. Its first path is written in full. */
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
    if (id.length !== 2 * this.oidSize)
      throw new Error(`object id ${JSON.stringify(id)} does not have ${this.oidSize} bytes like the others`);
    this.raw(Uint8Array.fromHex(id));
  }
}
