// Tests the default Worker in real workerd, over HTTP, with a KV that can fail.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import { Platform } from "../../../test/platform";
import { blobKey, modified, type Site } from "../../../test/test_site";

const page = "<h1>Home</h1>\n";
const blog: Site = {
  name: "blog",
  files: {
    "/index.html": page,
    "/404.html": "nothing here",
    "/about.html": "about",
    "/docs/index.html": "docs",
    "/docs/404.html": "no such docs",
    "/style.css": "b{}",
    "/empty.txt": "",
    "/ü b.txt": "umlaut",
    "/big.bin": Buffer.alloc(5 << 20, "0123456789"),
    "/constructor.txt": "a file",
  },
  retired: { "/old.css": "i{}", "/docs.html": "earlier docs", "/gone/index.html": "earlier page", "/lost.css": "lost" },
  redirects: "/feed /feed.xml 301\n/r/* /:splat 302\n",
  headers: "/*\n  X-Frame-Options: DENY\n  Cache-Control: public, max-age=600\n",
  memoryCache: 0, // these tests count reads of KV
};
const app: Site = {
  name: "app",
  files: { "/index.html": "shell", "/app.js": "let a" },
  retired: { "/app.1.js": "earlier", "/404.html": "earlier 404" },
  notFound: "single-page-application",
  memoryCache: 0,
};
const bare: Site = { name: "bare", files: { "/a.html": "a" }, retired: { "/404.html": "earlier 404" }, memoryCache: 0 };
const none: Site = { name: "none", files: { "/a.html": "a" }, notFound: "none" };
const edge: Site = { name: "edge", files: { "/a.html": "a" }, edgeCache: 60 };
const own: Site = {
  name: "own",
  files: { "/index.html": "home" },
  worker: /```ts\n(.*?)```/s.exec(readFileSync("../docs/serving.md", "utf8"))![1]!,
};
const badMeta: Site = {
  name: "bad-meta",
  files: { "/a.html": "a" },
  damage: (manifest) => void manifest.write("[", manifest.indexOf('{"site":'), "latin1"),
};
const encoded: Site = {
  name: "encoded",
  files: { "/a.html": "a" },
  damage: (manifest) => void manifest.writeUInt16LE(2, 64 + 62),
};

