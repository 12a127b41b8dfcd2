// Tests the router in real workerd, in front of Workers that were written for Static Assets.
// internal/app/static_assets_test.go compares it with Static Assets. The tests here cover
// what Static Assets do not have.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { Platform } from "../../../test/platform";
import type { Site } from "../../../test/test_site";

const site = (name: string, worker: string, notFound?: string): Site => ({
  name,
  files: { "/index.html": "home", "/app.js": "let a" },
  retired: { "/old.js": "earlier", "/page.html": "earlier page" },
  ...(notFound ? { notFound } : {}),
  worker: `import { route } from "./src/router";\n${worker}`,
});

const sites = [
  site(
    "object",
    `class App {
       #calls = 0;
       fetch(request) {
         this.#calls++;
         const { pathname } = new URL(request.url);
         const status = pathname === "/old.js" ? 404 : 200;
         return new Response(request.body ?? pathname + " " + this.#calls, { status });
       }
     }
     const frozen = Object.freeze(new App());
     export default route(frozen, { binding: "ASSETS" });`,
  ),
  site("only-scheduled", `export default route({ scheduled() {} }, {});`),
  site("no-default", `export default route(undefined, {});`),
  site(
    "entrypoint",
    `import { WorkerEntrypoint } from "cloudflare:workers";
     export default route(class extends WorkerEntrypoint {
       name = "tides";
       greet() { return "hello from " + this.name; }
       fetch() { return new Response(this.greet() + (this.env.FILES ? " with files" : "")); }
     }, { binding: "FILES" });`,
  ),
  site("throws", `export default route({ fetch() { throw new Error("at sea"); } }, {});`),
  site(
    "patterns",
    `export default route({ fetch: () => new Response("code") }, { site: ["/app.*"], worker: ["/*"] });`,
  ),
  site(
    "navigation",
    `export default route({ fetch: () => new Response("code") }, { notFound: "navigation" });`,
    "single-page-application",
  ),
  site(
    "redirects",
    `export default route({ async fetch(request, env) {
       const redirect = new URL(request.url).searchParams.get("mode") ?? "follow";
       const r = await env.A.fetch("https://other.example/index.html?q=1", { redirect });
       return Response.json([r.status, r.url, r.redirected, r.headers.get("location"), await r.text()]);
     } }, { binding: "A", worker: ["*"] });`,
  ),
];

describe("the router", () => {
  let platform: Platform;
  before(async () => (platform = await Platform.start(sites, [])));
  after(() => platform.stop());
  beforeEach(() => void (platform.kv.reads = []));
  const request = async (name: string, path: string, options = {}) => {
    const { status, body } = await platform.request(name, path, options);
    return [status, body];
  };

  it("calls an instance with private state, and passes the request body", async () => {
    assert.deepEqual(await request("object", "/"), [200, "home"]);
    assert.match((await platform.request("object", "/api")).body, /^\/api \d+$/);
    assert.deepEqual(await request("object", "/api", { method: "POST", body: "sent" }), [200, "sent"]);
  });

  it("answers with a retired asset only if the Worker answers 404", async () => {
    assert.deepEqual(await request("object", "/old.js"), [200, "earlier"]);
    assert.match((await platform.request("object", "/page")).body, /^\/page/);
    assert.equal((await platform.request("object", "/old.js", { method: "DELETE" })).status, 404);
  });

  it("reads KV only for assets that it serves", async () => {
    await platform.request("object", "/nothing");
    assert.deepEqual(platform.kv.reads, []);
  });

  for (const name of ["only-scheduled", "no-default"]) {
    it(`answers everything from the site: ${name}`, async () => {
      assert.deepEqual(await request(name, "/app.js"), [200, "let a"]);
      assert.deepEqual(await request(name, "/nothing"), [404, ""]);
    });
  }

  it("keeps the methods, the state and the env of a class", async () => {
    assert.deepEqual(await request("entrypoint", "/"), [200, "home"]);
    assert.deepEqual(await request("entrypoint", "/nothing"), [200, "hello from tides with files"]);
  });

  it("sends requests to the Worker by its patterns, except requests that match a pattern of the site", async () => {
    assert.deepEqual(await request("patterns", "/"), [200, "code"]);
    assert.deepEqual(await request("patterns", "/app.js"), [200, "let a"]);
  });

  it("answers navigation requests with the site's page, and others with the Worker", async () => {
    assert.deepEqual(await request("navigation", "/route", { headers: { "sec-fetch-mode": "navigate" } }), [
      200,
      "home",
    ]);
    for (const headers of [{}, { "sec-fetch-mode": "cors" }])
      assert.deepEqual(await request("navigation", "/route", { headers }), [200, "code"]);
  });

  it("passes the Worker's exceptions to the platform", async () => {
    assert.equal((await platform.request("throws", "/nothing")).status, 500);
    assert.deepEqual(await request("throws", "/app.js"), [200, "let a"]);
  });

  it("gives the Worker a binding that follows redirects like any fetch()", async () => {
    assert.deepEqual(await request("redirects", "/"), [
      200,
      JSON.stringify([200, "https://other.example/?q=1", true, null, "home"]),
    ]);
    assert.deepEqual(await request("redirects", "/?mode=manual"), [
      200,
      JSON.stringify([307, "https://other.example/index.html?q=1", false, "/?q=1", ""]),
    ]);
  });

  it("does not fail for hostile requests", async () => {
    for (const path of ["/%zz", "/constructor", "//", "/..%2f", `/${"a".repeat(8000)}`]) {
      assert.ok((await platform.request("object", path)).status < 500, path);
    }
  });
});
