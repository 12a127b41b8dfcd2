// Tests projects in real workerd: a platform's loader, the Dynamic Workers of its
// customers, and the KV values that deployProject wrote.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import { describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import type { Deploy } from "../../deploy/test/upload";
import { forward, logged, mustDeploy, platform, reads, request } from "./projects";

describe("a project", () => {
  it("with code is served by its Dynamic Worker, which reads the assets", async () => {
    await mustDeploy("app", { "/index.html": "home", "/a.txt": "a" }, forward);
    assert.equal((await request("app", "/who")).body, "VERSION ");
    const page = await request("app", "/");
    assert.deepEqual(
      [page.status, page.body, page.headers["content-type"], page.headers.etag],
      [200, "home", "text/html; charset=utf-8", `"${sha256Hex("home")}"`],
    );
    assert.equal((await request("app", "/index.html")).headers.location, "/");
    assert.equal((await request("app", "/a.txt", { headers: { range: "bytes=0-0" } })).status, 206);
    assert.equal((await request("app", "/", { headers: { "if-none-match": `"${sha256Hex("home")}"` } })).status, 304);
    assert.equal((await request("app", "/none")).status, 404);
    assert.equal((await request("app", "/", { method: "POST", body: "x" })).status, 405);
  });

  it("can open a WebSocket, although the platform changes the headers of the response", async () => {
    await mustDeploy(
      "socket",
      { "/index.html": "home" },
      `export default { fetch() {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      return new Response(null, { status: 101, webSocket: client });
    } };`,
    );
    const status = await new Promise((resolve, reject) => {
      const headers = {
        host: "socket.example.com",
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
      };
      const request = http.request({ host: "127.0.0.1", port: platform.port("loader"), headers });
      request.on("upgrade", (response, socket) => (socket.destroy(), resolve(response.statusCode)));
      request.on("response", (response) => (response.resume(), resolve(response.statusCode)));
      request.on("error", reject);
      request.end();
    });
    assert.equal(status, 101, platform.log);
  });

  it("without code is served from its assets", async () => {
    await mustDeploy("plain", { "/index.html": "plain", "/404.html": "nothing" });
    assert.equal((await request("plain", "/")).body, "plain");
    assert.deepEqual(await request("plain", "/none").then(({ status, body }) => [status, body]), [404, "nothing"]);
    assert.equal((await request("plain", "/", { headers: { "x-way": "by hand" } })).body, "no code");
  });

  it("is never stored by Workers Caching, because the cache key has no project", async () => {
    const keep = "Cloudflare-CDN-Cache-Control: public, max-age=3600";
    await mustDeploy("keeper", { "/index.html": "home", "/_headers": `/*\n  ${keep}\n` });
    await mustDeploy(
      "coder",
      { "/index.html": "home" },
      `export default { fetch: () => new Response("code", { headers: [${JSON.stringify(keep.split(": "))}] }) }`,
    );
    for (const [project, body] of [
      ["keeper", "home"],
      ["coder", "code"],
    ] as const) {
      const reply = await request(project, "/");
      assert.deepEqual([reply.body, reply.headers["cloudflare-cdn-cache-control"]], [body, "no-store"], project);
    }
  });

  it("that is missing or has an invalid id is answered by the platform", async () => {
    for (const project of ["unknown", "../app", "App", "", "a/b", "a".repeat(64), "_a", "app\u00e9", "__proto__"]) {
      const reply = await request("x", "/", {
        headers: { "x-project": encodeURIComponent(project).replace(/%2F/g, "/") },
      });
      assert.deepEqual([reply.status, reply.body], [404, "the platform's own answer"], project);
    }
    assert.deepEqual([...new Set(reads())], ["project/unknown/current"], "an invalid id causes no read of KV");
  });

  it("costs one KV read per file, and a few more in a new isolate", async () => {
    await mustDeploy("cost", { "/index.html": "home" }, forward);
    platform.kv.reset();
    await request("cost", "/");
    assert.deepEqual(reads(), ["project/cost/current", "project/cost/b/…", "project/cost/b/…"]);
    platform.kv.reset();
    await request("cost", "/");
    await request("cost", "/who");
    await request("cost", "/none");
    assert.deepEqual(reads(), ["project/cost/b/…"], "all handlers share the cache of a namespace");
    platform.kv.reset();
    await request("cost", "/who", { headers: { "x-ttl": "0" } });
    await request("cost", "/who", { headers: { "x-way": "by hand", "x-ttl": "60" } });
    await request("cost", "/", { headers: { "x-way": "binding", "x-props": '{"projectId":"cost"}' } });
    assert.ok(platform.kv.reads.filter(({ key }) => key.endsWith("current")).length <= 1);
  });

  it("switches code and assets together", async () => {
    const first = await mustDeploy(
      "switch",
      { "/index.html": "one", "/gone.txt": "gone" },
      forward.replace("VERSION", "one"),
    );
    const both = async (headers: Record<string, string>) => [
      (await request("switch", "/who", { headers })).body,
      (await request("switch", "/", { headers })).body,
    ];
    const old = { "x-way": "by hand" }; // caches for 60 seconds
    assert.deepEqual(await both(old), ["one ", "one"]);
    const second = await mustDeploy(
      "switch",
      { "/index.html": "two", "/new.txt": "new" },
      forward.replace("VERSION", "two"),
    );
    assert.notEqual(second.loader, first.loader);
    assert.deepEqual(await both(old), ["one ", "one"], "an isolate with a cached version serves all of that version");
    assert.equal((await request("switch", "/new.txt", { headers: old })).status, 404);
  });

  it("is switched after the ttl, and still serves retired files to open tabs", async () => {
    const options = { retire: ["/gone.txt"] };
    await mustDeploy("fresh", { "/index.html": "one", "/gone.txt": "gone", "/c.txt": "c" }, forward, options);
    const now = { "x-ttl": "0" };
    assert.equal((await request("fresh", "/", { headers: now })).body, "one");
    const other = await mustDeploy("fresh", { "/index.html": "two", "/c.txt": "c" }, forward, options);
    assert.equal(other.removed, 1);
    assert.equal((await request("fresh", "/", { headers: now })).body, "two");
    assert.equal((await request("fresh", "/gone.txt", { headers: now })).body, "gone");
    await mustDeploy("fresh", { "/index.html": "three", "/c.txt": "c" });
    assert.equal((await request("fresh", "/who", { headers: now })).status, 404, "the new version has no code");
  });

  it("does not publish a file that is removed together with the code that guarded it", async () => {
    const guard = `export default { fetch(request, env) {
      const isPrivate = new URL(request.url).pathname.startsWith("/private/");
      if (isPrivate && request.headers.get("x-key") !== "letmein") return new Response(null, { status: 403 });
      return env.ASSETS.fetch(request);
    } }`;
    const pages = { "/index.html": "home", "/app.js": "app" };
    const options = { retire: ["/app*"] };
    const now = { "x-ttl": "0" };
    const secret = async (headers = {}) =>
      (await request("guarded", "/private/report.txt", { headers: { ...now, ...headers } })).status;
    await mustDeploy(
      "guarded",
      { ...pages, "/private/report.txt": "TOP SECRET", "/app.1.js": "app 1" },
      guard,
      options,
    );
    assert.deepEqual([await secret(), await secret({ "x-key": "letmein" })], [403, 200]);
    const less = await mustDeploy("guarded", pages, guard, options);
    assert.deepEqual([less.removed, less.retired], [2, 1], "the guarded file is not retired");
    assert.deepEqual([await secret(), await secret({ "x-key": "letmein" })], [403, 404]);
    assert.equal(
      (await request("guarded", "/app.1.js", { headers: now })).body,
      "app 1",
      "a public file stays reachable",
    );
    await mustDeploy("guarded", { ...pages, "/private/report.txt": "TOP SECRET" }, guard, options);
    const bare = await mustDeploy("guarded", pages);
    assert.equal(bare.retired, 1);
    assert.equal(await secret(), 404, "the file stays unreachable after its guard was removed too");
    assert.equal((await request("guarded", "/app.1.js", { headers: now })).body, "app 1");
  });

  it("does not retire files of a deployment with code by an older kv-sync, which recorded no routing", async () => {
    /** Makes the stored manifests look like those of an older kv-sync. */
    const removeRouting = () => {
      for (const [key, bytes] of platform.kv.values) {
        const text = bytes.toString("latin1");
        if (key.includes("/m/"))
          platform.kv.values.set(key, Buffer.from(text.replace('"routing":', '"unknown":'), "latin1"));
      }
    };
    const files = { "/index.html": "home", "/old.txt": "old", "/a.txt": "a" };
    const { ["/old.txt"]: _, ...less } = files;
    await mustDeploy("older", files, forward, { retire: ["/*"] });
    removeRouting();
    assert.equal((await mustDeploy("older", less, forward, { retire: ["/*"] })).retired, 0);
    assert.equal((await request("older", "/old.txt", { headers: { "x-ttl": "0" } })).status, 404);
    // The retired files of such a deployment are dropped too: the older kv-sync did not check whether code guarded
    // them.
    await mustDeploy("listed", files);
    assert.equal((await mustDeploy("listed", less)).retired, 1);
    removeRouting();
    assert.equal((await mustDeploy("listed", { ...less, "/b.txt": "b" })).retired, 0);
    // Without code nothing was guarded, so the first deploy after the upgrade retires files.
    await mustDeploy("assets", files);
    removeRouting();
    assert.equal((await mustDeploy("assets", less)).retired, 1);
    assert.equal((await request("assets", "/old.txt", { headers: { "x-ttl": "0" } })).body, "old");
  });

  it("does not publish a file that is removed together with the redirect that hid it", async () => {
    await mustDeploy("hidden", {
      "/index.html": "home",
      "/a.txt": "a",
      "/b.txt": "b",
      "/drafts/x.txt": "draft",
      "/_redirects": "/drafts/* / 302\n",
    });
    assert.equal((await request("hidden", "/drafts/x.txt")).status, 302);
    assert.equal((await mustDeploy("hidden", { "/index.html": "home", "/b.txt": "b" })).retired, 1);
    assert.equal((await request("hidden", "/drafts/x.txt", { headers: { "x-ttl": "0" } })).status, 404);
    assert.equal((await request("hidden", "/a.txt", { headers: { "x-ttl": "0" } })).body, "a");
  });

  it("gives the Worker Loader a valid definition, with the platform's variables over the project's", async () => {
    const vector = JSON.parse(readFileSync("../testdata/project/first.json", "utf8")) as { deploy: Deploy };
    await platform.request("upload", "/", { method: "POST", body: JSON.stringify(vector.deploy) });
    const code = JSON.parse((await request("shop", "/", { headers: { "x-way": "code" } })).body) as Record<
      string,
      unknown
    >;
    assert.match(code["id"] as string, /^shop:[0-9a-f]{32}$/);
    assert.deepEqual(
      { ...code, id: "", props: "" },
      {
        mainModule: "index.js",
        modules: [
          ["add.wasm", "wasm", [0, 97, 115, 109, 1, 0, 0, 0]],
          ["index.js", "js", vector.deploy.code!.modules["index.js"]!["js" as never]],
          ["table.bin", "data", [0, 1, 254, 255]],
          ["words.txt", "text", "<ü & \u2028>"],
        ],
        compatibilityDate: "2026-01-01",
        compatibilityFlags: ["nodejs_compat"],
        env: { GREETING: "given", LIMITS: { b: [1, 2.5, null], a: true }, GIVEN: 1 },
        globalOutbound: null,
        id: "",
        props: "",
      },
    );
    assert.equal((await request("shop", "/words")).body, "<ü & \u2028>hello");
    assert.equal((await request("shop", "/css/style.css")).body, "b{}\n");
  });

  it("uses the network that the platform sets, and a new Worker for each revision", async () => {
    await mustDeploy(
      "net",
      { "/index.html": "home" },
      "export default { fetch: async (r, env) => " +
        "new Response(env.PLAN + ': ' + await (await fetch('http://elsewhere.example/x')).text()) };",
    );
    for (const plan of ["free", "paid"]) {
      assert.equal(
        (await platform.request("outbound", "/", { headers: { "x-plan": plan } })).body,
        `${plan}: the platform answers for http://elsewhere.example/x`,
      );
    }
    assert.match((await request("net", "/")).body, /^$/, "by default it has no network");
    await logged(/not permitted to access the internet/);
  });

  it("reads the namespace that the platform sets", async () => {
    await mustDeploy("elsewhere", { "/index.html": "other namespace" });
    assert.equal((await request("elsewhere", "/", { headers: { "x-way": "other binding" } })).body, "other namespace");
  });

  it("reports missing bindings and exports of a platform", async () => {
    assert.match(
      (await platform.request("bare", "/")).body,
      /the main module does not export AssetBinding; add: export/,
    );
    assert.match(
      (await platform.request("bare", "/", { headers: { "x-nothing": "1" } })).body,
      /no KV namespace; bind it as KV_SYNC_BLOBS/,
    );
  });
});
