import assert from "node:assert/strict";
import * as dynamic from "../../src/dynamic";
import { LRU } from "../../src/lru";
import { writeAll } from "../../src/kv_write";
import { test } from "./harness";

test("fetch is all that customers can call of an asset binding", () => {
  for (const binding of [dynamic.AssetBinding, dynamic.assetBinding({ kv: () => undefined as never })]) {
    const names: PropertyKey[] = [];
    // Up to WorkerEntrypoint, which is the platform's.
    for (let at = binding.prototype as object; at.constructor.name !== "WorkerEntrypoint"; at = Object.getPrototypeOf(at) as object) names.push(...Reflect.ownKeys(at));
    assert.deepEqual(names, ["constructor", "fetch"]);
  }
});

test("the least recently used goes first, and the newest stays", () => {
  const lru = new LRU<number>(10);
  lru.set("a", 1, 4);
  lru.set("b", 2, 4);
  assert.equal(lru.get("a"), 1);
  lru.set("c", 3, 4);
  assert.deepEqual(["a", "b", "c"].map((key) => lru.get(key)), [1, undefined, 3]);
  lru.set("c", 4, 6);
  assert.deepEqual([lru.get("a"), lru.get("c")], [1, 4]);
  lru.set("huge", 5, 100);
  assert.deepEqual(["a", "c", "huge"].map((key) => lru.get(key)), [undefined, undefined, 5]);
  lru.set("d", 6, 1);
  assert.deepEqual(["huge", "d"].map((key) => lru.get(key)), [undefined, 6]);
});

test("writes go side by side, six at most, and none begins after a failure", async () => {
  let open = 0;
  let most = 0;
  const done: number[] = [];
  const write = async (i: number) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 1));
    open--;
    if (i === 13) throw new Error("13");
    done.push(i);
  };
  await writeAll(Array.from({ length: 12 }, (_, i) => i), write);
  assert.deepEqual([most, done.length], [6, 12]);
  await assert.rejects(writeAll(Array.from({ length: 100 }, (_, i) => i), write), /13/);
  assert.equal(open, 0, "those under way are waited for");
  assert.ok(done.length < 12 + 30);
});
