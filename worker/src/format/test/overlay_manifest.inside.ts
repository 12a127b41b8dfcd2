import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { openOverlay } from "../../serve/live_overlay";
import { Overlaid } from "../../serve/overlaid";
import { nonce } from "../../serve/test/layers";
import { Manifest, ManifestError } from "../manifest";
import { encodeOverlay } from "../overlay_manifest";
import { encodeServed } from "../served";
import { bytes } from "./manifest.inside";
import type { OverlayDescription } from "./overlay_vectors";

test("overlay manifests are encoded to the bytes of the vectors, and decoded", ({ overlays }) => {
  assert.ok(Object.keys(overlays).length >= 2);
  for (const [name, { json, bin }] of Object.entries(overlays)) {
    const { site, revision, entries, lookups } = JSON.parse(json) as OverlayDescription;
    assert.equal(encodeOverlay(site, revision, entries).toHex(), new Uint8Array(bytes(bin)).toHex(), name);
    assert.equal(
      encodeOverlay(site, revision, entries.reverse()).toHex(),
      new Uint8Array(bytes(bin)).toHex(),
      `${name}, in another order`,
    );
    const manifest = openOverlay(site, bytes(bin));
    assert.equal(manifest.meta.revision, revision);
    for (const { path, found } of lookups) {
      const index = manifest.find(path);
      assert.equal(index >= 0, found !== null, path);
      if (!found) continue;
      assert.equal(manifest.isTombstone(index), "tombstone" in found, path);
      if ("tombstone" in found) {
        assert.equal(manifest.nonce(index), found.nonce);
        assert.throws(() => manifest.asset(index), ManifestError);
        continue;
      }
      const { key, size, modified, type, chunked, headers, layer, retired } = manifest.asset(index);
      assert.deepEqual({ key, size, modified, type, chunked, ...(headers && { headers }) }, found);
      assert.deepEqual([layer, retired, key.endsWith(manifest.nonce(index))], ["overlay", false, true]);
    }
  }
});

test("an overlay that is damaged or of another site is refused, and so is a manifest of the other layer", ({
  overlays,
  refusedOverlays,
  manifests,
}) => {
  assert.ok(Object.keys(refusedOverlays).length >= 10);
  for (const [name, bin] of Object.entries(refusedOverlays))
    assert.throws(() => openOverlay("project/shop", bytes(bin)), ManifestError, name);
  assert.throws(() => new Manifest(bytes(overlays["pages"]!.bin)), ManifestError);
  assert.throws(() => new Manifest(bytes(manifests["site"]!.bin), "overlay"), ManifestError);
});

test("after a change of any byte of an overlay, a look-up returns an asset or throws a ManifestError", ({
  overlays,
}) => {
  const { site, lookups } = JSON.parse(overlays["pages"]!.json) as OverlayDescription;
  const base = new Manifest(
    encodeServed({
      site,
      origin: { kind: "", id: "", rules: "", dir: "", commit: "" },
      serving: { html_handling: "", not_found_handling: "", overlay: true },
      routing: undefined,
      redirects: [],
      headers: [],
      assets: [],
      directories: [],
      retired: [],
      adopted: new Map([
        ["/gone.html", nonce("1")],
        ["/about/index.html", nonce("2")],
      ]),
    }).buffer,
  );
  const good = new Uint8Array(bytes(overlays["pages"]!.bin));
  for (let at = 0; at < good.length; at++) {
    for (const value of [0, 0xff, good[at]! ^ 1, good[at]! ^ 0x80]) {
      const bad = good.slice();
      bad[at] = value;
      try {
        const layers = new Overlaid(openOverlay(site, bad.buffer), base);
        layers.adopted();
        for (const { path } of lookups) {
          const index = layers.find(path);
          if (index >= 0 && !layers.isRetired(index)) layers.asset(index);
        }
      } catch (error) {
        assert.ok(error instanceof ManifestError, `byte ${at}: ${error}`);
      }
    }
  }
});
