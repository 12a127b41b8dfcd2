// `npm run measure` prints the cost of a look-up inside workerd, and the size of the served
// code. It is not a test.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { encodeManifest, sha256Hex } from "./encode";
import { bundle, workerdBinary } from "./platform";
import { nonce } from "./test_site";

const folder = mkdtempSync(join(tmpdir(), "kv-sync-worker-"));
try {
  const served = join(folder, "served.js");
  await bundle("src/default.ts", served);
  const code = readFileSync(served);
  console.log(`default Worker: ${code.length} bytes minified, ${gzipSync(code, { level: 9 }).length} compressed`);

  await build({
    entryPoints: ["test/inside/measure.ts"],
    outfile: join(folder, "main.js"),
    bundle: true,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*", "node:*"],
  });
  for (const count of [10, 100_000]) {
    writeFileSync(join(folder, `${count}.bin`), manifestOf(count));
  }
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = (
  compatibilityDate = "2026-01-01", compatibilityFlags = ["nodejs_compat"],
  modules = [(name = "main.js", esModule = embed "main.js")],
  bindings = [(name = "FEW", data = embed "10.bin"), (name = "MANY", data = embed "100000.bin")]))]);\n`,
  );
  const { stdout, stderr } = await promisify(execFile)(workerdBinary, ["test", join(folder, "config.capnp")]);
  console.log((stdout + stderr).trim());
} finally {
  rmSync(folder, { recursive: true });
}

function manifestOf(count: number): Buffer {
  const hash = sha256Hex("page");
  return encodeManifest({
    site: "measured",
    entries: Array.from({ length: count }, (_, i) => ({
      path: `/blog/2024/post-${i}.html`,
      hash,
      nonce,
      size: 4,
      modified: 0,
      type: "text/html",
    })),
  });
}
