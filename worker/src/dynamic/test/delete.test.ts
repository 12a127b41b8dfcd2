// Deletes a project, and deploys another customer's project with the same id.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { companion, overlayBinding, Platform } from "../../../test/platform";
import { uploadWorker } from "../../deploy/test/project_vectors";
import type { Deploy } from "../../deploy/test/upload";

/** A customer's Worker that writes and lists, and otherwise serves its assets. */
const code = `export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  if (request.method === "PUT") return Response.json(await env.ASSETS.put(pathname, await request.text()));
  if (pathname === "/list") return Response.json((await env.ASSETS.list()).assets.map(({ path }) => path));
  return env.ASSETS.fetch(request);
} };`;

let platform: Platform;
let clock = Date.UTC(2026, 10, 21);

before(async () => {
  platform = await Platform.start(
    [],
    [],
    [
      uploadWorker,
      companion,
      {
        name: "loader",
        main: {
          source: `import { deleteProject, serveProject } from "@kv-sync/worker/dynamic";
          export { AssetBinding } from "@kv-sync/worker/dynamic";
          export default { async fetch(r, env, ctx) {
            const project = new URL(r.url).hostname.split(".")[0];
            if (r.method === "DELETE") {
              const options = JSON.parse(r.headers.get("x-options") ?? "{}");
              return deleteProject(project, options)
                .then(Response.json, (error) => Response.json({ error: error.message, name: error.name }));
            }
            const response = await serveProject(r, project, env, ctx, { ttl: 0, assets: { write: true } });
            return response ?? new Response("none", { status: 404 });
          } };`,
        },
        bindings: overlayBinding,
      },
    ],
  );
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset(new Map()));

async function deploy(project: string, files: Record<string, string>, options: Deploy["options"] = { overlay: true }) {
  clock += 3_600_000;
  const body: Deploy = {
    project,
    now: clock,
    random: "00c0ffee",
    files: Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path, Buffer.from(text).toString("base64")]),
    ),
    code: { main: "index.js", modules: { "index.js": { js: code } }, compatibilityDate: "2026-01-01" },
    options,
  };
  const reply = await platform.request("upload", "/", { method: "POST", body: JSON.stringify(body) });
  assert.equal(reply.status, 200, reply.body);
}

const request = async (project: string, path: string, more: object = {}) => {
  const { status, body } = await platform.request("loader", path, {
    headers: { host: `${project}.example.com` },
    ...more,
  });
  return status === 200 ? body : status;
};
const put = (project: string, path: string, body: string) => request(project, path, { method: "PUT", body });
const remove = async (project: string, options: object = {}) => {
  const headers = { host: `${project}.example.com`, "x-options": JSON.stringify(options) };
  const { body } = await platform.request("loader", "/", { method: "DELETE", headers });
  return JSON.parse(body) as { deleted: number; complete: boolean; error?: string; name?: string };
};
const callCompanion = async (name: string, method: string, args: unknown[], ahead?: number) => {
  const { body } = await platform.request("companion", "/", {
    method: "POST",
    body: JSON.stringify({ name, method, args, ahead }),
  });
  return JSON.parse(body) as { result?: unknown; error?: { message: string } };
};
const keys = () => [...platform.kv.values.keys()].sort();
const pointer = (project: string) =>
  JSON.parse(platform.kv.values.get(`project/${project}/current`)!.toString()) as {
    format: number;
    incarnation: string;
    deleted?: string;
  };

