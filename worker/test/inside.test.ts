// Runs src/*/test/*.inside.ts inside workerd (`workerd test`), and passes the test vectors.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { overlayFiles, overlayFolder } from "../src/format/test/overlay_vectors";
import { vectorFiles, vectorFolder } from "../src/format/test/vectors";
import type { Vectors } from "./inside/harness";
import { workerdBinary } from "./platform";

test("testdata/served/ has the output of the second encoder", () => {
  for (const [name, bytes] of vectorFiles()) {
    assert.ok(bytes.equals(readFileSync(join(vectorFolder, name))), `${name} differs; run npm run vectors`);
  }
});

test("testdata/overlay/ has the output of the second encoder", () => {
  for (const [name, bytes] of overlayFiles()) {
    assert.ok(bytes.equals(readFileSync(join(overlayFolder, name))), `${name} differs; run npm run vectors`);
  }
});

test("inside workerd", async () => {
  const tests = readdirSync("src", { recursive: true }).filter((name) => String(name).endsWith(".inside.ts"));
  assert.ok(tests.length >= 25);
  const imports = tests.map((name) => `import "./src/${String(name)}";\n`).join("");
  const main = `${imports}export { default } from "./test/inside/main";`;
  const folder = mkdtempSync(join(tmpdir(), "kv-sync-worker-"));
  try {
    await build({
      stdin: { contents: main, resolveDir: ".", loader: "ts" },
      outfile: join(folder, "main.js"),
      bundle: true,
      format: "esm",
      target: "es2024",
      external: ["node:*", "cloudflare:*"],
      logLevel: "warning",
    });
    writeFileSync(join(folder, "vectors.json"), JSON.stringify(readVectors()));
    writeFileSync(
      join(folder, "config.capnp"),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = (
  compatibilityDate = "2026-01-01", compatibilityFlags = ["nodejs_compat"],
  modules = [(name = "main.js", esModule = embed "main.js")],
  bindings = [(name = "VECTORS", json = embed "vectors.json")]))]);\n`,
    );
    const { stdout, stderr } = await promisify(execFile)(workerdBinary, [
      "test",
      "--verbose",
      join(folder, "config.capnp"),
    ]);
    assert.match(stdout + stderr, /[1-9]\d* tests passed/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The Go side writes these files. */
const partFolder = "../testdata/parts";

function readVectors(): Vectors {
  const served = vectorsIn(vectorFolder);
  const overlay = vectorsIn(overlayFolder);
  const parted = readdirSync(partFolder).filter((name) => /^[0-9a-f]{64}\.[0-9a-f]{16}$/.test(name));
  const base64 = (name: string) => readFileSync(join(partFolder, name)).toString("base64");
  return {
    manifests: { ...served.described("", ".bin"), ...served.described("chunked", ".bin") },
    refused: served.named("refused", ".bin"),
    indexes: served.described("chunked", ".index"),
    refusedIndexes: served.named("chunked/refused", ".index"),
    overlays: overlay.described("", ".bin"),
    refusedOverlays: overlay.named("refused", ".bin"),
    parted: {
      root: base64("root.bin"),
      parts: Object.fromEntries(parted.map((name) => [name, base64(name)])),
      lookups: readFileSync(join(partFolder, "lookups.json"), "utf8"),
    },
    stored: vectorsIn("../testdata/stored").named("", ".bin"),
    mutated: readFileSync("../testdata/stored/mutated.json", "utf8"),
    routings: readFileSync("../testdata/routing/cases.json", "utf8"),
    redirected: readFileSync("../testdata/redirected/cases.json", "utf8"),
  };
}

/** Returns functions that read the vectors below a folder, with or without their descriptions. */
function vectorsIn(root: string) {
  const read = (name: string) => readFileSync(join(root, name));
  const names = (folder: string, suffix: string) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(suffix))
      .map((name) => join(folder, name.slice(0, -suffix.length)));
  return {
    described: (folder: string, suffix: string) =>
      Object.fromEntries(
        names(folder, suffix).map((name) => [
          name,
          { json: read(`${name}.json`).toString(), bin: read(name + suffix).toString("base64") },
        ]),
      ),
    named: (folder: string, suffix: string) =>
      Object.fromEntries(names(folder, suffix).map((name) => [name, read(name + suffix).toString("base64")])),
  };
}
