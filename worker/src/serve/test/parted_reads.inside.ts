import assert from "node:assert/strict";
import type { Description } from "../../../test/encode";
import { inParts } from "../../../test/encode_parts";
import { test } from "../../../test/inside/harness";
import { Root } from "../../format/root";
import { Parted } from "../parted";
import { Site } from "../site";
import { described, entry, filled, type PartStore, quietly } from "./part_store";

const pages = Array.from({ length: 300 }, (_, i) => `/blog/${String(i).padStart(3, "0")}.html`);

function blog(more: Partial<Description> = {}): Description {
  return { site: "blog", entries: ["/404.html", ...pages].map((path) => entry(path)), ...more };
}

/** Opens a site with 100 entries in each part. */
function opened(manifest: Description, partMemory?: number): { kv: PartStore; site: Site; manifest: Parted } {
  const kv = filled(manifest);
  const parted = new Parted(new Root(kv.add(inParts(manifest, 100, false))), partMemory);
  return { kv, site: new Site(parted), manifest: parted };
}

const get = (site: Site, kv: PartStore, path: string, headers = {}) =>
  site.fetch(new Request(`https://example.com${path}`, { headers }), kv.env);

/** Requests a page. Returns the kinds of the keys that were read. */
async function reads(site: Site, kv: PartStore, path: string, content = `${path}.html`): Promise<string> {
  const response = await get(site, kv, path);
  assert.deepEqual([response.status, await response.text()], [200, content]);
  return kv.taken();
}

test("a request reads a part if it is not in memory, and then the file", async () => {
  const { kv, site } = opened(blog());
  assert.equal(await reads(site, kv, "/blog/050"), "pb", "a cold isolate");
  assert.equal(await reads(site, kv, "/blog/051"), "b", "a neighbour");
  assert.equal(await reads(site, kv, "/blog/050"), "b");
  assert.equal(await reads(site, kv, "/blog/050"), "", "a hot page");
  assert.equal(await reads(site, kv, "/blog/250"), "pb", "another part");
  assert.equal((await get(site, kv, "/blog/150", { "if-none-match": "*" })).status, 304);
  assert.equal(kv.taken(), "p", "304 needs no file");
  assert.equal((await get(site, kv, "/blog/151", { "if-none-match": "*" })).status, 304);
  assert.equal(kv.taken(), "");
});

test("an answer from memory is immediate", async () => {
  const { kv, site } = opened(blog());
  for (let i = 0; i < 2; i++) await reads(site, kv, "/blog/050");
  const request = new Request("https://example.com/blog/050");
  assert.ok(site.deployed.answer(request, kv.env) instanceof Response);
  assert.ok(!(site.deployed.answer(new Request("https://example.com/blog/250"), kv.env) instanceof Response));
});

test("the retired files are read only if there is no other file", async () => {
  const retired = ["/blog/001/old.css", "/old.css"].map((path) => entry(path, { retired: true }));
  const manifest = blog();
  const { kv, site } = opened({ ...manifest, entries: [...manifest.entries, ...retired] });
  assert.equal(await reads(site, kv, "/blog/050"), "pb");
  assert.equal(
    await reads(site, kv, "/old.css", "/old.css"),
    "ppb",
    "the part that could have it, and the retired files",
  );
  for (const path of ["/blog/nothing", "/nothing"]) {
    const missing = await get(site, kv, path);
    assert.deepEqual([missing.status, await missing.text()], [404, "/404.html"]);
  }
  assert.equal(kv.taken(), "bb", "all parts are in memory");

  const without = opened(blog());
  assert.equal((await get(without.site, without.kv, "/zzz")).status, 404);
  assert.equal(without.kv.taken(), "ppb", "the last part, the part of the 404 page, and that page");
});

test("the memory for parts is bounded", async () => {
  const { kv, site, manifest } = opened(blog(), 20_000);
  for (const page of ["/blog/050", "/blog/150", "/blog/050"]) await reads(site, kv, page);
  assert.equal(await reads(site, kv, "/blog/051"), "b", "two parts are in memory");
  assert.equal(await reads(site, kv, "/blog/250"), "pb");
  assert.equal(await reads(site, kv, "/blog/052"), "b");
  assert.equal(await reads(site, kv, "/blog/151"), "pb", "the least recently used part is not");
  const root = new Root(filled().add(inParts(blog(), 100, false))).bytes;
  assert.ok(site.bytes > root + 10_000 && site.bytes <= root + 20_000, `${site.bytes}`);
  assert.equal(manifest.partMemory, 20_000);
});

test("parts use half of the memory for small files, and nothing is kept without memory", async () => {
  for (const [memory_cache, parts] of [
    [undefined, 8 << 20],
    [1 << 20, 1 << 19],
    [0, 0],
  ] as const) {
    const { manifest, site, kv } = opened(blog({ memory_cache, cache_status: true }));
    assert.equal(manifest.partMemory, parts);
    const status = (await get(site, kv, "/blog/050")).headers.get("cache-status");
    assert.match(status!, new RegExp(`of ${(memory_cache ?? 16 << 20) - parts} bytes`));
  }
  const { kv, site } = opened(blog({ memory_cache: 0 }));
  for (let i = 0; i < 3; i++) assert.equal(await reads(site, kv, "/blog/050"), "pb");
  // Each of these requests needs several parts at the same time.
  const missing = Array.from({ length: 20 }, (_, i) => get(site, kv, `/zzz/${i}`));
  for (const response of await Promise.all(missing))
    assert.deepEqual([response.status, await response.text()], [404, "/404.html"]);
});

test("requests at the same time all get their files", async () => {
  for (const memory_cache of [undefined, 0]) {
    const { kv, site } = opened(blog({ memory_cache }));
    const bodies = await Promise.all(
      pages.map(async (page) => (await get(site, kv, page.slice(0, -".html".length))).text()),
    );
    assert.deepEqual(bodies, pages);
  }
});

test("a part that is missing or cannot be read is a 503, never a 404", async () => {
  const { kv, site } = opened(described());
  const keys = [...kv.values.keys()].filter((key) => key.includes("/p/"));
  for (const fault of [null, new Error("KV GET failed: 500")]) {
    kv.fault = (key) => (key.includes("/p/") ? fault : undefined);
    for (const path of ["/file", "/nothing/at/all", "/old.css", "/file.html"]) {
      const log = await quietly(async () => {
        const response = await get(site, kv, path);
        assert.deepEqual(
          [response.status, response.headers.get("cache-control"), response.headers.get("etag"), await response.text()],
          [503, "no-store", null, ""],
        );
        assert.ok(response.headers.get("retry-after"));
      });
      assert.ok(
        keys.some((key) => log.includes(key)),
        log,
      );
    }
  }
  kv.reads = [];
  kv.fault = (key) => (key.includes("/p/") && kv.reads.length === 1 ? null : undefined);
  const response = await get(site, kv, "/file");
  assert.deepEqual([response.status, await response.text()], [200, "/file.html"]);
  assert.deepEqual(
    kv.reads.map(({ cacheTtl }) => cacheTtl),
    [31_536_000, 30, 31_536_000],
    "a missing part is read again with the shortest cacheTtl",
  );
});
