// Tests a site with an overlay in real workerd. serve/test/overlay.inside.ts has the tests
// that need a fake clock.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Description, type EntryDescription, encodeManifest, sha256Hex } from "../../../test/encode";
import { Platform } from "../../../test/platform";
import { chunk, describe as describeSite, nonce, type Site } from "../../../test/test_site";

const html = "text/html; charset=utf-8";

/** An overlay to publish. `files` has texts by pathname; null is a tombstone. */
interface Written extends Pick<Description, "redirects" | "headers" | "own_headers"> {
  files: Record<string, string | null>;
  /** Chunked files; `size` is the chunk size in bytes. */
  chunked?: Record<string, { content: string; size: number }>;
}

const site = (name: string, more: Partial<Site> = {}): Site => ({
  name,
  overlay: true,
  files: {
    "/index.html": "home",
    "/about.html": "about",
    "/docs/index.html": "docs",
    "/404.html": "nothing here",
    "/a.txt": "a",
    "/app.3f2a9c1b.js": "built",
  },
  retired: { "/old.js": "earlier", "/older.js": "earlier still" },
  ...more,
});

const sites: Site[] = [
  site("layers"),
  site("spa", { notFound: "single-page-application" }),
  site("drop", { html: "drop-trailing-slash" }),
  site("adopted", { adopted: { "/about.html": nonce, "/a.txt": "00000000000000ff" } }),
  site("plain", { overlay: false }),
  site("none"),
  site("unwritten"),
  site("other"),
  site("failing"),
  site("damaged"),
  site("rules", {
    redirects: "/moved /a 301\n/both /deployed 301\n",
    headers: "/*\n  X-Rule: deployed\n  X-Only: deployed\n",
  }),
  site("edge", { edgeCache: 3600 }),
  site("routed", {
    worker: `import { route } from "./src/router";
      export default route({ fetch: () => new Response("worker", { status: 404 }) }, {});`,
  }),
];

/** Calls a project's asset binding with a fake Durable Object that records its calls. */
const platformWorker = `
  import { assetBinding } from "@kv-sync/worker/dynamic";
  const dropped = [];
  const object = (id) => ({ async drop(...what) {
    dropped.push([id, ...what]);
    if (id.endsWith("refuses")) throw new Error("the companion is down");
  } });
  const overlay = (env) => ({ idFromName: (name) => name, get: object });
  export const Bound = assetBinding({ kv: (env) => env.KV_SYNC_BLOBS, overlay });
  export default { fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/dropped") return Response.json(dropped);
    const props = JSON.parse(request.headers.get("x-props"));
    return ctx.exports.Bound({ props }).fetch(request);
  } };`;

