import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { Manifest, ManifestError } from "../../format/manifest";
import type { OverlayEntry } from "../../format/overlay_entry";
import { encodeOverlay } from "../../format/overlay_manifest";
import { encodeServed } from "../../format/served";
import { BlobCache } from "../../kv/blob_cache";
import { LiveOverlay, OverlayUnavailableError, openOverlay } from "../live_overlay";
import { Overlaid } from "../overlaid";
import { Site } from "../site";
import type { View } from "../view";
import { deployedManifest, hash, nonce, overlayEntry, overlayManifest, site } from "./layers";

/** A fake KV with one value. It records its calls. */
class FakeKV {
  value: ArrayBuffer | null | Error = null;
  reads: unknown[] = [];
  /** If set, a read waits for this. */
  gate: Promise<void> | undefined;
  readonly kv = this as unknown as KVNamespace;

  async get(key: string, options: unknown): Promise<ArrayBuffer | null> {
    this.reads.push([key, options]);
    const value = this.value;
    await this.gate;
    if (value instanceof Error) throw value;
    return value;
  }
}

test("an overlay entry takes precedence, a tombstone hides an asset, and an adopted entry is ignored", () => {
  const adopted = new Map([
    ["/b", nonce("b")],
    ["/c", nonce("9")],
    ["/gone", nonce("e")],
    ["/no", nonce("f")],
  ]);
  const layers = new Overlaid(
    overlayManifest(1, [
      overlayEntry("/a", "a", { content: undefined }),
      overlayEntry("/b", "b"), // adopted
      overlayEntry("/c", "c"), // another write than the one adopted
      overlayEntry("/gone", "e", { content: undefined }),
      overlayEntry("/new", "1"),
      overlayEntry("/old", "2", { content: undefined }),
    ]),
    deployedManifest({ adopted }),
  );
  const look = (path: string) => {
    const index = layers.find(path);
    if (index < 0) return null;
    const { layer, site, hash } = layers.asset(index);
    return `${layer} ${site} ${hash[0]}${layers.isRetired(index) ? " retired" : ""}`;
  };
  assert.deepEqual(["/a", "/b", "/c", "/gone", "/new", "/old", "/older", "/none", "/".repeat(5000)].map(look), [
    null,
    "deployed blog d",
    "overlay blog/o c",
    null,
    "overlay blog/o 1",
    null,
    "deployed blog d retired",
    null,
    null,
  ]);
  assert.deepEqual(layers.adopted(), [
    { path: "/b", nonce: nonce("b") },
    { path: "/gone", nonce: nonce("e") },
  ]);
});

test("an entry with a flag of the other layer is refused", () => {
  const flagged = (manifest: ArrayBuffer, flags: number) => {
    new DataView(manifest).setUint16(64 + 62, flags, true);
    return manifest;
  };
  const manifestBytes = () => encodeOverlay(site, 1, [overlayEntry("/n", "1")]).buffer;
  assert.equal(openOverlay(site, flagged(manifestBytes(), 1)).asset(0).chunked, true);
  for (const flags of [2, 4, 8, 16, 0x8000])
    assert.throws(() => openOverlay(site, flagged(manifestBytes(), flags)).asset(0), ManifestError);
  for (const flags of [8, 12, 0x8008]) {
    assert.equal(
      new Overlaid(openOverlay(site, flagged(manifestBytes(), flags)), deployedManifest()).find("/n"),
      -1,
      "an entry with the flag of a tombstone hides the asset, even with other flags",
    );
    const base = encodeServed({
      site,
      origin: { kind: "", id: "", rules: "", dir: "", commit: "" },
      serving: { html_handling: "", not_found_handling: "", overlay: true },
      routing: undefined,
      redirects: [],
      headers: [],
      assets: [{ path: "/n", hash: hash("d"), nonce: nonce("d"), size: 9, type: "text/css", modified: 1, oid: "" }],
      directories: [],
      retired: [],
      adopted: new Map(),
    });
    assert.throws(() => new Manifest(flagged(base.buffer, flags)).asset(0), ManifestError);
  }
});

