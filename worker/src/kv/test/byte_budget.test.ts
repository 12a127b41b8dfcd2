// Tests the memory that the uploads of an isolate reserve, in real workerd. The figures
// are the reserved bytes that the library counts, not measured memory.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, beforeEach, describe, it } from "node:test";
import { companion, overlayBinding, Platform } from "../../../test/platform";
import { uploadWorker } from "../../deploy/test/project_vectors";
import type { Deploy } from "../../deploy/test/upload";
import { until } from "../../overlay/test/world";

const MiB = 1 << 20;
const token = "0123456789abcdef-token";
const busy = /too many uploads at once; try again/;

/**
 * A customer's Worker that writes a body of ?size= bytes: a stream, with &whole one array, or with &view a view of one
 * byte of an array.
 */
const customer = `export default { async fetch(request, env) {
  const { pathname, searchParams } = new URL(request.url);
  const size = Number(searchParams.get("size"));
  let sent = 0;
  const stream = () => new ReadableStream({ type: "bytes", pull(controller) {
    const bytes = new Uint8Array(Math.min(size - sent, 1 << 20)).fill(7);
    sent += bytes.length;
    controller.enqueue(bytes);
    if (sent === size) controller.close();
  } });
  try {
    const body = searchParams.has("view") ? new Uint8Array(size).subarray(1, 2)
      : searchParams.has("whole") ? new Uint8Array(size) : stream();
    await env.ASSETS.put(pathname, body);
    return new Response("written");
  } catch (error) { return new Response(error.message, { status: 500 }); }
} };`;

let platform: Platform;

