// Tests the seven operations in real workerd with a real Durable Object: from another Worker
// over RPC, and from the site's own Worker.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import type { AssetInfo } from "../asset_info";
import type { WriteResult } from "../read_write_assets";
import { get, head, list, makeVisible, publish, put, visit, world } from "./binding";
import type { Call } from "./calls";

describe("an asset binding", () => {
  it("reads its own writes immediately", async () => {
    const before = Date.now();
    const written = await put("/news.html", "<h1>News</h1>", {
      author: "Ada",
      message: "first",
      headers: { "X-Robots-Tag": "noindex" },
    });
    const etag = sha256Hex("<h1>News</h1>");
    const { modified, ...rest } = (written as { asset: AssetInfo }).asset;
    assert.deepEqual(rest, {
      path: "/news.html",
      etag,
      size: 13,
      contentType: "text/html; charset=utf-8",
      headers: { "x-robots-tag": "noindex" },
      layer: "overlay",
    });
    const time = Date.parse(String(modified)); // to the second
    assert.ok(time > before - 1_000 && time <= Date.now(), `${time - before}`);
    assert.deepEqual(await head("/news.html"), { ...rest, modified });
    assert.deepEqual(await get("/news.html"), { ...rest, modified, body: "<h1>News</h1>" });
    assert.deepEqual(await world.call("WRITE", "fetch", "http://x/news"), [200, "<h1>News</h1>"]);
    assert.deepEqual(await world.call("WRITE", "fetch", "http://x/about"), [200, "deployed about"]);
    await makeVisible();
    assert.deepEqual(await visit("/news"), [200, "<h1>News</h1>"]);
    assert.equal((await world.platform.request("blog", "/news")).headers["x-robots-tag"], "noindex");
  });

  it("prevents Workers Caching from storing responses to code", async () => {
    const { headers } = await world.platform.request("app", "/about");
    assert.equal(
      headers["cloudflare-cdn-cache-control"],
      "public, max-age=30, stale-if-error=0",
      "a response without code may be stored",
    );
    for (const props of [undefined, {}, { write: true }]) {
      const [outcome] = await world.calls("app", [["edge", "http://x/about"]], { ...(props && { props }) });
      assert.deepEqual(outcome, { value: "no-store" }, JSON.stringify(props));
    }
    assert.equal(await world.call("WRITE", "edge", "http://x/about"), null, "a site that does not use Workers Caching");
  });

  it("reads deployed assets, and no retired ones", async () => {
    const about = await get("/about.html");
    assert.deepEqual(
      [about!.body, about!.layer, about!.etag, about!.headers],
      ["deployed about", "deployed", sha256Hex("deployed about"), {}],
    );
    for (const path of [
      "/old.txt",
      "/nothing",
      "about.html",
      "",
      "/about",
      "/constructor",
      "/__proto__",
      "/\ud800",
      `/${"a".repeat(5000)}`,
    ]) {
      assert.deepEqual([await get(path), await head(path), await head(path, "READ")], [null, null, null], path);
    }
    for (const path of [null, 7, {}, ["/about.html"]])
      assert.match(await world.refused("READ", "get", path), /the path is not a string/);
  });

  for (const [kind, body] of Object.entries({
    text: "über",
    bytes: { $body: "bytes", text: "über" },
    buffer: { $body: "buffer", text: "über" },
    view: { $body: "view", text: "über" },
    stream: { $body: "stream", text: "über" },
    "a request's body": { $body: "request", text: "über" },
  })) {
    it(`accepts a body: ${kind}`, async () => {
      await put("/kind.txt", body);
      assert.equal((await get("/kind.txt"))!.body, "über");
      await put("/kind.txt", body, {}, "app");
      assert.equal((await get("/kind.txt", "app"))!.body, "über");
    });
  }

  it("accepts a Blob from the same Worker", async () => {
    await put("/blob.txt", { $body: "blob", text: "blob" }, {}, "app");
    assert.equal((await get("/blob.txt", "app"))!.body, "blob");
  });

  it("stores large bodies in chunks", async () => {
    const size = 40 << 20;
    const written = await put("/film.mp4", { $body: "stream", size });
    assert.equal((written as { asset: AssetInfo }).asset.size, size);
    assert.equal((await get("/film.mp4"))!.body, size);
    const [row] = (await world.published()).entries.filter(({ path }) => path === "/film.mp4");
    assert.equal(row!["chunked"], true);
    await makeVisible();
    assert.equal(
      (await world.platform.request("blog", "/film.mp4", { method: "HEAD" })).headers["content-length"],
      String(size),
    );
    const part = await world.platform.request("blog", "/film.mp4", { headers: { range: `bytes=${size - 3}-` } });
    assert.deepEqual([part.status, part.body], [206, "\0\0\0"]);
  });

  it("uses the content type of the extension, or of the option", async () => {
    const type = async (path: string, options?: object) =>
      ((await put(path, "x", options)) as { asset: AssetInfo }).asset.contentType;
    assert.deepEqual(
      [await type("/x.svg"), await type("/typed"), await type("/typed", { contentType: "text/x-y" })],
      ["image/svg+xml", "application/octet-stream", "text/x-y"],
    );
  });

  it("does not normalize paths", async () => {
    await put("/cafe\u0301.txt", "decomposed");
    assert.equal((await head("/cafe\u0301.txt"))!.path, "/cafe\u0301.txt");
    assert.equal(await head("/caf\u00e9.txt"), null);
    assert.deepEqual(
      (await list({ prefix: "/cafe\u0301" })).assets.map(({ path }) => path),
      ["/cafe\u0301.txt"],
    );
    assert.deepEqual((await list({ prefix: "/caf\u00e9" })).assets, []);
  });
});

