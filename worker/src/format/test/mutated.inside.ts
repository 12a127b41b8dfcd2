// Decodes damaged manifests and chunk indexes. A decoder must return something whole or throw a
// ManifestError, and must agree with the Go side.

import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { readIndex } from "../chunks";
import { Manifest, ManifestError } from "../manifest";
import type { StoredAsset, StoredManifest } from "../stored";
import { decodeStored } from "../stored_reader";
import { encodeStored } from "../stored_writer";
import { bytes } from "./manifest.inside";

const mutations = 1500; // of each file, as in sync/manifest/mutated_test.go

/** Returns pseudo-random numbers below n. The Go side makes the same ones. */
function randomNumbers(): (n: number) => number {
  let seed = 1;
  return (n) => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
}

/** Changes up to four bytes from an offset on. */
function mutate(original: Uint8Array, from: number, random: (n: number) => number): Uint8Array<ArrayBuffer> {
  const out = [...original];
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = from + random(out.length - from);
    const kind = random(4);
    if (kind === 0) out[at] = random(256);
    else if (kind === 1) out[at]! ^= 1 << random(8);
    else if (kind === 2) out.splice(at, 1);
    else out.splice(at, 0, random(256));
    if (out.length <= from) break;
  }
  return new Uint8Array(out);
}

/** Returns the offset behind the head of a stored manifest, which has the length as a varint. */
function headEnd(stored: Uint8Array): number {
  let [at, length] = [8, 0];
  for (let unit = 1; ; unit *= 128) {
    const byte = stored[at++]!;
    length += (byte & 127) * unit;
    if (byte < 128) return at + length;
  }
}

/** What a stored manifest lists, a line each. The Go side has the same lines. */
function listing({ assets, directories, retired }: StoredManifest): string {
  const line = ({ path, hash, nonce, size, type, modified, oid }: StoredAsset) =>
    `${path} ${hash}.${nonce} ${size} ${type} ${modified} ${oid}\n`;
  return [
    ...assets.map(line),
    ...directories.map(({ path, tree }) => `${path} ${tree}\n`),
    ...retired.map((asset) => `${line(asset)}${asset.until} ${asset.left}\n`),
  ].join("");
}

/** Runs a decoder. Returns undefined if it refuses its input as damaged. */
function decoded<T>(decode: () => T, what: string): T | undefined {
  try {
    return decode();
  } catch (error) {
    assert.ok(error instanceof ManifestError, `${what}: ${error}`);
    return undefined;
  }
}

test("of damaged stored manifests the same ones are accepted as in Go", async ({ stored, mutated }) => {
  const accepted = JSON.parse(mutated) as Record<string, Record<string, string>>;
  assert.deepEqual(Object.keys(stored).sort(), Object.keys(accepted).sort());
  for (const [name, base64] of Object.entries(stored)) {
    const original = new Uint8Array(bytes(base64));
    const random = randomNumbers();
    for (let i = 0; i < mutations; i++) {
      const damaged = mutate(original, headEnd(original), random);
      const manifest = decoded(() => decodeStored(damaged), `${name} ${i}`);
      const digest = manifest && (await crypto.subtle.digest("SHA-256", new TextEncoder().encode(listing(manifest))));
      const hash = digest && new Uint8Array(digest).toHex().slice(0, 12);
      assert.equal(hash, accepted[name]![i], `${name}, mutation ${i}: ${damaged.toHex()}`);
      if (manifest) assert.deepEqual(decodeStored(encodeStored(manifest)), manifest);
    }
  }
});

test("a damaged served manifest is refused, or each entry is whole or refused", ({ manifests, overlays }) => {
  const random = randomNumbers();
  for (const [layer, vectors] of [["deployed", manifests] as const, ["overlay", overlays] as const]) {
    for (const [name, { bin }] of Object.entries(vectors)) {
      const original = new Uint8Array(bytes(bin));
      for (let i = 0; i < 200; i++) {
        const damaged = mutate(original, 0, random);
        const what = `${name} ${i} ${damaged.subarray(0, 64).toHex()}`;
        const manifest = decoded(() => new Manifest(damaged.buffer, layer), what);
        if (!manifest) continue;
        assert.ok(manifest.size * 64 <= damaged.length, what);
        for (let entry = 0; entry < manifest.size; entry++) {
          const asset = decoded(() => manifest.asset(entry), what);
          if (asset) assert.match(asset.key, /^[a-z0-9_/@-]+\/b\/[0-9a-f]{64}\.[0-9a-f]{16}$/, what);
        }
        for (const path of ["/index.html", "/", "/x"]) assert.ok(manifest.find(path) < manifest.size, what);
      }
    }
  }
});

test("a damaged chunk index is refused, unless only its nonces differ", async ({ indexes }) => {
  const random = randomNumbers();
  for (const [name, { json, bin }] of Object.entries(indexes)) {
    const original = new Uint8Array(bytes(bin));
    const nonces = 24 + 32 * new DataView(original.buffer).getUint32(12, true);
    const size = Number(new DataView(original.buffer).getBigUint64(16, true));
    const digest = await crypto.subtle.digest("SHA-256", original.subarray(0, nonces));
    const hash = new Uint8Array(digest).toHex();
    assert.ok(json.includes(hash), name);
    for (let i = 0; i < 300; i++) {
      const damaged = mutate(original, 0, random);
      const whole =
        damaged.length === original.length &&
        damaged.subarray(0, nonces).toHex() === original.subarray(0, nonces).toHex();
      try {
        const read = await readIndex(damaged.buffer, "blog", hash, size);
        assert.ok(whole, `${name} ${i}`);
        assert.match(read.key(0), /^blog\/b\/[0-9a-f]{64}\.[0-9a-f]{16}$/);
      } catch (error) {
        assert.ok(error instanceof ManifestError && !whole, `${name} ${i}: ${error}`);
      }
    }
  }
});
