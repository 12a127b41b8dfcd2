// Compiles every example of docs/dynamic-workers.md as in a platform's own project, and runs
// it in real workerd.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Platform } from "./platform";

const text = readFileSync("../docs/dynamic-workers.md", "utf8");
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map(([, block]) => block!);
const [quickStart, parts, namespace, uploads, deletion, ...more] = blocks("ts");
const [customer] = blocks("js");
const [config, projectConfig] = blocks("jsonc");
const examples = {
  quickStart: quickStart!,
  parts: parts!,
  namespace: namespace!,
  uploads: uploads!,
  deletion: deletion!,
};

/** The folder is below worker/, so that imports of the package resolve. */
const folder = ".build/docs";

let platform: Platform;
before(async () => {
  platform = await Platform.start(
    [],
    [],
    Object.entries(examples).map(([name, source]) => ({
      name,
      main: { source },
      bindings: name === "namespace" ? `(name = "KV_ASSETS", kvNamespace = "kv")` : "",
    })),
  );
});
after(() => platform.stop());

describe("docs/dynamic-workers.md", () => {
  it("has exactly the examples that are tested here", () => {
    assert.deepEqual([more.length, blocks("js").length, blocks("jsonc").length], [0, 1, 2]);
    for (const binding of ['"binding": "LOADER"', '"main": "src/index.ts"']) assert.ok(config!.includes(binding));
    JSON.parse(config!.replace(/^\/\/.*$/m, "")) as unknown;
    // The configuration names the file of the previous example.
    const { main } = JSON.parse(projectConfig!.replace(/^\/\/.*$/m, "")) as { main: string };
    assert.equal(`// projects/shop/${main}`, customer!.split("\n")[0]);
  });

  for (const [name, source] of Object.entries(examples)) {
    it(`compiles: ${name}`, async () => {
      const project = join(folder, name);
      rmSync(project, { recursive: true, force: true });
      mkdirSync(join(project, "src"), { recursive: true });
      writeFileSync(join(project, "src/index.ts"), source);
      // `wrangler types` writes this file.
      writeFileSync(
        join(project, "worker-configuration.d.ts"),
        `declare namespace Cloudflare {
           interface GlobalProps { mainModule: typeof import("./src/index") }
           interface Env { KV_SYNC_BLOBS: KVNamespace; KV_ASSETS: KVNamespace; LOADER: WorkerLoader }
         }
         interface Env extends Cloudflare.Env {}\n`,
      );
      writeFileSync(
        join(project, "tsconfig.json"),
        JSON.stringify({ extends: "../../../src/tsconfig.json", include: ["src/*.ts", "*.d.ts"] }),
      );
      await promisify(execFile)("node_modules/.bin/tsc", ["-p", project]).catch((error: { stdout: string }) =>
        assert.fail(error.stdout),
      );
    });
  }

  it("runs", async () => {
    const upload = (project: string, body: object) =>
      platform.request("uploads", `/${project}`, { method: "POST", body: JSON.stringify(body) });
    const refused = await upload("shop", { files: { "/index.html": "<h1>Shop</h1>", "/.env": "KEY=1" } });
    assert.deepEqual(
      [refused.status, (JSON.parse(refused.body) as { problems: { path: string }[] }).problems[0]!.path],
      [422, ".env"],
    );
    const broken = await upload("shop", {
      files: { "/index.html": "<h1>Shop</h1>" },
      server: "throw new Error('not today'); export default {}",
    });
    assert.deepEqual([broken.status, /not today/.test(broken.body)], [422, true]);
    const done = JSON.parse(
      (await upload("shop", { files: { "/index.html": "<h1>Shop</h1>" }, server: customer })).body,
    ) as { uploaded: number; noChange: boolean };
    assert.deepEqual([done.uploaded, done.noChange], [1, false]);
    await upload("pages", { files: { "/index.html": "pages" } });
    assert.match(platform.kv.values.get("project/shop/current")!.toString(), /customer@example\.com/);

    for (const service of ["quickStart", "parts", "namespace"]) {
      const request = async (project: string, path: string) => {
        const { status, body } = await platform.request(service, path, { headers: { host: `${project}.example.com` } });
        return [status, body];
      };
      assert.deepEqual(await request("shop", "/"), [200, "<h1>Shop</h1>"], service);
      assert.deepEqual(await request("shop", "/api/x"), [200, '{"hello":"world"}'], service);
      assert.deepEqual(await request("pages", "/"), [200, "pages"], service);
      assert.deepEqual(await request("none", "/"), [404, "There is no such project."], service);
    }
    const { status } = await platform.request("deletion", "/pages", { method: "POST" });
    assert.ok(status === 200 || status === 202, String(status));
    assert.deepEqual(JSON.parse(platform.kv.values.get("project/pages/current")!.toString()).format, 2);
  });
});
