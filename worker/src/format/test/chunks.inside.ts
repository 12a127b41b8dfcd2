import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { readIndex } from "../chunks";
import { ManifestError } from "../manifest";
import { bytes } from "./manifest.inside";

interface Described {
  manifest: { site: string; entries: { path: string; hash: string; size: number; chunked?: boolean }[] };
  index: { chunk_size: number; size: number; chunks: { hash: string; nonce: string }[] };
}

test("every chunk index of the vectors is decoded", async ({ indexes }) => {
  assert.ok(Object.keys(indexes).length >= 1);
  for (const [name, { json, bin }] of Object.entries(indexes)) {
    const { manifest, index } = JSON.parse(json) as Described;
    const entry = manifest.entries.find(({ chunked }) => chunked)!;
    const file = await readIndex(bytes(bin), manifest.site, entry.hash, entry.size);
    assert.deepEqual([file.size, file.blobSize], [index.size, index.chunk_size], name);
    assert.deepEqual(
      index.chunks.map((_, i) => file.key(i)),
      index.chunks.map(({ hash, nonce }) => `${manifest.site}/b/${hash}.${nonce}`),
    );
  }
});

test("damaged indexes are refused", async ({ indexes, refusedIndexes }) => {
  const { manifest } = JSON.parse(indexes["chunked/film"]!.json) as Described;
  const { hash, size } = manifest.entries.find(({ chunked }) => chunked)!;
  assert.ok(Object.keys(refusedIndexes).length >= 16);
  for (const [name, bin] of Object.entries(refusedIndexes)) {
    await assert.rejects(readIndex(bytes(bin), manifest.site, hash, size), ManifestError, name);
  }
});

test("an index with wrong sizes is refused even if its hash is right", async () => {
  const readWith = async (
    size: number,
    chunkSize: number,
    count: number,
    actualCount = count,
    sizeInManifest = size,
  ) => {
    const bytes = new ArrayBuffer(24 + actualCount * 40);
    const view = new DataView(bytes);
    view.setUint32(0, 0x4b565343);
    view.setUint16(4, 1, true);
    view.setUint32(8, chunkSize, true);
    view.setUint32(12, count, true);
    view.setBigUint64(16, BigInt(size), true);
    const digest = await crypto.subtle.digest("SHA-256", bytes.slice(0, 24 + actualCount * 32));
    return readIndex(
      bytes,
      "s",
      [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
      sizeInManifest,
    );
  };
  assert.equal((await readWith(10, 4, 3)).key(2), `s/b/${"0".repeat(64)}.${"0".repeat(16)}`);
  assert.equal((await readWith(999, 1, 999)).size, 999);
  assert.equal((await readWith(4294967295, 16 << 20, 256)).size, 4294967295);
  for (const [size, chunkSize, count, actualCount] of [
    [10, 4, 2],
    [10, 4, 4],
    [10, 0, 1],
    [10, 0, 0],
    [0, 4, 0],
    [0, 4, 1],
    [1000, 1, 1000],
    [100 << 20, 50 << 20, 2],
    [10, 4, 3, 2],
    [10, 4, 3, 4],
    [4294967295, 1, 4294967295, 1],
  ] as const) {
    await assert.rejects(readWith(size, chunkSize, count, actualCount), ManifestError, `${size} ${chunkSize} ${count}`);
  }
  for (const sizeInManifest of [9, 11])
    await assert.rejects(readWith(10, 4, 3, 3, sizeInManifest), ManifestError, `the manifest says ${sizeInManifest}`);
});
