import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { BlobCache, maxKeptBytes } from "../blob_cache";

const KiB = 1 << 10;

/** Reads a blob twice, so that it is kept. */
function keep(cache: BlobCache, site: string, name: string, size: number): void {
  assert.equal(cache.admits(`${site}/b/${name}`, size), false, `${name}: the first read`);
  assert.equal(cache.admits(`${site}/b/${name}`, size), true, `${name}: the second read`);
  cache.add(site, `${site}/b/${name}`, new ArrayBuffer(size));
}

/** Returns which of these blobs are kept. Looking at a blob makes it and its site the most recently used ones. */
function kept(cache: BlobCache, site: string, names: string): string {
  return [...names].filter((name) => cache.get(site, `${site}/b/${name}`) !== undefined).join("");
}

test("a blob is kept at its second read, if it is small", () => {
  const cache = new BlobCache({ capacity: 1 << 20 });
  keep(cache, "blog", "a", maxKeptBytes);
  assert.equal(cache.get("blog", "blog/b/a")?.byteLength, maxKeptBytes);
  for (let reads = 0; reads < 3; reads++) assert.equal(cache.admits("blog/b/large", maxKeptBytes + 1), false);
  const small = new BlobCache({ capacity: 64 * KiB });
  for (let reads = 0; reads < 3; reads++) assert.equal(small.admits("blog/b/a", 64 * KiB), false, "with its key");
  const none = new BlobCache({ capacity: 0 });
  for (let reads = 0; reads < 3; reads++) assert.equal(none.admits("blog/b/empty", 0), false);
});

test("the least recently used blobs are removed first, and a crawler removes none", () => {
  const cache = new BlobCache({ capacity: 100 * KiB });
  for (const name of "abc") keep(cache, "blog", name, 30 * KiB);
  assert.equal(kept(cache, "blog", "a"), "a");
  for (let page = 0; page < 10_000; page++) assert.equal(cache.admits(`blog/b/crawled-${page}`, 1), false);
  keep(cache, "blog", "d", 30 * KiB);
  assert.equal(kept(cache, "blog", "abcd"), "acd");
  // The cache forgets a key after 1,024 other keys.
  cache.admits("blog/b/e", 1);
  for (let page = 0; page < 1024; page++) cache.admits(`blog/b/again-${page}`, 1);
  assert.equal(cache.admits("blog/b/e", 1), false);
});

test("a site has its share, and the site that was not used for the longest time loses blobs", () => {
  const cache = new BlobCache({ capacity: 100 * KiB, share: 1 / 2 });
  for (const name of "abcd") keep(cache, "one", name, 20 * KiB);
  assert.equal(kept(cache, "one", "abcd"), "cd", "half of the capacity");
  keep(cache, "two", "a", 20 * KiB);
  keep(cache, "two", "b", 20 * KiB);
  assert.equal(kept(cache, "one", "cd"), "cd");
  keep(cache, "three", "a", 20 * KiB);
  assert.equal(kept(cache, "one", "cd") + kept(cache, "two", "ab") + kept(cache, "three", "a"), "cdba");
  keep(cache, "three", "b", 20 * KiB);
  keep(cache, "four", "a", 20 * KiB);
  assert.match(
    cache.status(true),
    new RegExp(`^kv-sync; hit; detail="\\d+ hits, \\d+ misses, \\d+ of ${100 * KiB} bytes"$`),
  );
  const bytes = Number(/(\d+) of/.exec(cache.status(false))![1]);
  assert.ok(bytes > 80 * KiB && bytes <= 100 * KiB, `${bytes} bytes`);
});

test("a blob of one site is not returned for another", () => {
  const cache = new BlobCache({ capacity: 1 << 20 });
  keep(cache, "one", "a", 1);
  assert.equal(cache.get("two", "one/b/a"), undefined);
});
