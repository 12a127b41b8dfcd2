// A second encoder of manifests, for tests in Node. It is written from docs/format.md, and
// shares no code with the library or the Go side.

import { createHash } from "node:crypto";

/** A manifest in testdata/served/*.json. */
export interface Description {
  site: string;
  html_handling?: string;
  not_found_handling?: string;
  entries: EntryDescription[];
  redirects?: undefined | { from: string; to: string; status: number }[];
  headers?: undefined | { path: string; set?: [string, string][]; unset?: string[] }[];
  edge_cache?: number;
  memory_cache?: number | undefined;
  cache_status?: boolean;
  overlay?: boolean;
  adopted?: Record<string, string>;
  /** Overlay only. */
  flags?: number;
  revision?: number;
  own_headers?: undefined | Record<string, [string, string][]>;
}

export interface EntryDescription {
  path: string;
  hash: string;
  nonce: string;
  size: number;
  modified: number;
  type: string;
  retired?: boolean;
  chunked?: boolean;
  /** If set, everything except path and nonce must be zero or empty. */
  tombstone?: boolean;
}

/** A chunk index in testdata/served/chunked/*.json. */
export interface IndexDescription {
  chunk_size: number;
  size: number;
  chunks: { hash: string; nonce: string }[];
}

export function encodeManifest(description: Description): Buffer<ArrayBuffer> {
  const byPath = [...description.entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const nonces = [...new Set(byPath.map((entry) => entry.nonce))];
  const types = [...new Set(byPath.filter((entry) => !entry.tombstone).map((entry) => entry.type))];

  const entries = byPath
    .map((entry) => encodeEntry(entry, nonces.indexOf(entry.nonce), Math.max(types.indexOf(entry.type), 0)))
    .sort((a, b) => Buffer.compare(a.subarray(0, 16), b.subarray(0, 16)));
  const meta = Buffer.from(JSON.stringify(metaOf(description, types)));

  const header = Buffer.alloc(64);
  const nonceOffset = 64 + entries.length * 64;
  const metaOffset = nonceOffset + nonces.length * 8;
  header.write("KVSM", 0, "latin1");
  header.writeUInt16LE(1, 4);
  header.writeUInt16LE(description.flags ?? 0, 6);
  header.writeUInt32LE(entries.length, 8);
  header.writeUInt32LE(nonces.length, 12);
  header.writeUInt32LE(64, 16);
  header.writeUInt32LE(nonceOffset, 20);
  header.writeUInt32LE(metaOffset, 24);
  header.writeUInt32LE(meta.length, 28);
  header.writeUInt32LE(metaOffset + meta.length, 32);
  return Buffer.concat([header, ...entries, ...nonces.map((nonce) => Buffer.from(nonce, "hex")), meta]);
}

/** Returns the meta section of a manifest. */
export function metaOf(description: Description, types: string[]) {
  return {
    site: description.site,
    types,
    html_handling: description.html_handling || undefined,
    not_found_handling: description.not_found_handling || undefined,
    redirects: description.redirects?.length
      ? description.redirects.map(({ from, to, status }) => ({ from, to, status }))
      : undefined,
    headers: description.headers?.length
      ? description.headers.map(({ path, set, unset }) => ({
          path,
          set: set?.length ? set : undefined,
          unset: unset?.length ? unset : undefined,
        }))
      : undefined,
    edge_cache: description.edge_cache || undefined,
    memory_cache: description.memory_cache,
    cache_status: description.cache_status || undefined,
    overlay: description.overlay || undefined,
    adopted: description.adopted,
    revision: description.revision,
    own_headers: description.own_headers,
  };
}

function encodeEntry(entry: EntryDescription, nonce: number, type: number): Buffer {
  const bytes = Buffer.alloc(64);
  createHash("sha256").update(entry.path).digest().copy(bytes, 0, 0, 16);
  bytes.write(entry.hash, 16, "hex");
  bytes.writeUInt32LE(nonce, 48);
  bytes.writeUInt32LE(entry.size, 52);
  bytes.writeUInt32LE(entry.modified, 56);
  bytes.writeUInt16LE(type, 60);
  bytes.writeUInt16LE((entry.tombstone ? 8 : 0) | (entry.retired ? 4 : 0) | (entry.chunked ? 1 : 0), 62);
  return bytes;
}

/** Encodes a stored manifest of the current assets, without object ids and without front-coded paths. */
export function encodeListing({ site, entries }: Description): Buffer<ArrayBuffer> {
  const assets = entries
    .filter(({ retired }) => !retired)
    .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const types = [...new Set(assets.map(({ type }) => type))];
  const nonces = [...new Set(assets.map(({ nonce }) => nonce))];
  let previous = 0;
  const rows = assets.map(({ path, hash, nonce, size, type, modified }) => {
    const difference = modified - previous;
    previous = modified;
    return [
      uint(0),
      text(path),
      Buffer.from(hash, "hex"),
      uint(nonces.indexOf(nonce)),
      uint(size),
      uint(types.indexOf(type)),
      uint(difference < 0 ? -2 * difference - 1 : 2 * difference),
    ];
  });
  const head = { site, origin: { kind: "folder", id: "x", rules: "" }, types, serving: {} };
  return Buffer.concat([
    Buffer.from([...Buffer.from("KVSS"), 1, 0, 0, 0]),
    text(JSON.stringify(head)),
    ...[uint(nonces.length), ...nonces.map((nonce) => Buffer.from(nonce, "hex")), uint(0)],
    ...[uint(assets.length), ...rows.flat(), uint(0), uint(0)],
  ]);
}

function uint(value: number): Buffer {
  const digits = [];
  for (; value >= 128; value = Math.floor(value / 128)) digits.push((value % 128) | 128);
  return Buffer.from([...digits, value]);
}

function text(value: string): Buffer {
  return Buffer.concat([uint(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** Encodes a chunk index. Also returns the hash for the entry in the manifest. */
export function encodeIndex({ chunk_size, size, chunks }: IndexDescription): {
  hash: string;
  bytes: Buffer<ArrayBuffer>;
} {
  const head = Buffer.alloc(24);
  head.write("KVSC", 0, "latin1");
  head.writeUInt16LE(1, 4);
  head.writeUInt32LE(chunk_size, 8);
  head.writeUInt32LE(chunks.length, 12);
  head.writeBigUInt64LE(BigInt(size), 16);
  const named = Buffer.concat([head, ...chunks.map(({ hash }) => Buffer.from(hash, "hex"))]);
  return {
    hash: sha256Hex(named),
    bytes: Buffer.concat([named, ...chunks.map(({ nonce }) => Buffer.from(nonce, "hex"))]),
  };
}

export function sha256Hex(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