test("the memory of a site includes its overlay", async () => {
  const fake = new FakeKV();
  const manifest = deployedManifest();
  const opened = new Site(manifest);
  assert.equal(opened.bytes, manifest.bytes);
  const overlay = encodeOverlay(site, 1, [overlayEntry("/n", "1")]).buffer;
  fake.value = overlay;
  const view = await opened.view({ KV_SYNC_BLOBS: fake.kv });
  assert.equal((await view.lookUp("/n", fake.kv)).asset!.layer, "overlay");
  assert.equal(opened.bytes, manifest.bytes + overlay.byteLength);
});

test("a site has a view without overlay, one with the overlay in KV, and one with a given overlay", async () => {
  const fake = new FakeKV();
  const opened = new Site(deployedManifest({ adopted: new Map([["/b", nonce("b")]]) }));
  fake.value = encodeOverlay(site, 1, [overlayEntry("/a", "1")]).buffer;
  const env = { KV_SYNC_BLOBS: fake.kv };
  const [shown, given] = [
    await opened.view(env),
    opened.withOverlay(
      encodeOverlay(site, 2, [overlayEntry("/a", "2"), overlayEntry("/b", "b"), overlayEntry("/old", "3")]).buffer,
    ),
  ];
  const found = (view: View) =>
    Promise.all(
      ["/a", "/b", "/old", "/older", "/none"].map(async (path) => {
        const { asset, retired } = await view.lookUp(path, fake.kv);
        return asset?.hash[0] ?? (retired ? "retired" : null);
      }),
    );
  assert.deepEqual(await Promise.all([opened.deployed, shown, given].map(found)), [
    ["d", "d", "retired", "retired", null],
    ["1", "d", "retired", "retired", null],
    ["2", "d", "3", "retired", null],
  ]);
  assert.equal(await opened.view(env), shown, "a view is created once for each revision");
  assert.throws(() => opened.withOverlay(encodeOverlay("other", 1, []).buffer), ManifestError);

  // The view of a given overlay also answers requests.
  fake.value = await new Response("written").arrayBuffer();
  const answer = await given.fetch(new Request("https://example.com/a", { method: "HEAD" }), env);
  assert.deepEqual([answer.status, answer.headers.get("location")], [301, "/deployed"]);
  await given.read((await given.lookUp("/a", fake.kv)).asset!, fake.kv);
  assert.equal((fake.reads.at(-1) as string[])[0], `blog/o/b/${hash("2")}.${nonce("2")}`);

  const plain = new Site(deployedManifest({ serving: { html_handling: "", not_found_handling: "", overlay: false } }));
  const before = fake.reads.length;
  assert.deepEqual([await plain.view(env), fake.reads.length], [plain.deployed, before]);
});

test("the overlay's redirects are first, and its headers are last", () => {
  const rules = (path: string, rules: NonNullable<OverlayEntry["content"]>["rules"]) =>
    overlayEntry(path, "1", { content: { ...overlayEntry("", "1").content!, rules } });
  const layers = new Overlaid(
    overlayManifest(1, [
      rules("/_redirects", { redirects: [{ from: "/a", to: "/written", status: 302 }] }),
      rules("/_headers", { headers: [{ path: "/*", set: [["x-from", "overlay"]], unset: [] }] }),
    ]),
    deployedManifest(),
  );
  assert.deepEqual(
    layers.meta.redirects.map(({ to }) => to),
    ["/written", "/deployed"],
  );
  assert.deepEqual(
    layers.meta.headers.map(({ set }) => set[0]![1]),
    ["deployed", "overlay"],
  );
  assert.deepEqual([layers.meta.site, layers.meta.overlay], ["blog", true]);
});

