// Tests the size of the code in the Workers of a site and of a platform.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { gzipSync } from "node:zlib";
import type { StdinOptions } from "esbuild";
import { bundle } from "./platform";

const worker = (contents: string): StdinOptions => ({ contents, resolveDir: ".", loader: "ts" });

for (const [name, entry, limit] of [
  ["the default Worker", "src/default.ts", 14_500],
  ["the router before a Worker", worker(`import { route } from "./src/router"; export default route({}, {});`), 15_500],
  ["the default Worker of a site with an overlay", "src/default_overlay.ts", 41_000],
  ["a companion", "src/overlay.ts", 9_000],
  [
    "a loader",
    worker(
      `export { AssetBinding } from "@kv-sync/worker/dynamic";
      import { serveProject } from "@kv-sync/worker/dynamic";
      export default { fetch: (r, env, ctx) => serveProject(r, "a", env, ctx) };`,
    ),
    42_500,
  ],
  ["a loader that takes uploads", worker('export * from "@kv-sync/worker/dynamic";'), 53_000],
] as const) {
  test(`${name} is at most ${limit / 1000} KB, minified and compressed`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "kv-sync-worker-"));
    try {
      const served = join(folder, "served.js");
      await bundle(entry, served);
      const bytes = gzipSync(readFileSync(served), { level: 9 }).length;
      console.log(`${name}: ${bytes} bytes`);
      assert.ok(bytes <= limit, `${bytes} bytes`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("a site without an overlay does not include the code for writes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kv-sync-worker-"));
  try {
    const code = async (entry: string | StdinOptions) => {
      const file = join(folder, "code.js");
      await bundle(entry, file);
      return readFileSync(file, "utf8");
    };
    const router = (name: string) => worker(`import { route } from "./src/${name}"; export default route({}, {});`);
    for (const [entry, writes] of [
      ["src/default.ts", false],
      [router("router"), false],
      ["src/default_overlay.ts", true],
      [router("router_overlay"), true],
    ] as const) {
      assert.equal((await code(entry)).includes("/_kv-sync/assets/"), writes);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
