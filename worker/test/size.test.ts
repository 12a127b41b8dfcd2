// What every version of a site carries, beside its manifest.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { bundle } from "./platform";

test("the default Worker is at most 12 KB, minified and compressed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kv-sync-worker-"));
  try {
    const served = join(folder, "served.js");
    await bundle("src/default.ts", served);
    const bytes = gzipSync(readFileSync(served), { level: 9 }).length;
    console.log(`${bytes} bytes`);
    assert.ok(bytes <= 12_000, `${bytes} bytes`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