test("KV is read at most every ten seconds, and an older revision is ignored", async () => {
  let now = 1_000_000;
  const fake = new FakeKV();
  const live = new LiveOverlay(site, () => now);
  const show = (revision: number) => (fake.value = encodeOverlay(site, revision, []).buffer);
  const get = async () => (await live.get(fake.kv))?.meta.revision ?? null;

  assert.equal(await get(), null);
  assert.deepEqual(fake.reads, [["blog/o/current", { type: "arrayBuffer", cacheTtl: 30 }]]);
  show(2);
  now += 9_999;
  assert.equal(await get(), null);
  now += 1;
  assert.equal(await get(), 2);
  const same = await live.get(fake.kv);
  show(1);
  now += 10_000;
  assert.equal(await get(), 2);
  fake.value = null;
  now += 10_000;
  assert.equal(await live.get(fake.kv), same);
  show(2);
  now += 10_000;
  assert.equal(await live.get(fake.kv), same, "the same revision is the same object");
  show(3);
  now += 10_000;
  assert.equal(await get(), 3);
  assert.equal(fake.reads.length, 6);
  assert.ok(live.bytes > 64);
});

test("while one request reads the overlay, others use the cached one for at most five seconds", async () => {
  let now = 1_000_000;
  const fake = new FakeKV();
  const live = new LiveOverlay(site, () => now);
  fake.value = encodeOverlay(site, 1, []).buffer;
  await live.get(fake.kv);

  fake.value = encodeOverlay(site, 2, []).buffer;
  let open = () => {};
  fake.gate = new Promise((resolve) => (open = resolve));
  now += 10_000;
  const first = live.get(fake.kv);
  assert.equal((await live.get(fake.kv))!.meta.revision, 1);
  assert.equal(fake.reads.length, 2);
  // The reading request may have been aborted, so another one reads.
  now += 5_000;
  const second = live.get(fake.kv);
  assert.equal(fake.reads.length, 3);
  open();
  assert.deepEqual([(await first)!.meta.revision, (await second)!.meta.revision], [2, 2]);
});

test("after a long time without requests, the cached overlay is not used", async () => {
  let now = 1_000_000;
  const fake = new FakeKV();
  const live = new LiveOverlay(site, () => now);
  fake.value = encodeOverlay(site, 1, []).buffer;
  await live.get(fake.kv);
  fake.value = encodeOverlay(site, 2, []).buffer;
  now += 3_600_000;
  const both = await Promise.all([live.get(fake.kv), live.get(fake.kv)]);
  assert.deepEqual(
    both.map((manifest) => manifest!.meta.revision),
    [2, 2],
  );
});

test("if KV fails or the overlay is damaged, the cached one is used, else it throws", async () => {
  let now = 1_000_000;
  const fake = new FakeKV();
  const live = new LiveOverlay(site, () => now);
  const failures = [new Error("KV is down"), new ArrayBuffer(3), encodeOverlay("other", 9, []).buffer];
  for (const failure of failures) {
    fake.value = failure;
    await assert.rejects(live.get(fake.kv), OverlayUnavailableError);
  }
  assert.equal(fake.reads.length, 3, "the next request reads again immediately");
  fake.value = encodeOverlay(site, 1, []).buffer;
  assert.equal((await live.get(fake.kv))!.meta.revision, 1);
  for (const failure of failures) {
    fake.value = failure;
    now += 10_000;
    assert.equal((await live.get(fake.kv))!.meta.revision, 1);
    assert.equal((await live.get(fake.kv))!.meta.revision, 1);
  }
  assert.equal(fake.reads.length, 7, "a failing KV is not read more often");
});

// An isolate of a loader serves several deployments of a project, with one cache.
test("a retired asset is a 404 after its prune, although an earlier deployment kept its blob in memory", async () => {
  const blobs = new BlobCache({});
  const key = `${site}/b/${hash("d")}.${nonce("d")}`;
  blobs.add(site, key, new ArrayBuffer(9));
  const answer = async (more: Parameters<typeof deployedManifest>[0]) => {
    const opened = new Site(
      deployedManifest({ serving: { html_handling: "", not_found_handling: "", overlay: false }, ...more }),
      blobs,
    );
    const env = { KV_SYNC_BLOBS: new FakeKV().kv };
    return (await opened.serve(new Request("https://example.com/old"), env)).status;
  };
  assert.equal(await answer({}), 404);
  const [asset] = [
    { path: "/old", hash: hash("d"), nonce: nonce("d"), size: 9, type: "text/css", modified: 1, oid: "" },
  ];
  assert.equal(await answer({ assets: [asset!], retired: [] }), 200);
});