describe("the overlay", () => {
  it("deletes retired files too", async () => {
    assert.deepEqual(await visit("/old.txt"), [200, "old"]);
    await put("/old.txt", "new");
    assert.deepEqual(await world.call("WRITE", "fetch", "http://x/old.txt"), [200, "new"]);
    assert.deepEqual(await world.call("WRITE", "delete", "/old.txt"), { ok: true, asset: null });
    assert.deepEqual(await world.call("WRITE", "fetch", "http://x/old.txt"), [404, ""]);
    await makeVisible();
    assert.deepEqual(await visit("/old.txt"), [404, ""]);
  });

  it("hides the deployed asset until the tombstone is removed", async () => {
    await put("/docs/a.txt", "edited");
    await makeVisible();
    assert.deepEqual(await visit("/docs/a.txt"), [200, "edited"]);
    assert.deepEqual(await world.call("WRITE", "delete", "/docs/a.txt"), { ok: true, asset: null });
    assert.deepEqual(
      [await head("/docs/a.txt"), (await list({ prefix: "/docs/" })).assets.map(({ path }) => path)],
      [null, ["/docs/b.txt"]],
    );
    await makeVisible();
    assert.deepEqual(await visit("/docs/a.txt"), [404, ""]);
    const { entries } = await world.published();
    const tombstone = entries.find(({ path }) => path === "/docs/a.txt")!;
    assert.deepEqual([tombstone["hash"], tombstone["was"]], [undefined, [sha256Hex("edited"), sha256Hex("a")]]);
  });

  it("needs no tombstone if nothing is deployed", async () => {
    await put("/passing.txt", "x");
    assert.deepEqual(await world.call("WRITE", "delete", "/passing.txt"), { ok: true, asset: null });
    assert.ok(!(await world.published()).entries.some(({ path }) => path === "/passing.txt"));
    const { revision } = await world.published();
    assert.deepEqual(await world.call("WRITE", "delete", "/passing.txt"), { ok: true, asset: null });
    assert.equal((await world.published()).revision, revision, "nothing changed");
  });

  it("records the newest previous hashes, and the hash of the deployed asset", async () => {
    for (let i = 0; i < 20; i++) await put("/z.txt", `z${i}`);
    const { was } = (await world.published()).entries.find(({ path }) => path === "/z.txt") as unknown as {
      was: string[];
    };
    assert.equal(was.length, 16);
    assert.deepEqual([was[0], was[14], was[15]], [sha256Hex("z18"), sha256Hex("z4"), sha256Hex("z")]);
  });

  it("cannot be written by a binding that can only read", async () => {
    for (const caller of ["READ", "BARE"] as const) {
      for (const call of [
        ["put", "/x", "x"],
        ["delete", "/about.html"],
        ["publish", [{ put: "/x", body: "x" }]],
      ] as Call[]) {
        assert.match(
          await world.refused(caller, ...call),
          /^this binding can only read; set \{ write: true \}: for the site's own Worker in \[overlay\]/,
        );
      }
      assert.equal((await get("/news.html", caller))!.body, "<h1>News</h1>", "it can still read");
    }
  });

  it("cannot be written if the site has no overlay", async () => {
    const reply = await world.platform.request("plain", "/");
    assert.equal(reply.body, "plain");
    assert.match(await world.refused("app", "put", "/_headers", "/*\n  a: b"), /cannot write rules/);
  });

  it("records the author of the props", async () => {
    await put("/by.txt", "x", { author: "Eve", message: "ü" }, "ADA");
    const entry = (await world.published()).entries.find(({ path }) => path === "/by.txt")!;
    assert.deepEqual([entry["author"], entry["message"]], ["Ada", "ü"]);
  });

  it("belongs to one site", async () => {
    await put("/index.html", "other's edit", {}, "OTHER");
    assert.equal((await get("/index.html"))!.body, "home");
    assert.deepEqual(world.record("other")?.entries.length ?? 1, 1);
    assert.match(
      (await world.object("look", ["other", ["/index.html"]], { name: "blog" }).catch(String)) as string,
      /the overlay of another site/,
    );
    assert.match(
      (await world.object("look", ["../x", ["/"]], { name: "fresh" }).catch(String)) as string,
      /invalid site/,
    );
  });

  it("is available through ctx.exports", async () => {
    const [made] = await world.calls("app", [["put", "/own.txt", "own"]], { props: { write: true } });
    assert.ok("value" in made!);
    assert.equal((await get("/own.txt", "app"))!.body, "own");
    const [refused] = await world.calls("app", [["put", "/own.txt", "own"]], { props: {} });
    assert.match((refused as { error: string }).error, /can only read/);
    assert.deepEqual(
      await visit("/own.txt", "app").then(([status]) => status),
      200,
      "a written asset takes precedence over the Worker",
    );
    assert.deepEqual(await visit("/nothing", "app"), [418, "the Worker's own answer"]);
  });
});

