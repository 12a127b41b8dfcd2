// Encodes served manifests. docs/format.md describes the layout. manifest.ts reads them.

import { maxFileBytes, maxValueBytes } from "./chunks";
import { comparePaths } from "./compare_paths";
import { sha256 } from "./sha256";
import { encodeAdopted, encodeRules, encodeServing, type StoredManifest } from "./stored";
import { Table } from "./table";

const headerBytes = 64;
const entryBytes = 64;
const flagChunked = 1 << 0;
const flagRetired = 1 << 2;
const flagTombstone = 1 << 3;

/** One entry of a manifest. An entry without content is a tombstone. */
export interface ServedEntry {
  path: string;
  /** The nonce in hexadecimal. */
  nonce: string;
  retired?: boolean;
  content: { hash: string; size: number; type: string; modified: number; chunked: boolean } | undefined;
}

/** Encodes a served manifest. The Go side writes the same bytes. */
export function encodeServed(manifest: StoredManifest): Uint8Array<ArrayBuffer> {
  const { site, assets, retired, serving, adopted } = manifest;
  const entry = (asset: StoredManifest["assets"][number], retired: boolean): ServedEntry => ({
    path: asset.path,
    nonce: asset.nonce,
    retired,
    content: { ...asset, chunked: asset.size > maxValueBytes },
  });
  return encodeManifest(
    [...assets.map((asset) => entry(asset, false)), ...retired.map((asset) => entry(asset, true))],
    {
      flags: 0,
      meta: (types) => ({
        site,
        types,
        ...encodeServing(serving),
        ...encodeRules(manifest),
        ...(serving.overlay && { overlay: true }),
        ...encodeAdopted(adopted),
      }),
    },
  );
}

/** Encodes a manifest of either layer. `meta` gets the content types, and returns the meta section. */
export function encodeManifest(
  list: ServedEntry[],
  { flags, meta }: { flags: number; meta: (types: string[]) => object },
): Uint8Array<ArrayBuffer> {
  const types = new Table();
  const nonces = new Table();
  const entries = [...list]
    .sort((a, b) => comparePaths(a.path, b.path))
    .map((entry) => encodeEntry(entry, types, nonces))
    .sort(compareHashes);
  const metaBytes = new TextEncoder().encode(JSON.stringify(meta(types.list)));

  const noncesAt = headerBytes + entryBytes * entries.length;
  const metaAt = noncesAt + 8 * nonces.list.length;
  const out = new Uint8Array(metaAt + metaBytes.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x4b56534d); // "KVSM"
  view.setUint16(4, 1, true);
  view.setUint16(6, flags, true);
  const header = [entries.length, nonces.list.length, headerBytes, noncesAt, metaAt, metaBytes.length, out.length];
  for (const [i, value] of header.entries()) view.setUint32(8 + 4 * i, value, true);
  for (const [i, entry] of entries.entries()) out.set(new Uint8Array(entry.buffer), headerBytes + entryBytes * i);
  for (const [i, nonce] of nonces.list.entries()) out.subarray(noncesAt + 8 * i).setFromHex(nonce);
  out.set(metaBytes, metaAt);
  return out;
}

function encodeEntry(
  { path, nonce, retired, content }: ServedEntry,
  types: Table,
  nonces: Table,
): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(entryBytes));
  const pathHash = sha256(path);
  for (let word = 0; word < 4; word++) view.setUint32(word * 4, pathHash[word]!);
  view.setUint32(48, nonces.add(nonce), true);
  if (!content) {
    view.setUint16(62, flagTombstone, true);
    return view;
  }
  const { hash, size, modified, chunked } = content;
  if (size > maxFileBytes) throw new Error(`${path} has ${size} bytes, the limit is 4 GiB; remove it`);
  const type = types.add(content.type);
  if (type > 0xffff) throw new Error(`${path}: more than 65,536 content types`);
  new Uint8Array(view.buffer, 16, 32).setFromHex(hash);
  view.setUint32(52, size, true);
  view.setUint32(56, Math.min(Math.max(modified, 0), 0xffffffff), true);
  view.setUint16(60, type, true);
  view.setUint16(62, (chunked ? flagChunked : 0) | (retired ? flagRetired : 0), true);
  return view;
}

/** Compares entries by the first 16 bytes, which are the hash of the path. */
function compareHashes(a: DataView, b: DataView): number {
  for (let at = 0; at < 16; at += 4) {
    const difference = a.getUint32(at) - b.getUint32(at);
    if (difference !== 0) return difference;
  }
  return 0;
}
