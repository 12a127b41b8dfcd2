// Tests listings, rule files, refusals, and failures of KV.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import type { AssetList } from "../edit_list";
import { get, head, list, makeVisible, publish, put, visit, world } from "./binding";
import type { Call } from "./calls";

describe("a listing", () => {
  it("merges both layers page by page", async () => {
    const names = Array.from({ length: 30 }, (_, i) => `/list/${String(i).padStart(2, "0")}.txt`);
    await publish(names.filter((_, i) => i % 3 > 0).map((name) => ({ put: name, body: "x" })));
    await publish(["/list/\ufb00.txt", "/list/😀.txt"].map((name) => ({ put: name, body: "x" })));
    const all = (await list()).assets.map(({ path }) => path);
    assert.deepEqual(
      all,
      [...all].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    for (const limit of [1, 2, 7, 1000]) {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page: AssetList = await list({ limit, ...(cursor && { cursor }) });
        assert.ok(page.assets.length <= limit);
        found.push(...page.assets.map(({ path }) => path));
        cursor = page.cursor;
      } while (cursor);
      assert.deepEqual(found, all, `by ${limit}`);
    }
    const below = await list({ prefix: "/list/1", cursor: "/list/14.txt" });
    assert.deepEqual(
      below.assets.map(({ path }) => path),
      ["/list/16.txt", "/list/17.txt", "/list/19.txt"],
    );
    assert.deepEqual(
      (await list({ prefix: "/list/1" }, "READ")).assets.length,
      7,
      "a read-only binding lists through the Durable Object, too",
    );
  });

  it("refuses invalid options", async () => {
    for (const options of [
      { limit: 0 },
      { limit: 1001 },
      { limit: 1.5 },
      { limit: "1" },
      { prefix: 7 },
      { cursor: {} },
      { prefix: "/".repeat(2000) },
      7,
    ]) {
      assert.match(await world.refused("READ", "list", options), /^list: |the options are not an object/);
    }
  });
});

describe("rule files", () => {
  it("are applied like deployed ones", async () => {
    await put("/docs/_redirects", "/docs/gone /docs/a.txt 301\n/docs/proxied /docs/c.txt 200", {}, "RULES");
    await put("/docs/_headers", "/docs/*\n  X-Docs: yes", {}, "RULES");
    await put("/docs/c.txt", "c");
    await makeVisible();
    assert.equal((await world.platform.request("blog", "/docs/gone")).headers.location, "/docs/a.txt");
    assert.deepEqual(await visit("/docs/proxied"), [200, "c"]);
    const reply = await world.platform.request("blog", "/docs/c.txt");
    assert.equal(reply.headers["x-docs"], "yes");
    assert.equal(
      (await world.platform.request("blog", "/docs/_redirects")).status,
      404,
      "the file itself is not served",
    );
    for (const caller of ["WRITE", "READ"] as const)
      assert.match((await get("/docs/_redirects", caller))!.body, /^\/docs\/gone/);
    await world.call("RULES", "delete", "/docs/_headers");
    await makeVisible();
    assert.equal((await world.platform.request("blog", "/docs/c.txt")).headers["x-docs"], undefined);
  });

  it("need the capability for rules", async () => {
    for (const call of [
      ["put", "/_headers", "x"],
      ["delete", "/docs/_redirects"],
      ["publish", [{ put: "/a/b/_redirects", body: "" }]],
    ] as Call[]) {
      assert.match(
        await world.refused("WRITE", ...call),
        /this binding cannot write rules; set \{ write: true, rules: true \}/,
      );
    }
  });

  it("leave out a redirect that Cloudflare ignores, with a notice", async () => {
    const text = "/docs/* /docs/index.html\n/docs/a /docs/b";
    const written = (await world.call("RULES", "put", "/docs/_redirects", text)) as { notices?: { line?: number }[] };
    assert.deepEqual(
      written.notices?.map(({ line }) => line),
      [1],
    );
    await world.call("RULES", "delete", "/docs/_redirects");
  });

  it("may only have rules below their folder; others are reported with file and line", async () => {
    const refused = (path: string, text: string) => world.refused("RULES", "put", path, text);
    assert.match(
      await refused("/docs/_redirects", "/docs/x /y\n/other /docs/"),
      /^the rules are refused, nothing was written:\n {2}docs\/_redirects:2: \/other is not below \/docs\/, /,
    );
    assert.match(
      await refused("/docs/_redirects", "/docs/x /secret 200"),
      /docs\/_redirects:1: \/secret is not below \/docs\//,
    );
    assert.match(await refused("/docs/_redirects", "/docs/../x /y"), /:1: \/x is not below/);
    assert.match(await refused("/docs/_redirects", "/docs* /y"), /:1: \/docs\* is not below/);
    assert.match(await refused("/docs/_redirects", "/:x/y /y"), /is not below/);
    assert.match(
      await refused("/docs/_headers", "/docs/*\n  a: b\n\n/*\n  c: d"),
      /docs\/_headers:4: \/\* is not below/,
    );
    assert.match(
      await refused("/docs/_headers", "https://example.com/docs/*\n  a: b"),
      /:1: .* is not below .*; use the path without the host/,
    );
    assert.match(await refused("/docs/_redirects", "one"), /docs\/_redirects:1: expected 2 or 3 words/);
    assert.match(await refused("/:a/_redirects", "/:a/b /c"), /cannot have rules/);
    assert.match(await refused("/_redirects", `# ${"x".repeat(100_000)}`), /has more than 100 KB/);
    assert.match(
      await world.refused("RULES", "put", "/_headers", { $body: "stream", size: 200_000 }),
      /has more than 100 KB/,
    );
    await put("/a b/_redirects", "/a%20b/x /a%20b/y", {}, "RULES");
  });
});

