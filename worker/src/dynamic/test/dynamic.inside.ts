import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import * as dynamic from "../../dynamic";
import { writeAll } from "../../kv/kv_write";
import { LRU } from "../../kv/lru";

test("customers can call the seven operations of an asset binding, and nothing else", () => {
  for (const binding of [dynamic.AssetBinding, dynamic.assetBinding({ kv: () => undefined as never })]) {
    const names: PropertyKey[] = [];
    // The members of WorkerEntrypoint itself come from the runtime.
    for (
      let prototype = binding.prototype as object;
      prototype.constructor.name !== "WorkerEntrypoint";
      prototype = Object.getPrototypeOf(prototype) as object
    )
      names.push(...Reflect.ownKeys(prototype));
    assert.deepEqual(names, ["constructor", "fetch", "get", "head", "put", "delete", "list", "publish"]);
  }
});

test("the Worker Loader gets the platform's settings, with a different id for each revision", async () => {
  const ref = `${"a".repeat(64)}.${"b".repeat(16)}`;
  const version = {
    format: 1,
    project: "shop",
    loader: `shop:${"c".repeat(32)}`,
    served: ref,
    main: "i.js",
    compatibility_date: "2026-01-01",
    modules: { "i.js": { js: "" } },
    env: { A: 1, B: 2 },
    kv_sync: {
      format: 1,
      site: "project/shop",
      deployment: "1",
      manifest: ref,
      source: "",
      worker: "",
      namespace: "",
      bindings: [],
      pruned: 0,
    },
  };
  const current = JSON.stringify({
    format: 1,
    activations: [{ id: "1", time: "", version: ref, message: "" }],
    version,
  });
  const kv = {
    // In the second call the version is cached, and only the code is read.
    get: async (key: string) => (key === "project/shop/current" ? current : new Response(JSON.stringify(version)).body),
  } as unknown as KVNamespace;
  const started: { id: string | null; code: WorkerLoaderWorkerCode }[] = [];
  const env = {
    KV_SYNC_BLOBS: kv,
    LOADER: {
      get: (id: string | null, code: () => WorkerLoaderWorkerCode | Promise<WorkerLoaderWorkerCode>) => ({
        getEntrypoint: () => ({
          fetch: async () => (started.push({ id, code: await code() }), new Response("answer")),
        }),
      }),
    },
  };
  const bound: unknown[] = [];
  // Props from a customer may name another project.
  const capabilities = { write: true, projectId: "other", served: ref.replaceAll("a", "0") };
  const ctx = {
    exports: { AssetBinding: (binding: unknown) => (bound.push(binding), "a stub") },
  } as unknown as ExecutionContext;
  for (const options of [{}, { env: { B: 3 }, limits: { cpuMs: 5 }, revision: "2", assets: capabilities }]) {
    assert.equal(
      await (await dynamic.serveProject(new Request("https://x/"), "shop", env, ctx, options))?.text(),
      "answer",
    );
  }
  const plain = {
    mainModule: "i.js",
    modules: { "i.js": { js: "" } },
    compatibilityDate: "2026-01-01",
    compatibilityFlags: [],
    env: { A: 1, B: 2, ASSETS: "a stub" },
    globalOutbound: null,
  };
  assert.deepEqual(started, [
    { id: version.loader, code: plain },
    { id: `${version.loader}2`, code: { ...plain, env: { ...plain.env, B: 3 }, limits: { cpuMs: 5 } } },
  ]);
  assert.deepEqual(bound, [
    { props: { projectId: "shop", served: ref } },
    { props: { write: true, projectId: "shop", served: ref } },
  ]);
});

test("the cache removes the least recently used value and keeps the newest", () => {
  const lru = new LRU<number>(10);
  lru.set("a", 1, 4);
  lru.set("b", 2, 4);
  assert.equal(lru.get("a"), 1);
  lru.set("c", 3, 4);
  assert.deepEqual(
    ["a", "b", "c"].map((key) => lru.get(key)),
    [1, undefined, 3],
  );
  lru.set("c", 4, 6);
  assert.deepEqual([lru.get("a"), lru.get("c")], [1, 4]);
  lru.set("huge", 5, 100);
  assert.deepEqual(
    ["a", "c", "huge"].map((key) => lru.get(key)),
    [undefined, undefined, 5],
  );
  lru.set("d", 6, 1);
  assert.deepEqual(
    ["huge", "d"].map((key) => lru.get(key)),
    [undefined, 6],
  );
});

test("at most six writes run in parallel, and none starts after a failure", async () => {
  let open = 0;
  let maxOpen = 0;
  const done: number[] = [];
  const write = async (i: number) => {
    maxOpen = Math.max(maxOpen, ++open);
    await new Promise((resolve) => setTimeout(resolve, 1));
    open--;
    if (i === 13) throw new Error("13");
    done.push(i);
  };
  await writeAll(
    Array.from({ length: 12 }, (_, i) => i),
    write,
  );
  assert.deepEqual([maxOpen, done.length], [6, 12]);
  await assert.rejects(
    writeAll(
      Array.from({ length: 100 }, (_, i) => i),
      write,
    ),
    /13/,
  );
  assert.equal(open, 0, "it waits for the running writes");
  assert.ok(done.length < 12 + 30);
});
