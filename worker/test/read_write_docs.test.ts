// Compiles the examples of docs/read-write-assets.md as in a user's project, and runs them in
// real workerd. Runs its commands in a shell.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Platform } from "./platform";

const text = readFileSync("../docs/read-write-assets.md", "utf8");
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map(([, block]) => block!);
const modules = blocks("ts").filter((block) => block.includes("export default"));
const snippets = blocks("ts").filter((block) => !block.includes("export default"));
const [ownWorker, platformWorker] = modules;
const [shell] = blocks("sh");
const [customer] = blocks("js");

const token = "the-secret-of-the-docs";
/** The folder is below worker/, so that imports of the package resolve. */
const folder = ".build/docs/read-write";

/** Converts a snippet to a function that returns its variables. */
const asFunction = (snippet: string): string =>
  `async (env: Env): Promise<unknown> => { ${snippet}; return [${declared(snippet)}]; }`;

/** A Worker that runs all snippets in order. It has a binding to the site. */
const everySnippet = `
  import type { ReadWriteAssets } from "@kv-sync/worker/read-write";
  interface Env { ASSETS: ReadWriteAssets }
  const examples = [${snippets.map(asFunction).join(",\n")}];
  export default { async fetch(_request: Request, env: Env) {
    const results = [];
    for (const example of examples) results.push(await example(env));
    return Response.json(results, { headers: { "x-none": "" } });
  } };`;

/** Lists the variables that a snippet declares, so that they are used. */
function declared(snippet: string): string {
  return [...snippet.matchAll(/^const (\w+)/gm)]
    .map(([, name]) => (name === "response" ? "response.status" : name))
    .join(", ");
}

let platform: Platform;
before(async () => {
  const props = JSON.stringify(JSON.stringify(bindingProps()));
  rmSync(folder, { recursive: true, force: true });
  platform = await Platform.start(
    [
      {
        name: "blog",
        files: { "/index.html": "home", "/docs/index.html": "docs" },
        overlay: true,
        edits: { write: true, rules: true, token },
        worker: ownWorker!,
      },
    ],
    [],
    [
      { name: "companion", main: "src/overlay.ts", durableObject: "Overlay" },
      {
        name: "editor",
        main: { source: everySnippet },
        bindings: `(name = "ASSETS",
          service = (name = "blog", entrypoint = "AssetBinding", props = (json = ${props})))`,
      },
      {
        name: "platform",
        main: { source: platformWorker! },
        durableObject: "Overlay",
        bindings: `(name = "KV_SYNC_OVERLAY", durableObjectNamespace = "Overlay")`,
      },
    ],
  );
});
after(() => platform.stop());

function bindingProps(): object {
  const { services } = jsonc(blocks("jsonc")[0]!) as { services: { entrypoint: string; props: object }[] };
  assert.equal(services[0]!.entrypoint, "AssetBinding");
  return services[0]!.props;
}

function jsonc(block: string): unknown {
  return JSON.parse(block.replace(/^\s*\/\/.*$/gm, "").replace(/,(\s*[}\]])/g, "$1"));
}

describe("docs/read-write-assets.md", () => {
  it("has exactly the examples that are tested here", () => {
    assert.deepEqual(
      [
        modules.length,
        snippets.length,
        blocks("sh").length,
        blocks("js").length,
        blocks("jsonc").length,
        blocks("json").length,
        blocks("toml").length,
      ],
      [2, 8, 1, 1, 1, 1, 1],
    );
    for (const name of ["fetch", "get", "head", "put", "delete", "publish", "list"])
      assert.ok(
        snippets.some((snippet) => snippet.includes(`env.ASSETS.${name}(`)),
        name,
      );
    assert.deepEqual(JSON.parse(blocks("json")[0]!), {
      durable_objects: { bindings: [{ name: "KV_SYNC_OVERLAY", class_name: "Overlay" }] },
      migrations: [{ tag: "overlay-v1", new_sqlite_classes: ["Overlay"] }],
    });
  });

  for (const [name, source] of Object.entries({
    ownWorker: ownWorker!,
    platformWorker: platformWorker!,
    snippets: everySnippet,
  })) {
    it(`compiles: ${name}`, async () => {
      const project = join(folder, name);
      mkdirSync(join(project, "src"), { recursive: true });
      writeFileSync(join(project, "src/index.ts"), source);
      // `wrangler types` writes this file.
      writeFileSync(
        join(project, "worker-configuration.d.ts"),
        `declare namespace Cloudflare { interface GlobalProps { mainModule: typeof import("./src/index") } }
         declare module "*/kv-sync-manifest.bin" { const manifest: ArrayBuffer; export default manifest; }\n`,
      );
      writeFileSync(
        join(project, "tsconfig.json"),
        JSON.stringify({
          extends: "../../../../src/tsconfig.json",
          compilerOptions: { noUnusedLocals: false },
          include: ["src/*.ts", "*.d.ts"],
        }),
      );
      await promisify(execFile)("node_modules/.bin/tsc", ["-p", project]).catch((error: { stdout: string }) =>
        assert.fail(error.stdout),
      );
    });
  }

  it("runs in a site's own Worker", async () => {
    assert.equal((await platform.request("blog", "/")).body, "home");
    const written = JSON.parse(
      (await platform.request("blog", "/guestbook", { method: "POST", body: "Ada was here" })).body,
    ) as { ok: boolean };
    assert.equal(written.ok, true);
  });

  it("runs in another Worker", async () => {
    const reply = await platform.request("editor", "/");
    assert.equal(reply.status, 200, platform.log);
    const [fetched, got, , put, conditional, , published] = JSON.parse(reply.body) as { ok?: boolean }[][];
    assert.deepEqual(
      [fetched, got![1], put![0]!.ok, conditional![1]!.ok, published![0]!.ok],
      [[200], "home", true, true, true],
    );
  });

  it("runs in a shell", async () => {
    const home = join(folder, "shell");
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "news.html"), "<h1>News</h1>");
    writeFileSync(join(home, "newer.html"), "<h1>Newer</h1>");
    const site = `http://127.0.0.1:${platform.port("blog")}`;
    const script = `set -euo pipefail\n${shell!.replace("https://example.com", site)}`;
    const { stdout } = await promisify(execFile)("bash", ["-c", script], {
      cwd: home,
      env: { ...process.env, KV_SYNC_WRITE_TOKEN: token, no_proxy: "*" },
    });
    assert.match(stdout, /<h1>News<\/h1>/);
    assert.match(stdout, /the asset has changed/);
    assert.match(stdout, /"path":"\/news\.html".*"size":14/);
  });

  it("runs on a platform of Dynamic Workers", async () => {
    const host = { host: "shop.example.com" };
    const deployed = await platform.request("platform", "/", { method: "PUT", headers: host, body: customer! });
    assert.equal(deployed.status, 200, `${deployed.body}${platform.log}`);
    const written = await platform.request("platform", "/tides", {
      method: "POST",
      headers: host,
      body: "<h1>Tides</h1>",
    });
    assert.equal(written.status, 201, written.body);
    assert.equal((await platform.request("platform", "/tides", { headers: host })).body, "<h1>Tides</h1>");
  });
});
