import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { type Project, readProject } from "../project";
import { ProjectError } from "../version";

const ref = `${"a".repeat(64)}.${"b".repeat(16)}`;
const loader = (digit: string) => `shop:${digit.repeat(32)}`;

/**
 * A fake namespace with an active project. The key of the version may have the version of another deployment.
 */
class FakeKV {
  active = loader("1");
  stored: string | null = loader("1");
  readonly kv = this as unknown as KVNamespace;

  async get(key: string): Promise<unknown> {
    const activations = [{ id: "1", time: "", version: ref, message: "" }];
    if (key === "project/shop/current")
      return JSON.stringify({ format: 1, activations, version: version(this.active) });
    return this.stored && new Response(JSON.stringify(version(this.stored))).body;
  }

  /** Reads the project, from the isolate's cache if it is younger than the ttl. */
  async project(ttl: number): Promise<Project> {
    return (await readProject("shop", this.kv, ttl))!;
  }
}

function version(loader: string): object {
  return {
    format: 1,
    project: "shop",
    loader,
    served: ref,
    main: "i.js",
    compatibility_date: "2026-01-01",
    compatibility_flags: [],
    modules: { "i.js": { js: "" } },
    kv_sync: { format: 1, site: "project/shop", deployment: "1", manifest: ref, source: "", worker: "", pruned: 0 },
  };
}

// The Worker Loader caches a failure by id.
test("after a failed read of the code, the loader id changes until another version is active", async () => {
  const fake = new FakeKV();
  assert.equal((await fake.project(30)).id, loader("1"));
  fake.stored = null;
  for (const failures of ["", "~1"]) {
    const project = await fake.project(30);
    assert.equal(project.id, loader("1") + failures);
    await assert.rejects(project.code(), ProjectError);
  }
  fake.stored = loader("1");
  const again = await fake.project(0);
  assert.equal(again.id, `${loader("1")}~2`, "even if the active version is read again");
  assert.equal((await again.code()).mainModule, "i.js");
  fake.active = loader("2");
  assert.equal((await fake.project(0)).id, loader("2"), "another version starts without failures");
});

test("an isolate does not combine cached assets with the code of another deployment", async () => {
  const fake = new FakeKV();
  await fake.project(30);
  fake.stored = loader("2");
  await assert.rejects(async () => (await fake.project(30)).code(), ProjectError);
});
