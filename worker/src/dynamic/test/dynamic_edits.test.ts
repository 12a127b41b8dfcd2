// Tests Dynamic Workers that write the assets of their project, including a hostile one.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import { companion, overlayBinding, Platform } from "../../../test/platform";
import { uploadWorker } from "../../deploy/test/project_vectors";
import type { Deploy } from "../../deploy/test/upload";
import type { DeployOptions } from "../../dynamic";
import type { Call, Outcome } from "../../overlay/test/calls";
import { until } from "../../overlay/test/world";

/** A customer's Worker that makes the calls in a request. */
const caller = `export default { async fetch(request, env) {
  if (new URL(request.url).pathname !== "/calls") return env.ASSETS.fetch(request);
  const outcomes = [];
  for (const [method, ...args] of await request.json()) {
    try {
      let value = await env.ASSETS[method](...args);
      if (value?.body) value = { ...value, body: await new Response(value.body).text() };
      outcomes.push({ value });
    } catch (error) { outcomes.push({ error: error.message }); }
  }
  return Response.json(outcomes);
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
          source: `import { serveProject } from "@kv-sync/worker/dynamic";
          export { AssetBinding } from "@kv-sync/worker/dynamic";
          export default { fetch: (r, env, ctx) => {
            const assets = JSON.parse(r.headers.get("x-assets") ?? "{}");
            const project = new URL(r.url).hostname.split(".")[0];
            return serveProject(r, project, env, ctx, { ttl: 0, assets, revision: JSON.stringify(assets) });
          } };`,
        },
        bindings: overlayBinding,
      },
    ],
  );
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset());

async function deploy(
  project: string,
  files: Record<string, string>,
  js: string,
  options: DeployOptions = { overlay: true },
) {
  clock += 3_600_000;
  const body: Deploy = {
    project,
    now: clock,
    random: "00c0ffee",
    files: Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path, Buffer.from(text).toString("base64")]),
    ),
    code: { main: "index.js", modules: { "index.js": { js } }, compatibilityDate: "2026-01-01" },
    options: options as Deploy["options"] & object,
  };
  const reply = await platform.request("upload", "/", { method: "POST", body: JSON.stringify(body) });
  assert.equal(reply.status, 200, reply.body);
}

const request = (project: string, path: string, assets: object = {}, more: object = {}) =>
  platform.request("loader", path, {
    ...more,
    headers: { host: `${project}.example.com`, "x-assets": JSON.stringify(assets) },
  });

async function calls(project: string, assets: object, ...calls: Call[]): Promise<Outcome[]> {
  const { status, body } = await request(project, "/calls", assets, { method: "POST", body: JSON.stringify(calls) });
  assert.equal(status, 200, platform.log);
  return JSON.parse(body) as Outcome[];
}
const callCompanion = (name: string, method: string, args: unknown[], ahead?: number) =>
  platform.request("companion", "/", { method: "POST", body: JSON.stringify({ name, method, args, ahead }) });
const values = async (...args: Parameters<typeof calls>) =>
  (await calls(...args)).map((outcome) => {
    assert.ok("value" in outcome, JSON.stringify(outcome));
    return outcome.value as Record<string, unknown> & { assets: { path: string; layer: string }[] };
  });
const record = (project: string) =>
  JSON.parse(platform.kv.values.get(`project/${project}/o/record`)?.toString() ?? "null") as {
    entries: Record<string, unknown>[];
  } | null;

describe("a project's binding", () => {
  it("can write if its props allow it, and visitors see the write", async () => {
    await deploy("shop", { "/index.html": "shop", "/a.txt": "a" }, caller);
    const [put, got, list] = await values(
      "shop",
      { write: true, author: "the customer" },
      ["put", "/news.html", "news", { author: "forged", message: "why" }],
      ["get", "/news.html"],
      ["list"],
    );
    assert.deepEqual([put!["ok"], got!["body"]], [true, "news"]);
    assert.deepEqual(
      list!.assets.map(({ path, layer }) => [path, layer]),
      [
        ["/a.txt", "deployed"],
        ["/index.html", "deployed"],
        ["/news.html", "overlay"],
      ],
    );
    assert.equal(
      (await request("shop", "/news", { write: true })).body,
      "news",
      "the binding that wrote sees it immediately",
    );
    await until(() => record("shop") !== null, "the publication");
    assert.deepEqual(
      [record("shop")!.entries[0]!["author"], record("shop")!.entries[0]!["message"]],
      ["the customer", "why"],
    );
    await until(async () => (await request("shop", "/news")).body === "news", "the response with the news");
    const [listed] = await values("shop", {}, ["list", { prefix: "/n" }]);
    assert.deepEqual(
      listed!.assets.map(({ path }) => path),
      ["/news.html"],
    );
  });

  it("can only read by default, and needs a capability for rules", async () => {
    for (const props of [{}, { write: "true" }, { write: 1 }, { rules: true }]) {
      const [put, publish] = await calls("shop", props, ["put", "/x.txt", "x"], ["publish", [{ delete: "/a.txt" }]]);
      for (const outcome of [put!, publish!])
        assert.match((outcome as { error: string }).error, /^this binding can only read/);
    }
    const [refused] = await calls("shop", { write: true }, ["put", "/_headers", "/*\n  a: b"]);
    assert.match((refused as { error: string }).error, /cannot write rules/);
    const [made] = await values("shop", { write: true, rules: true }, ["put", "/_headers", "/*\n  a: b"]);
    assert.equal(made!["ok"], true);
  });

  it("does not write if the project has no overlay", async () => {
    await deploy("dry", { "/index.html": "dry" }, caller, {});
    const [refused, list] = await calls("dry", { write: true }, ["put", "/x.txt", "x"], ["list"]);
    assert.match((refused as { error: string }).error, /the site has no overlay/);
    assert.deepEqual((list as { value: { assets: unknown[] } }).value.assets.length, 1);
    assert.ok(![...platform.kv.values.keys()].some((key) => key.startsWith("project/dry/o/")));
  });

  it("keeps writes through a deploy, and drops those that the deploy adopts", async () => {
    await values("shop", { write: true }, ["put", "/same.txt", "same"], ["put", "/kept.txt", "kept"]);
    await until(() => record("shop")!.entries.some(({ path }) => path === "/same.txt"), "the publication");
    await deploy("shop", { "/index.html": "shop 2", "/a.txt": "a", "/same.txt": "same" }, caller);
    const [same, kept, list] = await values(
      "shop",
      { write: true },
      ["head", "/same.txt"],
      ["head", "/kept.txt"],
      ["list"],
    );
    assert.deepEqual([same!["layer"], kept!["layer"]], ["deployed", "overlay"]);
    assert.equal(list!.assets.find(({ path }) => path === "/same.txt")!.layer, "deployed");
    const [put] = await values("shop", { write: true }, ["put", "/other.txt", "x"]);
    assert.equal(put!["ok"], true);
    assert.ok(
      record("shop")!.entries.some(({ path }) => path === "/same.txt"),
      "the record keeps it, because other locations may still serve the previous version",
    );
    await callCompanion("project/shop", "look", ["project/shop", []], 5 * 60_000);
    await callCompanion("project/shop", "runAlarm", []);
    await until(
      () => !record("shop")!.entries.some(({ path }) => path === "/same.txt"),
      "the removal of the adopted entry",
    );
    assert.ok(record("shop")!.entries.some(({ path }) => path === "/kept.txt"));
  });
});

describe("a hostile Dynamic Worker that may write", () => {
  it("writes, reads and lists only its own project", async () => {
    await deploy("other", { "/index.html": "other's page", "/secret.txt": "other's secret" }, caller);
    await values(
      "other",
      { write: true },
      ["put", "/secret.txt", "other's newer secret"],
      ["put", "/run.txt", "other's run-time secret"],
    );
    await deploy("evil", { "/index.html": "mine" }, readFileSync("src/dynamic/test/hostile_writer.js", "utf8"));
    const before = new Map([...platform.kv.values].filter(([key]) => !key.startsWith("project/evil/")));
    await until(() => record("other")?.entries.length === 2, "other's publication");
    for (const [key, value] of platform.kv.values) if (!key.startsWith("project/evil/")) before.set(key, value);
    platform.kv.reset();

    const reply = await request("evil", "/", { write: true, author: "evil itself" });
    assert.equal(reply.status, 200, platform.log);
    const found = JSON.parse(reply.body) as Record<string, string>;
    assert.ok(Object.keys(found).length > 500);
    assert.ok(!/other's|run\.txt|secret\.txt"[^}]*"size":(?!4\b)/.test(reply.body), "no content of the other project");
    for (const { key } of platform.kv.reads) assert.ok(key.startsWith("project/evil/"), key);
    for (const key of platform.kv.writes) assert.ok(key.startsWith("project/evil/o/"), key);
    for (const [key, value] of before) assert.ok(platform.kv.values.get(key)?.equals(value), `${key} is unchanged`);

    const leaks = Object.entries(found).filter(
      ([attempt, result]) =>
        /kv-sync:|SQLITE|UNIQUE|EditError|at async|\.ts:|\bkey\b.*\/b\//.test(result) && !/^reserved/.test(attempt),
    );
    assert.deepEqual(leaks, [], "no internal details");
    for (const attempt of [
      "rules",
      "rules below",
      "reserved",
      "many",
      "long message",
      "many tags",
      "a body that breaks",
      "bodies that break",
      "a body twice",
      "proto",
      "function constructor of a result",
      "function constructor of a stub",
      "Durable Object of a result",
    ]) {
      assert.match(found[attempt]!, /^threw /, attempt);
    }
    assert.equal(found["a body that never comes"], '"still waiting"');
    assert.deepEqual(
      [found["mine"], found["read mine"]],
      ['{"ok":true}', '"mine at run time"'],
      "its own writes still work",
    );

    await until(() => record("evil") !== null, "the publication");
    assert.ok(record("evil")!.entries.every(({ author }) => author === "evil itself"));
    for (const { path } of record("evil")!.entries as { path: string }[]) assert.match(path, /^\/[^\\\0]*$/);
    const [secret] = await values("other", { write: true }, ["get", "/secret.txt"]);
    assert.deepEqual([secret!["body"], secret!["etag"]], ["other's newer secret", sha256Hex("other's newer secret")]);
  });
});
