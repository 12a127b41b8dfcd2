// Tests range requests, chunked files and cache headers in real workerd.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import { Platform } from "../../../test/platform";
import { blobKey, chunk, modified, nonce, type Site } from "../../../test/test_site";

const digits = Array.from({ length: 200_000 }, (_, i) => `${i} `).join("");
const alphabet = "abcdefghijklmnopqrstuvwxyz";
const site: Site = {
  name: "parts",
  memoryCache: 0,
  files: {
    "/index.html": "home",
    "/digits.txt": digits,
    "/ten.txt": "0123456789",
    "/empty.txt": "",
    "/404.html": "nothing here",
    "/table.csv": "1,2,3,4,5\n",
    "/app.3f2a9c1b.js": "let a",
    "/own.3f2a9c1b.js": "let b",
  },
  retired: { "/old.txt": "9876543210", "/app.0a1b2c3d.js": "earlier" },
  chunked: {
    "/alphabet.txt": { content: alphabet, size: 4 },
    "/once.txt": { content: alphabet.toUpperCase(), size: 1000 },
    "/even.txt": { content: alphabet.slice(0, 24), size: 8 },
    "/large.txt": { content: digits, size: 100_000 },
    "/old-film.txt": { content: "earlier film", size: 4, retired: true },
  },
  redirects: "/proxied.3f2a9c1b.js /app.3f2a9c1b.js 200\n/proxied.txt /ten.txt 200\n",
  headers: "/own.3f2a9c1b.js\n  Cache-Control: no-cache\n/*.csv\n  Content-Encoding: gzip\n",
};
const app: Site = { name: "app", files: { "/index.html": "shell" }, notFound: "single-page-application" };
const cached: Site = {
  name: "cached",
  memoryCache: 0,
  files: { "/index.html": "home", "/404.html": "nothing", "/a.html": "a" },
  edgeCache: 3600,
  redirects: "/feed /feed.xml 301\n/moved https://www.example.com/here 301\n",
  headers:
    "/a\n  Cloudflare-CDN-Cache-Control: max-age=5\n/moved\n  Cloudflare-CDN-Cache-Control: public, max-age=60\n",
};
const hosts: Site = {
  name: "hosts",
  files: { "/index.html": "home" },
  edgeCache: 3600,
  headers: "https://a.example.com/*\n  X-Host: a\n/kept\n  Cloudflare-CDN-Cache-Control: max-age=5\n",
  redirects: "/kept / 301\n",
};
const damaged: Site = { name: "damaged", files: {}, chunked: { "/film.txt": { content: alphabet, size: 4 } } };

const etag = (content: string) => `"${sha256Hex(content)}"`;
const date = new Date(modified * 1000).toUTCString();
const chunkKeys = (name: string, size: number, content = alphabet) =>
  chunk(content, size).chunks.map(({ key }) => `${name}/b/${key}`);
const indexKey = (name: string, size: number, content = alphabet) => `${name}/b/${chunk(content, size).hash}.${nonce}`;

let platform: Platform;
before(async () => {
  platform = await Platform.start([site, app, cached, hosts, damaged], []);
  platform.kv.values.get(indexKey("damaged", 4))![30]! ^= 1;
});
after(() => platform.stop());
beforeEach(() => {
  platform.kv.reads = [];
  platform.kv.fault = () => undefined;
});

/** The keys that were read, in order. */
const read = () => platform.kv.reads.map(({ key }) => key);

function request(path: string, range?: string, more: Record<string, string> = {}) {
  return platform.request("parts", path, { headers: { ...(range === undefined ? {} : { range }), ...more } });
}