describe("a refusal", () => {
  it("has the reason and the fix", async () => {
    const refused = (path: unknown, body: unknown = "x", options: unknown = {}) =>
      world.refused("WRITE", "put", path, body, options);
    const cases: [unknown, RegExp][] = [
      ["x", /begin with a slash/],
      ["/", /a folder; name a file in it, such as "\/index.html"/],
      ["/docs/", /such as "\/docs\/index.html"/],
      ["/a//b", /empty segment/],
      ["/../x", /empty segment/],
      ["/a/./b", /empty segment/],
      ["/a\0", /NUL/],
      ["/a\\b", /backslash/],
      ["/\ud800", /not valid Unicode/],
      ["/.env", /secrets/],
      ["/.git/config", /begin with a dot/],
      ["/id_rsa", /private key/],
      ["/_worker.js", /server code/],
      [`/${"ü".repeat(512)}`, /longer than 1024/],
      ["/_kv-sync/assets/x", /reserved/],
      [7, /not a string/],
      [{ toString: "x" }, /not a string/],
    ];
    for (const [path, reason] of cases) assert.match(await refused(path), reason, JSON.stringify(path));
    for (const body of [7, null, { a: 1 }, [1]])
      assert.match(await refused("/x", body), /the body is not a string, ArrayBuffer/);
    assert.match(await refused("/key.txt", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow"), /private key/);
    assert.match(await refused("/x", "x", { contentType: "a\nb: c" }), /invalid content type/);
    assert.match(await refused("/x", "x", { author: "a".repeat(201) }), /more than 200/);
    assert.match(await refused("/x", "x", { message: "ü".repeat(501) }), /more than 500/);
    assert.match(await refused("/x", "x", { author: 7 }), /the author is not a string/);
    assert.match(await refused("/x", "x", "y"), /the options are not an object/);
    // An unknown condition is refused, not ignored.
    for (const onlyIf of [{ etagMatch: "*" }, { uploadedBefore: new Date(0) }])
      assert.match(
        await refused("/x", "x", { onlyIf }),
        /^onlyIf: unknown member (etagMatch|uploadedBefore); known are etagMatches, etagDoesNotMatch$/,
      );
    for (const onlyIf of [{}, { etagMatches: undefined }])
      assert.match(await refused("/x", "x", { onlyIf }), /^onlyIf has no condition/);
    assert.match(await refused("/x", "x", { onlyif: { etagMatches: "*" } }), /^the options: unknown member onlyif/);
    assert.match(await world.refused("WRITE", "delete", "/x", { onlyIf: null }), /^onlyIf is not an object/);
    assert.match(
      await world.refused("WRITE", "delete", "/x", { etagMatches: "*" }),
      /^the options: unknown member etagMatches/,
    );
    assert.match(
      await world.refused("WRITE", "publish", [{ put: "/x", body: "x", onlyif: {} }]),
      /^a change: unknown member onlyif/,
    );
    assert.match(
      await world.refused("WRITE", "publish", [{ delete: "/x", body: "x" }]),
      /^a change: unknown member body/,
    );
    assert.match(await world.refused("WRITE", "list", { prefx: "/" }), /^the options: unknown member prefx/);
    assert.equal(await world.call("WRITE", "head", "/x"), null);
    for (const name of [
      "Set-Cookie",
      "content-length",
      "Content-Type",
      "ETag",
      "last-modified",
      "transfer-encoding",
      "connection",
      "Upgrade",
      "CDN-Cache-Control",
      "Cloudflare-CDN-Cache-Control",
      "a b",
      "ü",
      "",
    ]) {
      assert.match(
        await refused("/x", "x", { headers: { [name]: "x" } }),
        /cannot set the header|is not a header name/,
        name,
      );
    }
    for (const value of ["a\nb", "ü", "", " a", 7, "a\0"])
      assert.match(await refused("/x", "x", { headers: { a: value } }), /invalid value of a/);
    assert.match(
      await refused("/x", "x", { headers: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`h${i}`, "x"])) }),
      /more than 20 headers/,
    );
    assert.match(await refused("/x", "x", { headers: { a: "x".repeat(2048) } }), /2 KiB/);
    assert.match(await refused("/x", "x", { headers: { a: "1", A: "2" } }), /set twice/);
    assert.equal(await head("/x"), null);
  });

  it("cancels the body", async () => {
    const calls: Call[] = [
      ["put", "/.env", { $body: "endless" }],
      ["put", "/x", { $body: "endless" }, 7],
      ["publish", [{ put: "/x", body: { $body: "endless" } }, null]],
    ];
    for (const call of calls) {
      const [refused, cancelled] = await world.calls("app", [call, ["cancelled"]]);
      assert.ok("error" in refused!);
      assert.equal((cancelled as { value: number }).value, 1, call[0]);
    }
  });

  it("happens for a stream that fails or does not yield bytes", async () => {
    assert.match(
      await world.refused("app", "put", "/x", { $body: "text stream" }),
      /the stream yields text instead of bytes/,
    );
    assert.match(await world.refused("app", "put", "/x", { $body: "breaks" }), /cannot store assets now/);
    assert.equal(await head("/x", "app"), null);
  });
});

