import assert from "node:assert/strict";
import type { EntryDescription } from "../../../test/encode";
import { byPath, encodePart } from "../../../test/encode_parts";
import { test } from "../../../test/inside/harness";
import { Part } from "../part";

/** Characters that sort before, as and after a slash, and some with several bytes. */
const characters = ["/", "/", "/", "-", "!", ".", "0", "a", "b", "\0", "ü", "\u{ff5e}", "\u{1f642}"];

const entry = (path: string): EntryDescription => ({
  path,
  hash: "ab".repeat(32),
  nonce: "0".repeat(16),
  size: 1,
  modified: 0,
  type: "text/html",
});

test("a search in random paths finds what a search without shortcuts finds", () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  const randomPath = () =>
    `/${Array.from({ length: random(9) }, () => characters[random(characters.length)]).join("")}`.replace(/\/+/g, "/");
  for (let round = 0; round < 60; round++) {
    const entries = [...new Set(Array.from({ length: 1 + random(60) }, randomPath))].map(entry).sort(byPath);
    const part = new Part(new Uint8Array(encodePart("files", entries).bytes), "files");
    part.checkPaths();
    const paths = entries.map(({ path }) => path);
    for (const path of [...paths, ...Array.from({ length: 100 }, randomPath), "", "/", "~", "/".repeat(20)]) {
      assert.equal(part.find(path), paths.indexOf(path), path);
      const last = entries.findLastIndex((other) => byPath(other, entry(path)) <= 0);
      assert.equal(part.searchLast(path), last, path);
    }
    assert.deepEqual(
      paths,
      Array.from({ length: part.size }, (_, i) => part.path(i)),
    );
  }
});