before(async () => {
  platform = await Platform.start(
    [
      {
        name: "site",
        files: { "/index.html": "home" },
        overlay: true,
        edits: { write: true, token },
        worker: `import { route } from "./src/router_overlay"; import { bodyMemoryState } from "./src/kv/body_memory";
          export default route({ fetch: () => Response.json(bodyMemoryState()) }, { worker: ["/held"] });`,
      },
    ],
    [],
    [
      uploadWorker,
      companion,
      {
        name: "loader",
        main: {
          source: `import { serveProject, deployProject } from "@kv-sync/worker/dynamic";
            import { bodyMemoryState } from "./src/kv/body_memory";
            export { AssetBinding } from "@kv-sync/worker/dynamic";
            export default { async fetch(r, env, ctx) {
              const { hostname, pathname, searchParams } = new URL(r.url);
              if (pathname === "/held") return Response.json(bodyMemoryState());
              const options = { ttl: 0, assets: { write: true } };
              if (pathname !== "/deploy") return serveProject(r, hostname.split(".")[0], env, ctx, options);
              const files = { "/index.html": "home", "/large.bin": new Uint8Array(Number(searchParams.get("size"))) };
              const data = new Uint8Array(Number(searchParams.get("code")));
              const modules = { "index.js": "export default {}", "data.bin": { data } };
              const withCode = { main: "index.js", modules, compatibilityDate: "2026-01-01" };
              const code = searchParams.has("code") ? withCode : undefined;
              return deployProject(searchParams.get("project"), files, { code }).then(
                () => new Response("deployed"),
                (error) => new Response(error.name + " " + error.retryAfter, { status: 500 }),
              );
            } };`,
        },
        bindings: overlayBinding,
      },
    ],
  );
  for (const project of ["a", "b", "c"]) {
    const files = { "/index.html": Buffer.from("home").toString("base64") };
    const body: Deploy = {
      project,
      now: Date.UTC(2026, 10, 21),
      random: "00c0ffee",
      files,
      code: { main: "index.js", modules: { "index.js": { js: customer } }, compatibilityDate: "2026-01-01" },
      options: { overlay: true },
    };
    const { status, body: text } = await platform.request("upload", "/", {
      method: "POST",
      body: JSON.stringify(body),
    });
    assert.equal(status, 200, text);
  }
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset());

type Held = { held: number; highest: number; waiting: number }[];
const held = async (service: string) => JSON.parse((await platform.request(service, "/held")).body) as Held;
const isFree = async (service: string) =>
  (await held(service)).every(({ held, waiting }) => held === 0 && waiting === 0);
const put = (project: string, path: string) =>
  platform.request("loader", path, { method: "POST", body: "x", headers: { host: `${project}.example.com` } });

/** Holds the KV writes of one project's bodies. */
function hold(project: string): () => void {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  platform.kv.hold = (key) => (key.startsWith(`project/${project}/`) && key.includes("/b/") ? gate : undefined);
  return release;
}

describe("simultaneous uploads", () => {
  it("by one project are limited, and do not block another project", async () => {
    const release = hold("a");
    let refused = 0;
    const uploads = Array.from({ length: 40 }, async (_, i) => {
      const { status, body } = await put("a", `/${i}.bin?size=${5 * MiB}`);
      if (status !== 200) refused++;
      return body;
    });
    // One reserves 25 MiB, one 4 MiB, four 512 KiB, and 16 wait. The others are refused immediately.
    await until(() => refused >= 18, "the refusal of the requests over the limit");
    const [small, medium, large, ...inMemory] = await held("loader");
    assert.ok(
      small!.held <= 2 * MiB &&
        medium!.held <= 4 * MiB &&
        large!.held <= 25 * MiB + 1 &&
        inMemory.every(({ held }) => held === 0) &&
        small!.waiting <= 16,
      JSON.stringify(await held("loader")),
    );
    for (let i = 0; i < 5; i++) {
      for (const query of ["size=1000", "size=1000&whole", `size=${MiB}`])
        assert.equal((await put("b", `/${i}.txt?${query}`)).body, "written", query);
    }
    release();
    for (const text of await Promise.all(uploads)) assert.ok(text === "written" || busy.test(text), text);
    assert.ok(refused < 40);
    await until(() => isFree("loader"), "the release of all memory");
    for (const [i, { highest }] of (await held("loader")).entries())
      assert.ok(highest <= [8, 8, 51, 4, 8, 12][i]! * MiB, `${i}: ${highest} bytes`);
  });

  it("of bodies in memory are refused if there is no memory", async () => {
    const release = hold("a");
    const first = put("a", `/first.bin?size=${24 * MiB}&whole`);
    await until(async () => (await held("loader"))[5]!.held >= 12 * MiB, "the first body");
    assert.match((await put("b", `/second.bin?size=${20 * MiB}&whole`)).body, busy);
    assert.match((await put("b", `/view.bin?size=${20 * MiB}&view`)).body, busy, "a view counts its whole buffer");
    assert.equal((await platform.request("loader", `/deploy?project=c&size=${20 * MiB}`)).body, "BusyError 5");
    // The first call uses all of the memory for large bodies. Small bodies have their own memory.
    for (const size of [1000, MiB]) assert.equal((await put("b", `/small.txt?size=${size}&whole`)).body, "written");
    assert.equal(
      (await platform.request("loader", `/deploy?project=c&size=1000&code=${5 * MiB}`)).body,
      "BusyError 5",
      "code counts, too",
    );
    release();
    assert.equal((await first).body, "written");
    await until(() => isFree("loader"), "the release of all memory");
    assert.equal((await platform.request("loader", `/deploy?project=c&size=${20 * MiB}`)).body, "deployed");
    assert.ok(await isFree("loader"));
  });

  it("that fail free their bytes", async () => {
    platform.kv.refuse = (key) => (key.startsWith("project/a/o/b/") ? 400 : undefined);
    for (const query of [`size=${5 * MiB}`, "size=1000&whole"])
      assert.equal((await put("a", `/x.bin?${query}`)).status, 500, query);
    assert.ok(await isFree("loader"));
  });

  it("that stall are aborted after half a minute", async () => {
    let status: number | undefined;
    const headers = { host: "example.com", authorization: `Bearer ${token}`, "content-length": 1000 };
    const request = http.request(
      {
        host: "127.0.0.1",
        port: platform.port("site"),
        path: "/_kv-sync/assets/slow.txt",
        method: "PUT",
        headers,
        agent: false,
      },
      (reply) => (status = reply.resume().statusCode),
    );
    request.on("error", () => undefined);
    request.write("the beginning");
    await until(() => status !== undefined, "the answer");
    request.destroy();
    assert.equal(status, 408);
    assert.ok(await isFree("site"));
  });

  it("over HTTP get a 503 with Retry-After, and free their bytes if the client disconnects", async () => {
    const replies: http.IncomingMessage[] = [];
    const requests = Array.from({ length: 100 }, (_, i) => {
      const headers = { host: "example.com", authorization: `Bearer ${token}`, "content-length": 1000 };
      const request = http.request(
        {
          host: "127.0.0.1",
          port: platform.port("site"),
          path: `/_kv-sync/assets/${i}.txt`,
          method: "PUT",
          headers,
          agent: false,
        },
        (reply) => replies.push(reply.resume()),
      );
      request.on("error", () => undefined);
      request.write("the beginning");
      return request;
    });
    await until(() => replies.length >= 20, "the refusal of the requests over the limit");
    for (const { statusCode, headers } of replies) assert.deepEqual([statusCode, headers["retry-after"]], [503, "5"]);
    for (const request of requests) request.destroy();
    await until(() => isFree("site"), "the release of all memory");
  });
});