describe("a request with Range", () => {
  for (const [path, content] of [
    ["/ten.txt", "0123456789"],
    ["/digits.txt", digits],
    ["/alphabet.txt", alphabet],
    ["/once.txt", alphabet.toUpperCase()],
    ["/even.txt", alphabet.slice(0, 24)],
    ["/large.txt", digits],
    ["/old.txt", "9876543210"],
    ["/proxied.txt", "0123456789"],
  ] as const) {
    it(`with one range sends a part of ${path}`, async () => {
      const { length } = content;
      for (const [from, to] of [
        [0, 1],
        [0, 4],
        [3, 5],
        [4, 8],
        [length - 1, length],
        [7, length],
        [0, length],
        [1, length - 1],
        [Math.floor(length / 2), Math.floor(length / 2) + 1],
      ] as const) {
        const reply = await request(path, `bytes=${from}-${to - 1}`);
        assert.equal(reply.status, 206);
        assert.equal(reply.body, content.slice(from, to), `${from}-${to}`);
        assert.equal(reply.headers["content-range"], `bytes ${from}-${to - 1}/${length}`);
        assert.equal(reply.headers["content-length"], String(to - from));
        assert.equal(reply.headers["content-type"], "text/plain; charset=utf-8");
        assert.equal(reply.headers["accept-ranges"], "bytes");
        assert.equal(reply.headers["last-modified"], date);
      }
      assert.equal((await request(path, "bytes=-3")).body, content.slice(-3));
      const whole = await request(path);
      assert.deepEqual(
        [whole.status, whole.headers["accept-ranges"], whole.headers["content-length"]],
        [200, "bytes", String(length)],
      );
      assert.equal(sha256Hex(whole.body), sha256Hex(content));
    });

    it(`with several ranges sends parts of ${path}`, async () => {
      for (const header of ["0-0,-1", "1-2,4-6", "0-3,4-7,9-9", "2-2,3-"]) {
        const reply = await request(path, `bytes=${header}`);
        assert.equal(reply.status, 206);
        const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{64})$/.exec(reply.headers["content-type"]!)![1]!;
        assert.equal(reply.headers["content-length"], String(Buffer.byteLength(reply.body)));
        assert.equal(reply.headers["content-range"], undefined);
        const parts = reply.body.split(`\r\n--${boundary}`);
        assert.deepEqual([parts.shift(), parts.pop()], ["", "--\r\n"]);
        const expected = header.split(",").map((spec) => {
          const [first, last] = spec.split("-");
          const from = first === "" ? content.length - Number(last) : Number(first);
          const to = first === "" || last === "" ? content.length : Number(last) + 1;
          const range = `bytes ${from}-${to - 1}/${content.length}`;
          const head = `Content-Type: text/plain; charset=utf-8\r\nContent-Range: ${range}`;
          return `\r\n${head}\r\n\r\n${content.slice(from, to)}`;
        });
        assert.deepEqual(parts, expected, header);
      }
    });
  }

  it("outside of the file is a 416, without a read of KV", async () => {
    for (const path of ["/ten.txt", "/alphabet.txt"]) {
      for (const range of ["bytes=99-", "bytes=-0", "bytes=30-40,50-"]) {
        const reply = await request(path, range);
        assert.deepEqual(
          [reply.status, reply.body, reply.headers["content-range"]],
          [416, "", `bytes */${path === "/ten.txt" ? 10 : 26}`],
          range,
        );
      }
    }
    assert.deepEqual(read(), []);
  });

  it("is ignored if it is invalid, and for a HEAD request or an empty file", async () => {
    for (const range of [
      "bytes=5-2",
      "items=0-1",
      "bytes=a",
      "bytes=0-5,2-3",
      "bytes=5-6,0-1",
      `bytes=${"0-0,".repeat(2000)}0-0`,
    ]) {
      const reply = await request("/ten.txt", range);
      assert.deepEqual(
        [reply.status, reply.body, reply.headers["content-range"]],
        [200, "0123456789", undefined],
        range.slice(0, 40),
      );
    }
    const head = await platform.request("parts", "/ten.txt", { method: "HEAD", headers: { range: "bytes=0-0" } });
    assert.deepEqual(
      [head.status, head.headers["content-length"], head.headers["content-range"]],
      [200, "10", undefined],
    );
    assert.equal((await request("/empty.txt", "bytes=0-")).status, 200);
    const post = await platform.request("parts", "/ten.txt", { method: "POST", headers: { range: "bytes=0-0" } });
    assert.equal(post.status, 405);
  });

  it("is ignored for a 404 page or a redirect", async () => {
    const missing = await request("/nothing", "bytes=0-3");
    assert.deepEqual(
      [missing.status, missing.body, missing.headers["accept-ranges"]],
      [404, "nothing here", undefined],
    );
    assert.equal((await request("/index.html", "bytes=0-0")).status, 307);
  });

  it("is ignored if a rule sets Content-Encoding", async () => {
    const url = `http://127.0.0.1:${platform.port("parts")}/table.csv`;
    // fetch() decodes the body.
    const reply = await fetch(url, { headers: { range: "bytes=2-5", "accept-encoding": "gzip" } });
    assert.deepEqual([reply.status, await reply.text()], [200, "1,2,3,4,5\n"]);
    const headers = ["content-encoding", "content-range", "accept-ranges"].map((name) => reply.headers.get(name));
    assert.deepEqual(headers, ["gzip", null, null]);
    const head = await platform.request("parts", "/table.csv", { method: "HEAD" });
    assert.deepEqual([head.headers["content-encoding"], head.headers["content-length"]], ["gzip", undefined]);
  });

  it("is checked after If-Range and If-None-Match", async () => {
    assert.equal((await request("/ten.txt", "bytes=0-0", { "if-range": etag("0123456789") })).status, 206);
    for (const other of [
      '"x"',
      `W/${etag("0123456789")}`,
      date,
      "Wed, 15 Nov 2023 22:13:20 GMT",
      "Mon, 13 Nov 2023 22:13:20 GMT",
      "never",
    ]) {
      const reply = await request("/ten.txt", "bytes=0-0", { "if-range": other });
      assert.deepEqual([reply.status, reply.body], [200, "0123456789"], other);
    }
    assert.equal((await request("/ten.txt", "bytes=0-0", { "if-none-match": etag("0123456789") })).status, 304);
    assert.equal((await request("/ten.txt", "bytes=99-", { "if-range": '"x"' })).status, 200);
  });

  it("of a file with a missing blob is a 503, or a 404 if the file is retired", async () => {
    platform.kv.fault = () => "missing";
    assert.deepEqual(
      [(await request("/ten.txt", "bytes=0-0")).status, (await request("/old.txt", "bytes=0-0")).status],
      [503, 404],
    );
    platform.kv.fault = () => "error";
    assert.equal((await request("/ten.txt", "bytes=0-0")).status, 503);
  });

  it("is aborted if the blob is shorter than the manifest says", async () => {
    platform.kv.values.set(blobKey("parts", digits), Buffer.from("short"));
    try {
      await assert.rejects(request("/digits.txt", "bytes=3-100"));
      await assert.rejects(request("/digits.txt", "bytes=50-100"));
    } finally {
      platform.kv.values.set(blobKey("parts", digits), Buffer.from(digits));
    }
  });
});

