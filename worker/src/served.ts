// Writes served manifests: docs/format.md gives their layout, manifest.ts reads
// them.

import { sha256 } from "./sha256";
import { comparePaths, encodeRules, encodeServing, Table, type StoredManifest } from "./stored";
import { largestValue } from "./upload";

const headerBytes = 64;
const entryBytes = 64;
const flagChunked = 1 << 0;
const flagRetired = 1 << 2;

/** Writes the served encoding of a manifest, in the very bytes that the Go side writes. */
export function encodeServed(manifest: StoredManifest): Uint8Array<ArrayBuffer> {
  const { site, assets, retired, serving } = manifest;
  const types = new Table();
  const nonces = new Table();
  const entries = [...assets.map((asset) => ({ asset, flags: 0 })), ...retired.map((asset) => ({ asset, flags: flagRetired }))]
    .sort((a, b) => comparePaths(a.asset.path, b.asset.path))
    .map(({ asset, flags }) => {
      if (asset.size > 0xffffffff) throw new Error(`${asset.path} has ${asset.size} bytes, and a manifest holds less than 4 GiB; remove it`);
      const type = types.add(asset.type);
      if (type > 0xffff) throw new Error(`${asset.path} has one content type too many, and a manifest holds 65,536`);
      const bytes = new Uint8Array(entryBytes);
      const view = new DataView(bytes.buffer);
      const pathHash = sha256(asset.path);
      for (let word = 0; word < 4; word++) view.setUint32(word * 4, pathHash[word]!);
      bytes.subarray(16).setFromHex(asset.hash);
      view.setUint32(48, nonces.add(asset.nonce), true);
      view.setUint32(52, asset.size, true);
      view.setUint32(56, Math.min(Math.max(asset.modified, 0), 0xffffffff), true);
      view.setUint16(60, type, true);
      view.setUint16(62, asset.size > largestValue ? flags | flagChunked : flags, true);
      return { bytes, view };
    })
    .sort((a, b) => compareHashes(a.view, b.view));
  const meta = new TextEncoder().encode(
    JSON.stringify({ site, types: types.list, ...encodeServing(serving), ...encodeRules(manifest) }),
  );

  const noncesAt = headerBytes + entryBytes * entries.length;
  const metaAt = noncesAt + 8 * nonces.list.length;
  const out = new Uint8Array(metaAt + meta.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x4b56534d); // "KVSM"
  view.setUint16(4, 1, true);
  [entries.length, nonces.list.length, headerBytes, noncesAt, metaAt, meta.length, out.length].forEach((value, i) =>
    view.setUint32(8 + 4 * i, value, true),
  );
  entries.forEach(({ bytes }, i) => out.set(bytes, headerBytes + entryBytes * i));
  nonces.list.forEach((nonce, i) => out.subarray(noncesAt + 8 * i).setFromHex(nonce));
  out.set(meta, metaAt);
  return out;
}

/** By the first 16 bytes, which are the path's hash. */
function compareHashes(a: DataView, b: DataView): number {
  for (let at = 0; at < 16; at += 4) {
    const difference = a.getUint32(at) - b.getUint32(at);
    if (difference !== 0) return difference;
  }
  return 0;
}
