// Tests in real workerd, over HTTP, which responses come from the memory of the isolate.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { Platform } from "../../../test/platform";
import { blobKey, chunk, type Site } from "../../../test/test_site";

const large = "0123456789abcdef".repeat(1 << 15);
const files = { "/index.html": "home", "/a.txt": "text", "/empty.txt": "", "/large.txt": large };
const hot: Site = {
  name: "hot",
  files: { ...files, "/404.html": "nothing here", "/page.js": "let page" },
  retired: { "/old.txt": "earlier" },
  chunked: { "/film.txt": { content: "one two three", size: 4 } },
  headers: "/page.js\n  Content-Encoding: gzip\n",
  cacheStatus: true,
};
const off: Site = { name: "off", files, memoryCache: 0, cacheStatus: true };
const small: Site = {
  name: "small",
  files: { "/a.txt": "a".repeat(3000), "/b.txt": "b".repeat(3000) },
  memoryCache: 6000,
};
/** Code that changes the bytes that it gets from the site. */
const hostile: Site = {
  name: "hostile",
  files: { "/a.txt": "original" },
  worker: `import assets from "@kv-sync/worker/site";
    export default { async fetch(request, env, ctx) {
      const response = await assets.fetch(request, env, ctx);
      if (request.headers.has("mode")) {
        const reader = response.body.getReader({ mode: "byob" });
        const { value } = await reader.read(new Uint8Array(8));
        value.fill(120);
        return new Response(value);
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      const copy = new TextDecoder().decode(bytes);
      bytes.fill(120);
      return new Response(copy);
    } };`,
};
/** A Zipf-like log needs many pages. */
const zipf: Site = {
  name: "zipf",
  files: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`/p${i}.html`, `page ${i} `.repeat(500)])),
  memoryCache: 512 << 10,
};
/** A blob whose size differs from the manifest. */
const wrong: Site = { name: "wrong", files: { "/a.txt": "right" } };

describe("the memory for small blobs", () => {
  let platform: Platform;
  before(async () => (platform = await Platform.start([hot, off, small, hostile, zipf, wrong], [])));
  after(() => platform.stop());
  beforeEach(() => {
    platform.kv.reads = [];
    platform.kv.fault = () => undefined;
  });

  const body = async (site: string, path: string, headers = {}) =>
    (await platform.request(site, path, { headers })).body;

  it("answers from the third request on without KV, with the same response", async () => {
    for (const [path, content] of [
      ["/", "home"],
      ["/a.txt", "text"],
      ["/empty.txt", ""],
      ["/page.js", "let page"],
    ] as const) {
      const replies = [];
      for (let i = 0; i < 4; i++) replies.push(await platform.request("hot", path));
      const status = replies.map(({ headers }) => String(headers["cache-status"]).slice(0, 17));
      assert.deepEqual(
        status,
        ["kv-sync; fwd=miss", "kv-sync; fwd=miss", "kv-sync; hit; det", "kv-sync; hit; det"],
        path,
      );
      for (const reply of replies) {
        delete reply.headers["cache-status"];
        delete reply.headers["date"];
        assert.deepEqual(reply, replies[0], path);
      }
      if (path !== "/page.js") assert.equal(replies[0]!.body, content);
      assert.equal(platform.kv.reads.filter(({ key }) => key === blobKey("hot", content)).length, 2, path);
    }
  });

  it("answers 304, HEAD and the 404 page from memory, too", async () => {
    for (let i = 0; i < 3; i++) {
      const missing = await platform.request("hot", "/nothing");
      assert.deepEqual([missing.status, missing.body], [404, "nothing here"]);
    }
    platform.kv.fault = () => "error";
    const page = await platform.request("hot", "/nothing");
    assert.deepEqual([page.status, page.body], [404, "nothing here"]);
    const head = await platform.request("hot", "/a.txt", { method: "HEAD" });
    assert.deepEqual([head.status, head.headers["content-length"]], [200, "4"]);
    const reply = await platform.request("hot", "/a.txt", { headers: { "if-none-match": head.headers.etag! } });
    assert.equal(reply.status, 304);
  });

  it("keeps no large, chunked or retired files, no ranges, and nothing if it is off", async () => {
    for (const [site, path, content, headers] of [
      ["hot", "/large.txt", large, {}],
      ["hot", "/old.txt", "earlier", {}],
      ["hot", "/film.txt", "one two three", {}],
      ["hot", "/page.js", undefined, { range: "bytes=0-1" }],
      ["off", "/a.txt", "text", {}],
    ] as const) {
      platform.kv.reads = [];
      for (let i = 0; i < 4; i++) {
        const got = await body(site, path, headers);
        if (content !== undefined) assert.equal(got, content);
      }
      if (path === "/page.js") continue;
      const key = path === "/film.txt" ? `hot/b/${chunk(content!, 4).hash}` : blobKey(site, content!);
      assert.equal(platform.kv.reads.filter((read) => read.key.startsWith(key)).length, 4, `${site} ${path}`);
    }
    assert.equal(await body("hot", "/a.txt", { range: "bytes=1-2" }), "ex", "a range of a kept file");
  });

  it("removes the least recently used file", async () => {
    for (const path of ["/a.txt", "/a.txt", "/b.txt", "/b.txt", "/a.txt"]) await body("small", path);
    assert.equal(platform.kv.reads.length, 5, "the second file took the place of the first one");
  });

  it("gives code a copy that it may change", async () => {
    for (const headers of [{}, { mode: "byob" }]) {
      for (let i = 0; i < 4; i++) await body("hostile", "/a.txt", headers);
      assert.equal(await body("hostile", "/a.txt"), "original");
    }
  });

  it("keeps only what has the manifest's size", async () => {
    platform.kv.fault = (_key, earlier) => (earlier === 1 ? "short" : undefined);
    await body("wrong", "/a.txt");
    const reply = await platform.request("wrong", "/a.txt");
    assert.deepEqual([reply.status, reply.headers["cache-control"]], [503, "no-store"]);
    await platform.logged(/cannot read wrong\/b\/.* for \/a\.txt: Error: it has 2 bytes, not 5/);
    assert.equal(await body("wrong", "/a.txt"), "right");
  });

  it("reads KV for few requests of a Zipf-like log", async () => {
    // Page k gets a share of 1/k of the requests. The random numbers are those of a linear congruential generator.
    const weights = Array.from({ length: 300 }, (_, i) => 1 / (i + 1));
    const total = weights.reduce((sum, weight) => sum + weight);
    let seed = 1;
    const next = () => {
      seed = (seed * 48271) % 2147483647;
      let at = (seed / 2147483647) * total;
      return weights.findIndex((weight) => (at -= weight) < 0);
    };
    for (let i = 0; i < 2000; i++) await body("zipf", `/p${next()}`);
    const reads = platform.kv.reads.length;
    console.log(`${reads} reads of KV for 2000 requests`);
    assert.ok(reads < 1000, `${reads} reads`);
  });
});