describe("a chunked file", () => {
  const keys = chunkKeys("parts", 4);
  const index = indexKey("parts", 4);

  it("is read chunk by chunk, and a range reads only its chunks", async () => {
    const whole = await request("/alphabet.txt");
    assert.deepEqual([whole.status, whole.body, whole.headers["content-length"]], [200, alphabet, "26"]);
    assert.equal(whole.headers.etag, `"${chunk(alphabet, 4).hash}"`);
    assert.deepEqual(read(), [index, ...keys]);
    for (const [range, needed] of [
      ["bytes=0-3", [0]],
      ["bytes=3-4", [0, 1]],
      ["bytes=24-", [6]],
      ["bytes=-1", [6]],
      ["bytes=5-6,20-21", [1, 5]],
      ["bytes=0-0,2-2,5-5", [0, 1]],
    ] as const) {
      platform.kv.reads = [];
      assert.equal((await request("/alphabet.txt", range)).status, 206);
      assert.deepEqual(read(), [index, ...needed.map((i) => keys[i])], range);
    }
  });

  it("needs no read of KV for 304 and HEAD", async () => {
    assert.equal(
      (await request("/alphabet.txt", undefined, { "if-none-match": `"${chunk(alphabet, 4).hash}"` })).status,
      304,
    );
    const head = await platform.request("parts", "/alphabet.txt", { method: "HEAD" });
    assert.deepEqual([head.status, head.headers["content-length"]], [200, "26"]);
    assert.deepEqual(read(), []);
  });

  it("is a 503, or a 404 if it is retired, while its index or first chunk is missing", async () => {
    for (const missing of [index, keys[0]]) {
      platform.kv.fault = (key) => (key === missing ? "missing" : undefined);
      const reply = await request("/alphabet.txt");
      assert.deepEqual([reply.status, reply.body, reply.headers["cache-control"]], [503, "", "no-store"]);
      assert.ok(reply.headers["retry-after"]);
    }
    for (const missing of [indexKey("parts", 4, "earlier film"), chunkKeys("parts", 4, "earlier film")[0]]) {
      assert.equal((await request("/old-film.txt")).body, "earlier film");
      platform.kv.fault = (key) => (key === missing ? "missing" : undefined);
      assert.equal((await request("/old-film.txt")).status, 404);
      platform.kv.fault = () => undefined;
    }
  });

  it("causes a second read for a missing chunk, and is aborted if the chunk stays missing", async () => {
    platform.kv.fault = (key, earlier) => (key === keys[3] && earlier === 0 ? "missing" : undefined);
    assert.equal((await request("/alphabet.txt")).body, alphabet);
    assert.deepEqual(
      platform.kv.reads.filter(({ key }) => key === keys[3]).map(({ ttl }) => ttl),
      [31_536_000, 30],
    );
    for (const at of [1, 3, 6]) {
      for (const fault of ["missing", "error"] as const) {
        platform.kv.fault = (key) => (key === keys[at] ? fault : undefined);
        await assert.rejects(request("/alphabet.txt"), `chunk ${at} ${fault}`);
        await assert.rejects(request("/alphabet.txt", "bytes=1-25"), `chunk ${at} ${fault}`);
        await assert.rejects(request("/alphabet.txt", "bytes=0-1,4-"), `chunk ${at} ${fault}`);
        assert.equal(
          (await request("/alphabet.txt", "bytes=2-2")).body,
          "c",
          "a range without the chunk does not need it",
        );
      }
    }
    await platform.logged(/response aborted/);
  });

  it("is aborted if a chunk has another length than the index says", async () => {
    for (const content of ["", "abc", "abcde"]) {
      platform.kv.values.set(keys[0]!, Buffer.from(content));
      await assert.rejects(request("/alphabet.txt"), content);
    }
    platform.kv.values.set(keys[0]!, Buffer.from("abcd"));
  });

  it("is a 500 if its index is damaged", async () => {
    const reply = await platform.request("damaged", "/film.txt");
    assert.deepEqual([reply.status, reply.body, reply.headers["cache-control"]], [500, "", "no-store"]);
    await platform.logged(/its hash differs from the hash in its key/);
  });
});