for (const perPart of [undefined, 2])
  describe(perPart ? "the default Worker with a manifest in parts" : "the default Worker", () => {
    let platform: Platform;
    const sites = [blog, app, bare, none, edge, own, badMeta].map((site) => ({ ...site, perPart }));
    before(async () => (platform = await Platform.start([...sites, encoded], [])));
    after(() => platform.stop());
    beforeEach(() => {
      platform.kv.reads = [];
      platform.kv.fault = () => undefined;
    });

    /** The reads of files. A manifest in parts needs others before them. */
    const blobReads = () => platform.kv.reads.filter(({ key }) => key.includes("/b/"));

    it("serves an asset with one KV read", async () => {
      const reply = await platform.request("bare", "/a");
      assert.equal(reply.status, 200);
      assert.equal(reply.body, "a");
      assert.deepEqual(
        Object.fromEntries(
          ["content-type", "content-length", "etag", "last-modified", "cache-control"].map((name) => [
            name,
            reply.headers[name],
          ]),
        ),
        {
          "content-type": "text/html; charset=utf-8",
          "content-length": "1",
          etag: `"${sha256Hex("a")}"`,
          "last-modified": new Date(modified * 1000).toUTCString(),
          "cache-control": "public, max-age=0, must-revalidate",
        },
      );
      assert.deepEqual(
        blobReads().map(({ key }) => key),
        [blobKey("bare", "a")],
      );
      assert.ok(platform.kv.reads[0]!.ttl >= 86_400, "a blob never changes");
    });

    it("serves large, empty and unusually named files", async () => {
      const big = await platform.request("blog", "/big.bin");
      assert.equal(sha256Hex(big.body), sha256Hex(blog.files["/big.bin"]!));
      assert.equal(big.headers["content-length"], String(5 << 20));
      const empty = await platform.request("blog", "/empty.txt");
      assert.deepEqual([empty.status, empty.body, empty.headers["content-length"]], [200, "", "0"]);
      assert.equal((await platform.request("blog", "/%C3%BC%20b.txt")).body, "umlaut");
    });

    it("answers 304, HEAD, 404 without a page, 405 and redirects without KV", async () => {
      const etag = `"${sha256Hex("a")}"`;
      for (const headers of [{ "if-none-match": `"x", W/${etag}` }, { "if-none-match": "*" }]) {
        const reply = await platform.request("bare", "/a", { headers });
        assert.deepEqual([reply.status, reply.body, reply.headers.etag], [304, "", etag], JSON.stringify(headers));
      }
      const head = await platform.request("blog", "/big.bin", { method: "HEAD" });
      assert.deepEqual([head.status, head.headers["content-length"], head.body], [200, String(5 << 20), ""]);
      assert.equal((await platform.request("none", "/nothing")).status, 404);
      const post = await platform.request("bare", "/a", { method: "POST" });
      assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD"]);
      assert.equal((await platform.request("bare", "/a.html?x=1")).headers.location, "/a?x=1");
      assert.equal((await platform.request("blog", "/feed?x=1")).headers.location, "/feed.xml?x=1");
      assert.deepEqual(blobReads(), []);
    });

    it("ignores If-Modified-Since", async () => {
      for (const seconds of [modified - 1, modified, modified + 1, modified + 86_400]) {
        const date = new Date(seconds * 1000).toUTCString();
        const reply = await platform.request("bare", "/a", { headers: { "if-modified-since": date } });
        assert.deepEqual([reply.status, reply.body], [200, "a"], date);
      }
    });

    it("sends Last-Modified only if no cache uses it", async () => {
      const dateOf = async (site: string, headers = {}) =>
        (await platform.request(site, "/a", { headers })).headers["last-modified"];
      assert.equal(await dateOf("bare"), new Date(modified * 1000).toUTCString());
      // Without Cache-Control, a browser computes the cache time from Last-Modified.
      assert.equal(await dateOf("bare", { authorization: "Basic eDp5" }), undefined);
      assert.equal(await dateOf("edge"), undefined, "Workers Caching evaluates If-Modified-Since by itself");
    });

    it("answers with the nearest 404 page, as a 404", async () => {
      const top = await platform.request("blog", "/nothing");
      assert.deepEqual(
        [top.status, top.body, top.headers["content-type"]],
        [404, "nothing here", "text/html; charset=utf-8"],
      );
      assert.equal((await platform.request("blog", "/docs/a/b")).body, "no such docs");
      assert.equal(top.headers["last-modified"], undefined, "the page is not the requested asset");
      for (const headers of [
        { "if-none-match": "*" },
        { "if-modified-since": new Date(modified * 1000).toUTCString() },
      ]) {
        assert.equal((await platform.request("blog", "/nothing", { headers })).status, 404);
      }
    });

    it("reads a missing blob again with the shortest cacheTtl", async () => {
      platform.kv.fault = (key, earlier) => (key.includes("/b/") && earlier === 0 ? "missing" : undefined);
      const reply = await platform.request("bare", "/a");
      assert.deepEqual([reply.status, reply.body], [200, "a"]);
      assert.deepEqual(
        blobReads()
          .map(({ ttl }) => ttl)
          .slice(1),
        [30],
      );
    });

    // Promise 2.
    it("answers 503 for a missing blob, never an empty 200 or another page", async () => {
      platform.kv.fault = () => "missing";
      for (const [site, path] of [
        ["bare", "/a"],
        ["blog", "/style.css"],
        ["blog", "/nothing"],
        ["app", "/app.js"],
        ["app", "/any/route"],
      ] as const) {
        const reply = await platform.request(site, path);
        assert.deepEqual(
          [reply.status, reply.body, reply.headers["cache-control"]],
          [503, "", "no-store"],
          `${site} ${path}`,
        );
        assert.match(reply.headers["retry-after"]!, /^\d+$/);
        assert.equal(reply.headers.etag, undefined);
      }
    });

    it("answers 503 when KV fails, and logs why", async () => {
      platform.kv.fault = (key) => (key.includes("/b/") ? "error" : undefined);
      const reply = await platform.request("blog", "/");
      assert.deepEqual(
        [reply.status, reply.headers["cache-control"]],
        [503, "no-store"],
        "a header rule must not enable caching",
      );
      assert.ok(reply.headers["retry-after"]);
      await platform.logged(new RegExp(blobKey("blog", page)));
      await platform.logged(/KV GET failed: 500/);
    });

    it("serves a retired asset while its blob exists", async () => {
      const reply = await platform.request("blog", "/old.css");
      assert.deepEqual(
        [reply.status, reply.body, reply.headers["content-type"]],
        [200, "i{}", "text/css; charset=utf-8"],
      );
      assert.equal((await platform.request("blog", "/gone/")).body, "earlier page");
      assert.equal((await platform.request("blog", "/gone")).headers.location, "/gone/");
      assert.equal(
        (await platform.request("app", "/app.1.js")).body,
        "earlier",
        "a retired asset takes precedence over the shell",
      );
      platform.kv.fault = (key) => (key === blobKey("blog", "lost") ? "missing" : undefined);
      const lost = await platform.request("blog", "/lost.css");
      assert.deepEqual([lost.status, lost.body, lost.headers["cache-control"]], [404, "", "no-store"]);
    });

    it("prefers deployed assets to retired ones at all of their pathnames", async () => {
      assert.equal((await platform.request("blog", "/docs")).headers.location, "/docs/");
      assert.equal((await platform.request("blog", "/docs.html")).headers.location, "/docs/");
      assert.equal((await platform.request("blog", "/docs/")).body, "docs");
      assert.equal(
        (await platform.request("bare", "/nothing")).body,
        "",
        "a retired 404.html is not used as the 404 page",
      );
      assert.equal((await platform.request("bare", "/404")).body, "earlier 404");
    });

    it("answers an uncached 500 for a damaged manifest", async () => {
      for (const site of ["bad-meta", "encoded"]) {
        const reply = await platform.request(site, "/a");
        assert.deepEqual([reply.status, reply.body, reply.headers["cache-control"]], [500, "", "no-store"], site);
      }
      await platform.logged(/damaged meta section/);
      await platform.logged(/entry 0 has flags 2/);
    });

    it("applies the site's headers to every response", async () => {
      for (const path of ["/", "/nothing", "/about.html", "/feed"]) {
        assert.equal((await platform.request("blog", path)).headers["x-frame-options"], "DENY", path);
      }
      assert.equal((await platform.request("blog", "/")).headers["cache-control"], "public, max-age=600");
      assert.equal((await platform.request("blog", "/", { method: "POST" })).headers["x-frame-options"], "DENY");
    });

    it("can be called by a user's Worker as docs/serving.md shows", async () => {
      assert.equal((await platform.request("own", "/")).body, "home");
      assert.deepEqual(JSON.parse((await platform.request("own", "/api/x")).body), { hello: "world" });
      assert.equal((await platform.request("own", "/nothing")).status, 404);
    });

    it("redirects to the canonical form of each pathname", async () => {
      for (const [path, location] of [
        ["/%61", "/a"],
        ["/%61?x=%61", "/a?x=%61"],
        ["/a%2Ehtml", "/a"],
      ] as const) {
        const reply = await platform.request("bare", path);
        assert.deepEqual([reply.status, reply.headers.location], [307, location], path);
      }
      assert.equal((await platform.request("blog", "/%c3%bc%20b.txt")).headers.location, "/%C3%BC%20b.txt");
    });

    it("does not log the query, which may contain secrets", async () => {
      platform.log = "";
      assert.equal((await platform.request("bad-meta", "/a?token=visitors-secret")).status, 500);
      await platform.logged(/cannot answer GET http:\/\/example\.com\/a:/);
      assert.doesNotMatch(platform.log, /visitors-secret/);
    });

    it("does not fail for hostile requests", async () => {
      const paths = [
        "/%zz",
        "/%",
        "/%ff%fe",
        "/constructor",
        "/__proto__",
        "/__proto__.html",
        "/toString/valueOf",
        "//",
        "///",
        "//evil.com",
        "//evil.com/",
        "//evil.com/%2e%2e",
        "/\\evil.com",
        "/%5cevil.com",
        "/%2fevil.com/",
        "/r//evil.com",
        "/r/%2f%2fevil.com",
        "/r/%5cevil.com",
        "/..%2f",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/",
        "/%2e%2e%2f%2e%2e%2f",
        "/%00",
        "/a%00.html",
        "/%0d%0aset-cookie:%20a=b",
        "/r/%0d%0aset-cookie:a",
        "/index.html%00",
        "/?%zz",
        "/;",
        "/:splat",
        "/*",
        `/${"a".repeat(8192)}`,
        "/a".repeat(4096),
        "/".repeat(8192),
        "/%2f".repeat(2700),
        "/%20".repeat(2700),
        `/r${"/a".repeat(4000)}`,
        "/%F0%9F%99%82".repeat(600),
      ];
      for (const site of ["blog", "app", "bare", "none"]) {
        for (const path of paths) {
          const reply = await platform.request(site, path);
          const name = `${site} ${path.slice(0, 60)}`;
          assert.ok([200, 301, 302, 307, 404].includes(reply.status), `${name}: ${reply.status}`);
          if (reply.status === 200) assert.ok(["", "shell", page].includes(reply.body), name);
          const location = reply.headers.location;
          if (location !== undefined)
            assert.equal(new URL(location, "http://example.com").host, "example.com", `${name}: ${location}`);
          assert.equal(reply.headers["set-cookie"], undefined, name);
        }
      }
      assert.doesNotMatch(platform.log, /cannot answer GET .*(%zz|proto|evil)/);
    });

    it("does not fail for hostile headers", async () => {
      const values = [
        "",
        "*",
        '"',
        "W/",
        '"a\\"',
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=0-0,",
        `bytes=${"0-".repeat(2000)}`,
        `bytes=${"9".repeat(8000)}-`,
        "bytes=-9999999999999999999999",
        "bytes=9007199254740993-",
        "bytes=1e3-",
        "__proto__",
        "Thu, 99 Foo 2024 99:99:99 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "-1",
        "NaN",
        "2024-01-01",
        "9".repeat(8000),
        "\u00ff\u00fe",
        `"${",".repeat(8000)}`,
      ];
      for (const name of [
        "range",
        "if-range",
        "if-none-match",
        "if-modified-since",
        "authorization",
        "accept-encoding",
        "x-forwarded-host",
        "host",
      ]) {
        for (const value of values) {
          if (name === "host" && !/^[\w.-]*$/.test(value)) continue; // refused before a Worker sees it
          const reply = await platform.request("bare", "/a", { headers: { range: "bytes=0-0", [name]: value } });
          assert.ok(
            [200, 206, 304, 416, ...(name === "host" ? [400] : [])].includes(reply.status),
            `${name}: ${value.slice(0, 60)}: ${reply.status}`,
          );
          assert.equal(reply.body, reply.status < 300 ? "a" : "");
        }
      }
      assert.doesNotMatch(platform.log, /cannot answer GET http:..example.com.a:(?!.*(meta|flags))/);
    });
  });
