import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { createAssets } from "../../index";
import { Manifest, ManifestError, maxPathname } from "../manifest";
import { sha256 } from "../sha256";

interface Lookups {
  manifest: { site: string; html_handling?: string; not_found_handling?: string; entries: unknown[] };
  lookups: {
    path: string;
    found: null | { key: string; size: number; modified: number; type: string; retired: boolean; chunked?: boolean };
  }[];
}

export function bytes(base64: string): ArrayBuffer {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer;
}

test("sha256 equals crypto.subtle for texts of every length up to several blocks", async () => {
  for (const text of [
    ...Array.from({ length: 200 }, (_, n) => "a".repeat(n)),
    "ü/日本語/🙂".repeat(40),
    `${"/a".repeat(50)}ü`,
    "日".repeat(4096),
    "x".repeat(4096),
    "short",
  ]) {
    const digest = new DataView(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    assert.deepEqual(
      [...sha256(text)],
      Array.from({ length: 8 }, (_, i) => digest.getUint32(i * 4)),
      `${text.length}`,
    );
  }
  assert.throws(() => sha256("x".repeat(4097)), RangeError);
});

test("every look-up in the vectors returns the expected asset", ({ manifests }) => {
  assert.ok(Object.keys(manifests).length >= 4);
  for (const [name, { json, bin }] of Object.entries(manifests)) {
    const described = JSON.parse(json) as Lookups;
    const manifest = new Manifest(bytes(bin));
    assert.equal(manifest.size, described.manifest.entries.length, name);
    assert.equal(manifest.meta.site, described.manifest.site, name);
    assert.equal(manifest.meta.htmlHandling, described.manifest.html_handling ?? "auto-trailing-slash", name);
    assert.equal(manifest.meta.notFoundHandling, described.manifest.not_found_handling ?? "404-page", name);
    for (const { path, found } of described.lookups) {
      const index = manifest.find(path);
      if (found === null) {
        assert.equal(index, -1, `${name} ${path}`);
        continue;
      }
      assert.ok(index >= 0, `${name} ${path}`);
      const { key, size, modified, type, retired, chunked } = manifest.asset(index);
      assert.deepEqual(
        { key, size, modified, type, retired, chunked },
        { chunked: false, ...found },
        `${name} ${path}`,
      );
      assert.equal(manifest.isRetired(index), found.retired);
    }
  }
});

test("opening a damaged manifest throws a ManifestError", ({ refused }) => {
  assert.ok(Object.keys(refused).length >= 16);
  for (const [name, bin] of Object.entries(refused)) {
    assert.throws(() => createAssets(bytes(bin)), ManifestError, name);
  }
  assert.throws(() => createAssets("KVSM" as unknown as ArrayBuffer), ManifestError);
});

test("after a change of any byte, a look-up returns an asset or throws a ManifestError", ({ manifests }) => {
  const good = new Uint8Array(bytes(manifests["site"]!.bin));
  const paths = (JSON.parse(manifests["site"]!.json) as Lookups).lookups.map(({ path }) => path);
  for (let at = 0; at < good.length; at++) {
    for (const value of [0, 0xff, good[at]! ^ 1, good[at]! ^ 0x80]) {
      const bad = good.slice();
      bad[at] = value;
      try {
        const manifest = new Manifest(bad.buffer);
        for (const path of paths) {
          const index = manifest.find(path);
          if (index >= 0) manifest.asset(index);
        }
      } catch (error) {
        assert.ok(error instanceof ManifestError, `byte ${at}: ${error}`);
      }
    }
  }
});

test("a look-up compares all 16 bytes of the pathname's hash", ({ manifests }) => {
  for (let at = 64; at < 80; at++) {
    const bin = bytes(manifests["one"]!.bin);
    new Uint8Array(bin)[at]! ^= 1;
    assert.equal(new Manifest(bin).find("/index.html"), -1, `byte ${at - 64}`);
  }
});

test("a damaged entry throws a ManifestError instead of returning another asset", ({ manifests }) => {
  const damages: Record<string, (view: DataView) => void> = {
    "encoded flag": (view) => view.setUint16(64 + 62, 2, true),
    "unknown flag": (view) => view.setUint16(64 + 62, 0x8000, true),
    "nonce index": (view) => view.setUint32(64 + 48, 1, true),
    "type index": (view) => view.setUint16(64 + 60, 1, true),
  };
  for (const [name, damage] of Object.entries(damages)) {
    const bin = bytes(manifests["one"]!.bin);
    damage(new DataView(bin));
    const manifest = new Manifest(bin);
    const index = manifest.find("/index.html");
    assert.equal(index, 0);
    assert.throws(() => manifest.asset(index), ManifestError, name);
  }
});

test("a pathname over the length limit is not hashed", ({ manifests }) => {
  const manifest = new Manifest(bytes(manifests["many"]!.bin));
  const encodeInto = TextEncoder.prototype.encodeInto;
  let hashed = 0;
  TextEncoder.prototype.encodeInto = function (source, destination) {
    hashed++;
    return encodeInto.call(this, source, destination);
  };
  try {
    assert.equal(manifest.find(`/${"a".repeat(maxPathname - 1)}ü`), -1);
    assert.equal(hashed, 0);
    assert.equal(manifest.find(`/${"a".repeat(maxPathname - 2)}ü`), -1);
    assert.equal(hashed, 1);
  } finally {
    TextEncoder.prototype.encodeInto = encodeInto;
  }
});