describe("a condition", () => {
  const tag = sha256Hex;
  it("applies to the visible asset", async () => {
    const failed = async (path: string, onlyIf: object) => {
      const result = await put(path, "new", { onlyIf });
      return result.ok ? "made" : (result.current?.etag ?? null);
    };
    assert.equal(await failed("/about.html", { etagDoesNotMatch: "*" }), tag("deployed about"));
    assert.equal(await failed("/about.html", { etagMatches: tag("else") }), tag("deployed about"));
    assert.equal(
      await failed("/about.html", { etagDoesNotMatch: [tag("x"), `"${tag("deployed about")}"`] }),
      tag("deployed about"),
    );
    assert.equal(await failed("/nothing.html", { etagMatches: "*" }), null);
    assert.equal(
      await failed("/about.html", { etagMatches: ["x", `W/"${tag("deployed about")}"`], etagDoesNotMatch: tag("x") }),
      "made",
    );
    assert.equal(await failed("/about.html", { etagMatches: tag("deployed about") }), tag("new"));
    assert.equal(await failed("/nothing.html", { etagDoesNotMatch: "*" }), "made");
    const result = await world.call<WriteResult>("WRITE", "delete", "/about.html", {
      onlyIf: { etagMatches: "nothing" },
    });
    assert.equal(result.ok, false);
    await world.call("WRITE", "delete", "/about.html", { onlyIf: { etagMatches: tag("new") } });
    assert.equal(await failed("/about.html", { etagMatches: "*" }), null, "a tombstone counts as no asset");
    for (const onlyIf of [
      7,
      { etagMatches: 7 },
      { etagMatches: Array(101).fill("x") },
      { etagMatches: "x".repeat(201) },
    ]) {
      assert.match(await world.refused("WRITE", "put", "/x", "x", { onlyIf }), /onlyIf/);
    }
  });

  it("that fails stores no body, and cancels the stream", async () => {
    const before = world.blobs().length;
    const [failed, cancelled] = await world.calls("app", [
      ["put", "/index.html", { $body: "endless" }, { onlyIf: { etagMatches: "x" } }],
      ["cancelled"],
    ]);
    assert.equal((failed as { value: WriteResult }).value.ok, false);
    assert.equal((cancelled as { value: number }).value, 1);
    assert.equal(
      (await put("/index.html", { $body: "endless" }, { onlyIf: { etagMatches: "x" } })).ok,
      false,
      "the same over RPC",
    );
    assert.equal(world.blobs().length, before);
  });

  it("that many writers set is true for exactly one", async () => {
    for (const path of ["/race1.txt", "/race2.txt"]) {
      const calls = Array.from(
        { length: 25 },
        (_, i): Call => ["put", path, `writer ${i}`, { onlyIf: { etagDoesNotMatch: "*" } }],
      );
      const outcomes = (await world.calls("WRITE", calls, { atOnce: true })) as { value: WriteResult }[];
      assert.equal(outcomes.filter(({ value }) => value.ok).length, 1);
      const winner = outcomes.findIndex(({ value }) => value.ok);
      assert.equal((await get(path))!.body, `writer ${winner}`);
    }
  });

  it("prevents lost updates if each writer reads, changes and writes", async () => {
    await put("/counter.txt", "");
    const one = async (name: string) => {
      for (;;) {
        const { body, etag } = (await get("/counter.txt"))!;
        if ((await put("/counter.txt", body + name, { onlyIf: { etagMatches: etag } })).ok) return;
      }
    };
    await Promise.all([..."abcdefgh"].map(one));
    assert.equal([...(await get("/counter.txt"))!.body].sort().join(""), "abcdefgh");
  });
});