describe("cache headers", () => {
  const control = async (path: string, service = "parts") =>
    (await platform.request(service, path)).headers["cache-control"];
  const immutable = "public, max-age=31536000, immutable";

  it("make a file with a hash in its name immutable", async () => {
    assert.equal(await control("/app.3f2a9c1b.js"), immutable);
    assert.equal(await control("/app.0a1b2c3d.js"), immutable, "a retired asset");
    assert.equal((await request("/app.3f2a9c1b.js", "bytes=0-0")).headers["cache-control"], immutable);
    assert.equal(
      (await request("/app.3f2a9c1b.js", undefined, { "if-none-match": "*" })).headers["cache-control"],
      immutable,
    );
    for (const [path, service] of [
      ["/ten.txt", "parts"],
      ["/proxied.3f2a9c1b.js", "parts"],
      ["/none.3f2a9c1b.js", "parts"],
      ["/none.3f2a9c1b.js", "app"],
    ] as const) {
      assert.equal(await control(path, service), "public, max-age=0, must-revalidate", `${service} ${path}`);
    }
    assert.equal(await control("/own.3f2a9c1b.js"), "no-cache", "_headers takes precedence");
    assert.equal(
      (await request("/app.3f2a9c1b.js", undefined, { authorization: "Basic eDp5" })).headers["cache-control"],
      undefined,
    );
    platform.kv.fault = () => "missing";
    assert.equal(await control("/app.3f2a9c1b.js"), "no-store");
    assert.equal(await control("/app.0a1b2c3d.js"), "no-store");
  });

  it("allow Workers Caching to store assets if the site enables it", async () => {
    const cacheHeaders = async (service: string, path: string, options = {}) => {
      const { headers } = await platform.request(service, path, options);
      return [headers["cloudflare-cdn-cache-control"], headers["cache-tag"]];
    };
    assert.deepEqual(await cacheHeaders("cached", "/"), ["public, max-age=3600", "cached"]);
    assert.deepEqual(await cacheHeaders("cached", "/nothing"), ["public, max-age=3600", "cached"]);
    assert.equal(await control("/", "cached"), "public, max-age=0, must-revalidate", "browsers revalidate anyway");
    assert.deepEqual(await cacheHeaders("cached", "/a"), ["max-age=5", "cached"], "_headers takes precedence");
    for (const [path, options] of [
      ["/feed", {}],
      ["/a.html", {}],
      ["/", { method: "POST" }],
      ["/", { headers: { range: "bytes=99-" } }],
    ] as const) {
      assert.deepEqual(await cacheHeaders("cached", path, options), ["no-store", undefined], path);
    }
    assert.deepEqual(
      await cacheHeaders("cached", "/", { headers: { authorization: "x" } }),
      ["no-store", undefined],
      "a response to a client with credentials",
    );
    const moved = (host: string) => platform.request("cached", "/moved", { headers: { host } });
    assert.equal((await moved("example.com")).headers.location, "https://www.example.com/here");
    assert.deepEqual(
      await cacheHeaders("cached", "/moved"),
      ["no-store", undefined],
      "the location depends on the host",
    );
    for (const path of ["/", "/kept"])
      assert.deepEqual(
        await cacheHeaders("hosts", path),
        ["no-store", undefined],
        "the cache key has no host, so a rule cannot allow caching",
      );
    assert.deepEqual(await cacheHeaders("parts", "/"), [undefined, undefined]);
    platform.kv.fault = () => "missing";
    assert.deepEqual(
      [await control("/", "cached"), await cacheHeaders("cached", "/")],
      ["no-store", [undefined, undefined]],
    );
  });
});
