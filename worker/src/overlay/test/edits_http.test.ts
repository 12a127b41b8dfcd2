// Tests the HTTP interface as curl and editors use it.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import type { RequestOptions } from "../../../test/platform";
import { hangLimit, token, World } from "./world";

let world: World;
before(async () => void (world = await World.start()));
after(() => world.platform.stop());

const basePath = "/_kv-sync/assets";
const request = (path: string, { headers = {}, ...more }: RequestOptions = {}, service = "blog") =>
  world.platform.request(service, basePath + path, {
    ...more,
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
const put = (path: string, body: string, headers: Record<string, string> = {}) =>
  request(path, { method: "PUT", body, headers });
const quoted = (text: string) => `"${sha256Hex(text)}"`;

describe("the HTTP interface", () => {
  it("is disabled without a secret of at least 16 characters", async () => {
    for (const service of ["other", "plain"]) {
      for (const path of ["/", "/index.html"]) {
        const reply = await request(path, { headers: { authorization: "Bearer short" } }, service);
        assert.deepEqual([reply.status, reply.body, reply.headers["www-authenticate"]], [404, "", undefined], service);
      }
      assert.equal((await world.platform.request(service, "/")).status, 200);
    }
  });

  it("requires the token", async () => {
    for (const authorization of [
      "",
      "Bearer",
      "Bearer ",
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      token,
      `Bearer x ${token}`,
    ]) {
      for (const method of ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"]) {
        const reply = await request("/index.html", { method, headers: { authorization } });
        assert.deepEqual(
          [reply.status, reply.headers["www-authenticate"], reply.headers["access-control-allow-origin"]],
          [401, 'Bearer realm="kv-sync"', undefined],
          authorization,
        );
      }
    }
    assert.equal((await world.platform.request("blog", `${basePath}/index.html`)).status, 401);
    assert.equal((await request("/index.html", { headers: { authorization: `bearer ${token}` } })).status, 200);
    assert.equal(
      (await request("/index.html", {}, "app")).status,
      200,
      "the interface also answers before the site's own Worker",
    );
  });

  // With backtracking, one of these headers would take seconds.
  it("reads a long header in linear time", { timeout: hangLimit }, async () => {
    for (let i = 0; i < 100; i++) {
      for (const authorization of [`Bearer x${" ".repeat(60_000)}x`, `Bearer${" ".repeat(60_000)}x`])
        assert.equal((await request("/", { headers: { authorization } })).status, 401);
    }
  });

  it("does not answer other paths", async () => {
    for (const path of ["/_kv-sync/assets", "/_kv-sync/", "/_kv-sync/assetsx/", "/%5fkv-sync/assets/"])
      assert.ok([404, 307].includes((await world.platform.request("blog", path)).status), path);
    assert.equal((await world.platform.request("blog", "/")).body, "home");
  });

  it("creates, reads, replaces and deletes", async () => {
    const created = await put("/notes/a%20b.txt", "one", {
      "x-author": "Ada%20%3Cada@example.com%3E",
      "x-message": "100% new",
    });
    assert.deepEqual([created.status, created.headers.etag, created.body], [201, quoted("one"), ""]);
    const read = await request("/notes/a%20b.txt");
    assert.deepEqual(
      [
        read.status,
        read.body,
        read.headers.etag,
        read.headers["content-type"],
        read.headers["content-length"],
        read.headers["cache-control"],
        read.headers["x-content-type-options"],
        read.headers["content-security-policy"],
      ],
      [200, "one", quoted("one"), "text/plain; charset=utf-8", "3", "no-store", "nosniff", "sandbox"],
    );
    assert.equal((await request("/notes/a%20b.txt", { headers: { "if-none-match": quoted("one") } })).status, 304);
    const { headers } = await request("/notes/a%20b.txt", { method: "HEAD" });
    assert.deepEqual([headers["content-length"], headers["last-modified"]], ["3", read.headers["last-modified"]]);
    assert.deepEqual(
      await put("/notes/a%20b.txt", "two", { "content-type": "text/x" }).then(({ status }) => status),
      204,
    );
    assert.equal((await request("/notes/a%20b.txt")).headers["content-type"], "text/x");
    const { entries } = await world.published();
    assert.deepEqual([entries[0]!["path"], entries[0]!["was"]], ["/notes/a b.txt", [sha256Hex("one"), null]]);
    assert.equal((await request("/notes/a%20b.txt", { method: "DELETE" })).status, 204);
    assert.equal((await request("/notes/a%20b.txt", { method: "DELETE" })).status, 404);
    assert.equal((await request("/notes/a%20b.txt")).status, 404);
  });

  it("records author and message", async () => {
    await put("/by.txt", "x", { "x-author": "Ada%20%3Cada@example.com%3E", "x-message": "100% new" });
    const entry = (await world.published()).entries.find(({ path }) => path === "/by.txt")!;
    assert.deepEqual([entry["author"], entry["message"]], ["Ada <ada@example.com>", "100% new"]);
  });

  it("supports conditions", async () => {
    const status = async (headers: Record<string, string>, method = "PUT") => {
      const reply = await request("/about.html", { method, headers, ...(method === "PUT" && { body: "new about" }) });
      return [reply.status, reply.headers.etag];
    };
    const [old, now] = [quoted("deployed about"), quoted("new about")];
    assert.deepEqual(await status({ "if-none-match": "*" }), [412, old]);
    assert.deepEqual(await status({ "if-match": quoted("x") }), [412, old]);
    assert.deepEqual(await status({ "if-match": `W/${old}` }), [412, old], "a weak tag never matches");
    assert.deepEqual(await status({ "if-match": `"x", ${old}` }), [204, now], "the deployed asset counts");
    assert.deepEqual(await status({ "if-none-match": `"x", W/${now}` }), [412, now]);
    assert.deepEqual(await status({ "if-match": "unquoted" }), [400, undefined]);
    assert.deepEqual(await status({ "if-match": old }, "DELETE"), [412, now]);
    assert.deepEqual((await status({ "if-match": now }, "DELETE"))[0], 204);
    assert.deepEqual(await status({ "if-match": "*" }), [412, undefined]);
    assert.deepEqual(await status({ "if-none-match": "*" }), [201, now]);
  });

  it("refuses headers that would change the meaning of a write", async () => {
    await put("/whole.txt", "whole");
    const modified = (await request("/whole.txt")).headers["last-modified"]!;
    assert.equal((await put("/whole.txt", "ho", { "content-range": "bytes 1-2/5" })).status, 400);
    assert.equal((await put("/whole.txt", "packed", { "content-encoding": "gzip" })).status, 415);
    assert.equal((await put("/whole.txt", "late", { "if-unmodified-since": modified })).status, 400);
    assert.equal(
      (await request("/whole.txt", { method: "DELETE", headers: { "if-unmodified-since": modified } })).status,
      400,
    );
    assert.equal((await put("/whole.txt", "any", { "if-match": '"*"' })).status, 412, "a quoted * is a tag");
    assert.equal((await request("/whole.txt")).body, "whole");
    assert.equal(
      (
        await put("/whole.txt", "new", {
          "if-unmodified-since": modified,
          "if-match": quoted("whole"),
          "content-encoding": "identity",
        })
      ).status,
      204,
    );
  });

  it("writes nothing if a body is incomplete", async () => {
    await put("/cut.txt", "whole");
    for (const framing of ["Content-Length: 10\r\n\r\nhal", "Transfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n"]) {
      await new Promise<void>((resolve) => {
        const socket = connect(world.platform.port("blog"), "127.0.0.1", () => {
          socket.end(
            `PUT ${basePath}/cut.txt HTTP/1.1\r\nHost: example.com\r\nAuthorization: Bearer ${token}\r\n${framing}`,
          );
        });
        socket
          .on("data", () => undefined)
          .on("error", () => undefined)
          .on("close", () => resolve());
      });
    }
    await put("/after.txt", "after");
    assert.equal((await request("/cut.txt")).body, "whole");
  });

  it("accepts the headers that curl sends for a file", async () => {
    await put("/curl.html", "<p>", { "content-type": "application/x-www-form-urlencoded" });
    assert.equal((await request("/curl.html")).headers["content-type"], "text/html; charset=utf-8");
    const empty = await request("/empty.txt", { method: "PUT" });
    assert.deepEqual([empty.status, (await request("/empty.txt")).body], [201, ""]);
    const large = Buffer.alloc(27 << 20, "x");
    assert.equal((await request("/large.bin", { method: "PUT", body: large })).status, 201);
    assert.equal((await request("/large.bin")).body.length, large.length);
  });

  it("lists", async () => {
    const page = await request("/?prefix=/docs/&limit=1");
    assert.match(page.headers["content-type"]!, /^application\/json/);
    const { assets, cursor } = JSON.parse(page.body) as {
      assets: { path: string; layer: string; modified: string }[];
      cursor: string;
    };
    assert.deepEqual(
      assets.map(({ path, layer }) => [path, layer]),
      [["/docs/a.txt", "deployed"]],
    );
    const rest = JSON.parse((await request(`/?prefix=/docs/&cursor=${encodeURIComponent(cursor)}`)).body) as {
      assets: { path: string }[];
      cursor?: string;
    };
    assert.deepEqual([rest.assets.map(({ path }) => path), rest.cursor], [["/docs/b.txt"], undefined]);
    assert.equal((await request("/?limit=x")).status, 400);
    assert.equal((await request("/", { method: "PUT", body: "x" })).status, 405);
  });

  it("reports refusals with a status", async () => {
    const cases: [Promise<{ status: number; body: string }>, number, RegExp][] = [
      [put("/.env", "x"), 422, /^\/\.env: files with this name contain secrets; leave it out\n$/],
      [put("/%zz", "x"), 400, /percent-encoded/],
      [put("/a//b", "x"), 422, /empty segment/],
      [put("/x", "x", { "content-type": "none" }), 422, /invalid content type/],
      [put("/x", "x", { "x-author": "a".repeat(201) }), 422, /more than 200/],
      [put("/_redirects", "x"), 422, /_redirects:1: expected 2 or 3 words/],
      [put("/_redirects", `# ${"x".repeat(100_000)}`), 413, /100 KB/],
      [request("/x", { method: "PATCH", body: "x" }), 405, /PUT/],
      [request("/_redirects", { method: "PUT", body: "/a /b" }, "app"), 403, /cannot write rules/],
    ];
    for (const [reply, status, reason] of cases) {
      const { body, status: found, headers } = (await reply) as Awaited<ReturnType<typeof request>>;
      assert.deepEqual(
        [found, headers["content-type"], headers["cache-control"]],
        [status, "text/plain; charset=utf-8", "no-store"],
        body,
      );
      assert.match(body, reason);
    }
    world.platform.kv.refuse = (key) => (key.includes("/o/b/") ? 400 : undefined);
    const failed = await put("/x", "x");
    assert.deepEqual(
      [failed.status, failed.headers["retry-after"], failed.body],
      [503, "5", "cannot store assets now; try again\n"],
    );
    world.platform.kv.reset();
  });
});