describe("if KV is slow or fails", () => {
  it("a missing body is read again", async () => {
    await put("/late.txt", "late");
    const key = world.blobs().find((key) => key.includes(sha256Hex("late")))!;
    world.platform.kv.reads = [];
    world.platform.kv.fault = (name, earlier) => (name === key && earlier < 5 ? "missing" : undefined);
    assert.equal((await get("/late.txt"))!.body, "late");
    world.platform.kv.fault = (name) => (name === key ? "missing" : undefined);
    assert.match(
      await world.refused("WRITE", "get", "/late.txt"),
      /is not visible in KV at this location yet; try again in a minute/,
    );
    world.platform.kv.fault = (name) => (name === key ? "error" : undefined);
    assert.match(await world.refused("WRITE", "get", "/late.txt"), /^cannot read assets now; try again$/);
    world.platform.kv.reset();
    assert.equal((await get("/late.txt"))!.body, "late");
  });

  it("a body that cannot be stored is not committed", async () => {
    world.platform.kv.refuse = (key) => (key.includes("/o/b/") ? 400 : undefined);
    assert.match(await world.refused("WRITE", "put", "/lost.txt", "lost"), /^cannot store assets now; try again$/);
    world.platform.kv.reset();
    assert.equal(await head("/lost.txt"), null);
  });
});