describe("several changes", () => {
  it("are made together or not at all", async () => {
    const made = await publish(
      [
        { put: "/p1.txt", body: "1" },
        { put: "/p2.txt", body: { $body: "stream", text: "2" }, contentType: "text/x" },
        { delete: "/docs/b.txt" },
      ],
      { author: "Bea" },
    );
    assert.deepEqual(made.ok && made.assets.map((asset) => asset && [asset.path, asset.contentType]), [
      ["/p1.txt", "text/plain; charset=utf-8"],
      ["/p2.txt", "text/x"],
      null,
    ]);
    const { revision } = await world.published();
    const failed = await publish([
      { put: "/p1.txt", body: "one" },
      { put: "/p3.txt", body: "3", onlyIf: { etagMatches: "*" } },
      { delete: "/p2.txt", onlyIf: { etagMatches: sha256Hex("2") } },
    ]);
    assert.deepEqual(failed, { ok: false, failed: 1, path: "/p3.txt", current: null });
    assert.deepEqual(
      [(await get("/p1.txt"))!.body, await head("/p3.txt"), (await world.published()).revision],
      ["1", null, revision],
    );
  });

  it("are not made if a body fails, and the other bodies are cancelled", async () => {
    const [broken, cancelled] = await world.calls("app", [
      [
        "publish",
        [
          { put: "/q1.txt", body: "1" },
          { put: "/q2.txt", body: { $body: "breaks", size: 3 << 20 } },
          { put: "/q3.txt", body: "3" },
          { put: "/q4.txt", body: { $body: "endless" } },
        ],
      ],
      ["cancelled"],
      ["head", "/q1.txt"],
    ]);
    assert.match((broken as { error: string }).error, /cannot store assets now; try again/);
    assert.equal((cancelled as { value: number }).value, 1);
    assert.deepEqual(await head("/q1.txt", "app"), null);
  });

  it("need distinct paths, and have a maximum number", async () => {
    assert.match(
      await world.refused("WRITE", "publish", [{ put: "/x", body: "1" }, { delete: "/x" }]),
      /\/x is changed twice/,
    );
    assert.match(
      await world.refused(
        "WRITE",
        "publish",
        Array.from({ length: 1001 }, (_, i) => ({ delete: `/${i}` })),
      ),
      /1001 changes, the limit is 1000/,
    );
    for (const changes of [null, [], {}, [null], [{}], [{ put: "/x", delete: "/x" }], "x"]) {
      assert.match(await world.refused("WRITE", "publish", changes), /; use \{ put: path, body \}/);
    }
  });
});