let platform: Platform;
before(async () => {
  platform = await Platform.start(sites, [], [{ name: "platform", main: { source: platformWorker } }]);
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset());

/** Writes an overlay to KV, as the Durable Object does. */
function publish(name: string, { files, chunked = {}, ...rules }: Written, revision = 1): void {
  const entries: EntryDescription[] = Object.entries(files).map(([path, text]) => {
    if (text === null) return { path, nonce, hash: "0".repeat(64), size: 0, modified: 0, type: "", tombstone: true };
    const hash = sha256Hex(text);
    platform.kv.values.set(`${name}/o/b/${hash}.${nonce}`, Buffer.from(text));
    return { path, nonce, hash, size: Buffer.byteLength(text), modified: 1_750_000_000, type: html };
  });
  for (const [path, { content, size }] of Object.entries(chunked)) {
    const { hash, bytes, chunks } = chunk(content, size);
    platform.kv.values.set(`${name}/o/b/${hash}.${nonce}`, bytes);
    for (const { key, content } of chunks) platform.kv.values.set(`${name}/o/b/${key}`, Buffer.from(content));
    entries.push({ path, nonce, hash, size: content.length, modified: 1_750_000_000, type: html, chunked: true });
  }
  platform.kv.values.set(
    `${name}/o/current`,
    encodeManifest({ site: `${name}/o`, flags: 1, revision, entries, ...rules }),
  );
}

const responses = async (name: string, paths: string[]) =>
  Promise.all(
    paths.map(async (path) => {
      const { status, headers, body } = await platform.request(name, path);
      return [path, status, headers.location ?? body];
    }),
  );
const overlayReads = () => platform.kv.reads.filter(({ key }) => key.endsWith("/o/current"));

const logged = (text: RegExp) => platform.logged(text);

describe("a site with an overlay", () => {
  it("shows both layers as one site", async () => {
    publish("layers", {
      files: {
        "/a.txt": "written",
        "/about.html": null,
        "/new/index.html": "new page",
        "/docs.html": "written docs",
        "/old.js": null,
        "/blog/404.html": "no such post",
        "/app.3f2a9c1b.js": "hot fix",
        "/a b/ü.html": "odd",
      },
      chunked: { "/long.html": { content: "0123456789", size: 4 } },
    });
    assert.deepEqual(
      await responses("layers", [
        "/a.txt",
        "/",
        "/new/",
        "/new",
        "/new/index.html",
        "/docs",
        "/docs/",
        "/a%20b/%C3%BC",
        "/long",
      ]),
      [
        ["/a.txt", 200, "written"],
        ["/", 200, "home"],
        ["/new/", 200, "new page"],
        ["/new", 307, "/new/"],
        ["/new/index.html", 307, "/new/"],
        ["/docs", 200, "written docs"],
        ["/docs/", 200, "docs"],
        ["/a%20b/%C3%BC", 200, "odd"],
        ["/long", 200, "0123456789"],
      ],
    );
    // A tombstone hides a deployed asset at all of its pathnames. It also hides a retired asset.
    assert.deepEqual(await responses("layers", ["/about", "/about.html", "/old.js", "/older.js", "/blog/x"]), [
      ["/about", 404, "nothing here"],
      ["/about.html", 404, "nothing here"],
      ["/old.js", 404, "nothing here"],
      ["/older.js", 200, "earlier still"],
      ["/blog/x", 404, "no such post"],
    ]);
  });

  it("serves written assets like deployed ones", async () => {
    const { headers } = await platform.request("layers", "/a.txt");
    assert.deepEqual(
      [
        headers.etag,
        headers["content-type"],
        headers["last-modified"],
        headers["content-length"],
        headers["cache-control"],
      ],
      [
        `"${sha256Hex("written")}"`,
        html,
        new Date(1_750_000_000_000).toUTCString(),
        "7",
        "public, max-age=0, must-revalidate",
      ],
    );
    assert.equal(
      (await platform.request("layers", "/a.txt", { headers: { "if-none-match": headers.etag! } })).status,
      304,
    );
    const part = await platform.request("layers", "/long", { headers: { range: "bytes=3-8" } });
    assert.deepEqual([part.status, part.body], [206, "345678"]);
    assert.equal((await platform.request("layers", "/a.txt", { method: "POST" })).status, 405);
  });

  it("does not treat a written asset with a hash in its name as immutable", async () => {
    const { headers, body } = await platform.request("layers", "/app.3f2a9c1b.js");
    assert.deepEqual([body, headers["cache-control"]], ["hot fix", "public, max-age=0, must-revalidate"]);
    assert.match((await platform.request("none", "/app.3f2a9c1b.js")).headers["cache-control"]!, /immutable/);
  });

  it("applies html_handling and not_found_handling", async () => {
    publish("spa", { files: { "/index.html": "another shell", "/x.html": "x" } });
    assert.deepEqual(await responses("spa", ["/", "/any/route", "/x"]), [
      ["/", 200, "another shell"],
      ["/any/route", 200, "another shell"],
      ["/x", 200, "x"],
    ]);
    publish("drop", { files: { "/about/index.html": "written", "/docs/index.html": null, "/docs.html": "docs page" } });
    // Both files have the pathname /about. /about.html, which is deployed, takes precedence.
    assert.deepEqual(await responses("drop", ["/about", "/about/", "/docs", "/docs/"]), [
      ["/about", 200, "about"],
      ["/about/", 307, "/about"],
      ["/docs", 200, "docs page"],
      ["/docs/", 307, "/docs"],
    ]);
  });

  it("applies the overlay's redirects first, its headers after the deployed ones, and own headers last", async () => {
    publish("rules", {
      files: { "/a.txt": "written", "/b.txt": "b" },
      redirects: [
        { from: "/both", to: "/written", status: 302 },
        { from: "/first", to: "/a.txt", status: 200 },
      ],
      headers: [
        {
          path: "/*.txt",
          set: [
            ["X-Rule", "written"],
            ["X-Text", ":splat"],
          ],
          unset: ["X-Only"],
        },
      ],
      own_headers: {
        "/a.txt": [
          ["X-Rule", "own :splat"],
          ["Link", "</a>"],
          ["link", "</b>"],
        ],
      },
    });
    const both = await platform.request("rules", "/both");
    assert.deepEqual(
      [both.status, both.headers.location, (await platform.request("rules", "/moved")).headers.location],
      [302, "/written", "/a"],
    );
    const a = await platform.request("rules", "/a.txt");
    assert.deepEqual(
      [a.headers["x-rule"], a.headers["x-text"], a.headers["x-only"], a.headers["link"]],
      ["own :splat", "a", undefined, "</a>, </b>"],
    );
    const b = await platform.request("rules", "/b.txt");
    assert.deepEqual([b.headers["x-rule"], b.headers["link"]], ["deployed, written", undefined]);
    assert.equal((await platform.request("rules", "/first")).headers["x-rule"], "own :splat");
    assert.equal(
      (await platform.request("rules", "/a.txt", { headers: { "if-none-match": `"${sha256Hex("written")}"` } }))
        .headers["x-rule"],
      "own :splat",
    );
    assert.equal((await platform.request("rules", "/")).headers["x-only"], "deployed");
  });

  it("ignores adopted writes, and no others", async () => {
    publish("adopted", { files: { "/about.html": null, "/a.txt": "written since" } });
    assert.deepEqual(await responses("adopted", ["/about", "/a.txt"]), [
      ["/about", 200, "about"],
      ["/a.txt", 200, "written since"],
    ]);
  });

  it("limits the cache time of Workers Caching", async () => {
    assert.equal(
      (await platform.request("edge", "/")).headers["cloudflare-cdn-cache-control"],
      "public, max-age=30, stale-if-error=0",
    );
  });

  it("works with the router", async () => {
    publish("routed", { files: { "/page": "written", "/a.txt": null, "/older.js": null } });
    assert.deepEqual(await responses("routed", ["/page", "/a.txt", "/old.js", "/older.js"]), [
      ["/page", 200, "written"],
      ["/a.txt", 404, "worker"],
      ["/old.js", 200, "earlier"],
      ["/older.js", 404, "worker"],
    ]);
  });
});

describe("the cost of an overlay", () => {
  it("is zero for a site without an overlay", async () => {
    publish("plain", { files: { "/a.txt": "never seen" } });
    assert.equal((await platform.request("plain", "/a.txt")).body, "a");
    await responses("plain", ["/", "/nothing", "/docs"]);
    assert.deepEqual(
      platform.kv.reads.map(({ key }) => key.replace(/[0-9a-f]{64}/, "")),
      Array(3).fill(`plain/b/.${nonce}`),
    );
  });

  it("is one KV read in ten seconds, even if there are no writes", async () => {
    for (const name of ["unwritten", "other"]) {
      if (name === "other") publish(name, { files: { "/a.txt": "written" } });
      for (const path of ["/a.txt", "/nothing", "/", "/docs"]) await platform.request(name, path);
    }
    assert.deepEqual(overlayReads(), [
      { key: "unwritten/o/current", ttl: 30 },
      { key: "other/o/current", ttl: 30 },
    ]);
  });
});

describe("a site whose overlay cannot be read", () => {
  it("causes a 503, because a deleted page must not reappear", async () => {
    publish("failing", { files: { "/a.txt": null } });
    platform.kv.fault = (key) => (key === "failing/o/current" ? "error" : undefined);
    for (const path of ["/a.txt", "/", "/nothing"]) {
      const { status, headers, body } = await platform.request("failing", path);
      assert.deepEqual(
        [status, headers["retry-after"], headers["cache-control"], body],
        [503, "5", "no-store", ""],
        path,
      );
    }
    await logged(/cannot answer GET .*\/a\.txt: .*OverlayUnavailableError: cannot read the overlay of failing/);
    platform.kv.fault = () => undefined;
    assert.equal((await platform.request("failing", "/a.txt")).status, 404);
    // If KV fails again, the cached overlay is used.
    platform.kv.fault = (key) => (key === "failing/o/current" ? "error" : undefined);
    assert.equal((await platform.request("failing", "/a.txt")).status, 404);
  });

  it("is also a 503 if the overlay is damaged or belongs to another site", async () => {
    publish("damaged", { files: { "/a.txt": null } });
    const whole = platform.kv.values.get("damaged/o/current")!;
    for (const bad of [
      whole.subarray(0, -1),
      Buffer.alloc(0),
      platform.kv.values.get("layers/o/current")!,
      encodeManifest(describeSite(sites[0]!)),
    ]) {
      platform.kv.values.set("damaged/o/current", bad);
      assert.equal((await platform.request("damaged", "/a.txt")).status, 503);
    }
    platform.kv.values.set("damaged/o/current", whole);
    assert.equal((await platform.request("damaged", "/a.txt")).status, 404);
  });
});

describe("a project with an overlay", () => {
  const project = (id: string, more: Partial<Site> = {}) => {
    const manifest = encodeManifest({ ...describeSite(site(id, more)), site: `project/${id}` });
    const served = `${sha256Hex(manifest)}.${nonce}`;
    platform.kv.values.set(`project/${id}/b/${served}`, manifest);
    for (const content of Object.values(site(id).files))
      platform.kv.values.set(`project/${id}/b/${sha256Hex(content)}.${nonce}`, Buffer.from(content));
    return (path: string) =>
      platform.request("platform", path, { headers: { "x-props": JSON.stringify({ projectId: id, served }) } });
  };
  const dropped = async (id: string) =>
    (JSON.parse((await platform.request("platform", "/dropped")).body) as [string, ...unknown[]][]).filter(
      ([name]) => name === `project/${id}`,
    );

  it("is served from its own overlay only", async () => {
    publish("project/shop", { files: { "/a.txt": "shop's", "/about.html": null } });
    publish("project/bare", { files: { "/a.txt": "never seen" } });
    const shop = project("shop");
    const tea = project("tea");
    const bare = project("bare", { overlay: false });
    assert.deepEqual(
      [
        (await shop("/a.txt")).body,
        (await shop("/about")).status,
        (await tea("/a.txt")).body,
        (await bare("/a.txt")).body,
      ],
      ["shop's", 404, "a", "a"],
    );
    assert.deepEqual(
      overlayReads().map(({ key }) => key),
      ["project/shop/o/current", "project/tea/o/current"],
    );
    assert.deepEqual(await dropped("shop"), []);
  });

  it("reports adopted writes to its Durable Object once", async () => {
    publish("project/adopter", { files: { "/a.txt": "written", "/about.html": null, "/b.txt": "since" } });
    const adopter = project("adopter", {
      adopted: { "/a.txt": nonce, "/about.html": nonce, "/b.txt": "00000000000000ff", "/gone.html": nonce },
    });
    for (const path of ["/a.txt", "/about", "/b.txt"]) assert.equal((await adopter(path)).status, 200);
    assert.deepEqual(await dropped("adopter"), [
      [
        "project/adopter",
        "project/adopter",
        [
          { path: "/a.txt", nonce },
          { path: "/about.html", nonce },
        ],
      ],
    ]);
  });

  it("is served without the Durable Object", async () => {
    publish("project/refuses", { files: { "/a.txt": "written" } });
    assert.equal((await project("refuses", { adopted: { "/a.txt": nonce } })("/a.txt")).body, "a");
    await logged(/cannot drop adopted writes from the overlay of project\/refuses.*the companion is down/);
  });
});
