import assert from "node:assert/strict";
import type { Description } from "../../../test/encode";
import { inParts } from "../../../test/encode_parts";
import { test } from "../../../test/inside/harness";
import { comparePaths } from "../../format/compare_paths";
import { Root } from "../../format/root";
import { Parted } from "../../serve/parted";
import { entry, PartStore } from "../../serve/test/part_store";
import { listFiles } from "../deployed_list";

function opened(paths: string[], perPart: number, differs: boolean): { files: Parted; kv: PartStore } {
  const manifest: Description = { site: "blog", entries: paths.map((path) => entry(path)), memory_cache: 0 };
  const kv = new PartStore();
  return { files: new Parted(new Root(kv.add(inParts(manifest, perPart, differs)))), kv };
}

/** Returns the first paths of a listing. */
async function listed(
  { files, kv }: { files: Parted; kv: PartStore },
  { prefix = "", after = "", limit = Infinity },
): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path, hash } of listFiles(files, kv.kv, prefix, after)) {
    if (paths.length >= limit) break;
    assert.equal(hash, entry(path).hash);
    paths.push(path);
  }
  return paths;
}

test("a listing of a manifest in parts is in bytewise order, from any path and with any prefix", async () => {
  let seed = 11;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  const names = ["a", "a-b", "a.c", "a0", "b", "!", "ü", "\u{ff5e}", "\u{1f642}"];
  const randomPath = () => Array.from({ length: 1 + random(4) }, () => `/${names[random(names.length)]}`).join("");
  for (let round = 0; round < 12; round++) {
    const paths = [...new Set(Array.from({ length: 1 + random(80) }, randomPath))].sort(comparePaths);
    const site = opened(paths, 1 + random(9), round % 2 === 0);
    const bounds = ["", "/", "x", ...paths, ...Array.from({ length: 10 }, randomPath), "/a/", "/a-", "/a-b/"];
    for (const after of bounds)
      for (const prefix of ["", bounds[random(bounds.length)]!, "/a", "/a/"]) {
        const expected = paths.filter((path) => path.startsWith(prefix) && comparePaths(path, after) > 0);
        assert.deepEqual(await listed(site, { prefix, after }), expected, `${prefix} after ${after}`);
      }
  }
});

test("a page of a listing reads only the parts that it needs", async () => {
  const digits = (i: number) => String(i).padStart(5, "0");
  const paths = Array.from({ length: 20_000 }, (_, i) => `/s${digits(i % 40)}/page-${digits(i)}.html`).sort(
    comparePaths,
  );
  const site = opened(paths, 500, false);
  for (const from of [0, 5_000, 19_000]) {
    site.kv.reads = [];
    const after = from === 0 ? "" : paths[from - 1]!;
    assert.deepEqual(await listed(site, { after, limit: 1000 }), paths.slice(from, from + 1000));
    const keys = site.kv.reads.map(({ key }) => key);
    assert.ok(keys.length <= 6, `${keys.length} reads`);
    assert.equal(new Set(keys).size, keys.length, "each part is read once");
  }
});