describe("deleteProject", () => {
  it("leaves nothing that a new project of the same id sees", async () => {
    await deploy("tenant", { "/index.html": "old" });
    await put("tenant", "/private.html", "the old customer's secret");
    await put("tenant", "/index.html", "the old customer's edit");
    assert.equal(await request("tenant", "/"), "the old customer's edit");

    const { complete, deleted } = await remove("tenant");
    assert.ok(complete && deleted > 5);
    assert.deepEqual(keys(), ["project/tenant/current"]);
    assert.equal(await request("tenant", "/"), 404);

    await deploy("tenant", { "/index.html": "new" });
    const prefix = `project/tenant@${pointer("tenant").incarnation}/`;
    assert.ok(keys().every((key) => key === "project/tenant/current" || key.startsWith(prefix)));
    assert.equal(await request("tenant", "/"), "new", platform.log);
    assert.equal(await request("tenant", "/private"), 404);
    assert.equal(await request("tenant", "/list"), '["/index.html"]');
    await put("tenant", "/new.html", "the new customer's page");
    assert.equal(await request("tenant", "/"), "new");
    assert.equal(await request("tenant", "/new"), "the new customer's page");
    assert.equal(await request("tenant", "/private"), 404);
    const { result } = await callCompanion("project/tenant", "look", ["project/tenant", ["/private.html"]]);
    assert.deepEqual(result, [null], "the Durable Object of the old project is erased");
  });

  it("does not touch projects whose ids have the same prefix", async () => {
    for (const id of ["shop", "shop2", "sho", "shop-2"]) await deploy(id, { "/index.html": id });
    const others = keys().filter((key) => !key.startsWith("project/shop/"));
    await remove("shop");
    assert.deepEqual(
      keys().filter((key) => key !== "project/shop/current"),
      others,
    );
    await deploy("shop", { "/index.html": "again" });
    await remove("shop");
    assert.deepEqual(
      keys().filter((key) => key !== "project/shop/current"),
      others,
    );
    assert.equal(await request("shop2", "/"), "shop2");
  });

  it("finishes when it is called again, and keeps the keys of the next project", async () => {
    await deploy("tenant", { "/index.html": "old", "/a.txt": "a", "/b.txt": "b" });
    const first = await remove("tenant", { mostCalls: 10 });
    assert.deepEqual([first.complete, await request("tenant", "/")], [false, 404]);
    const { incarnation } = pointer("tenant");
    platform.kv.values.set(`project/tenant@${incarnation}/b/of-the-next`, Buffer.from("x"));
    let calls = 0;
    for (let { complete } = first; !complete; { complete } = await remove("tenant", { mostCalls: 10 }))
      assert.ok(++calls < 20);
    assert.deepEqual(keys(), ["project/tenant/current", `project/tenant@${incarnation}/b/of-the-next`]);
    assert.equal(pointer("tenant").incarnation, incarnation);
  });

  it("refuses unknown options", async () => {
    const { name, error } = await remove("tenant", { mostcalls: 10 });
    assert.equal(name, "TypeError");
    assert.match(error!, /^deleteProject: unknown option "mostcalls"; the options are kv, /);
  });
});

describe("the overlay of a deleted project", () => {
  const name = "project/gone";
  const change = () => ({
    path: "/a.html",
    nonce: `${Math.floor(Date.now() / 1000).toString(16)}00000001`,
    content: undefined,
    deployed: "a".repeat(64),
  });
  const runAlarm = (ahead: number) =>
    callCompanion(name, "look", [name, []], ahead).then(() => callCompanion(name, "runAlarm", []));
  const write = (value: object) => platform.kv.values.set(`${name}/current`, Buffer.from(JSON.stringify(value)));

  it("erases itself within a day, and only then", async () => {
    const { error } = await callCompanion(name, "commit", [name, [change()], {}], 0);
    assert.equal(error, undefined);
    const edits = () => callCompanion(name, "query", ["SELECT path FROM entries"]);
    const overADay = 25 * 3_600_000;
    let days = 0;

    for (const pointer of [undefined, { format: 1, activations: [{ incarnation: "ffffffffffffffff" }] }]) {
      if (pointer) write(pointer);
      await runAlarm(++days * overADay);
      assert.deepEqual((await edits()).result, [{ path: "/a.html" }]);
    }
    assert.ok(keys().includes(`${name}/o/record`));
    write({ format: 2, incarnation: "6b00000000000001", deleted: "2026-12-01T00:00:00.000Z" });
    platform.kv.values.set("project/gone2/o/record", Buffer.from("another's"));
    const { result } = await runAlarm(++days * overADay);
    assert.equal(result, null, "no alarm is set");
    assert.deepEqual(keys(), [`${name}/current`, "project/gone2/o/record"]);
    assert.deepEqual((await callCompanion(name, "look", [name, ["/a.html"]])).result, [null]);
  });

  it("is not erased if it belongs to the next project of the id", async () => {
    const own = `${name}@6b00000000000002`;
    await callCompanion(own, "commit", [own, [change()], {}], 0);
    let days = 0;
    for (const incarnation of ["6b00000000000001", "6b00000000000002"]) {
      write({ format: 2, incarnation, deleted: "2026-12-01T00:00:00.000Z" });
      await callCompanion(own, "look", [own, []], ++days * 25 * 3_600_000);
      await callCompanion(own, "runAlarm", []);
      const { result } = await callCompanion(own, "query", ["SELECT path FROM entries"]);
      assert.deepEqual(result, [{ path: "/a.html" }]);
    }
  });
});
