import assert from "node:assert/strict";
import { test, withoutWaiting } from "../../../test/inside/harness";
import { write } from "../kv_write";

test("a write is retried if KV is busy or fails, and finally throws", () =>
  withoutWaiting(async () => {
    const attempts = async (reason: string, failures: number): Promise<[number, boolean]> => {
      let puts = 0;
      const kv = {
        put: async () => void (++puts <= failures && (await Promise.reject(new Error(reason)))),
      } as unknown as KVNamespace;
      const done = await write(kv, "key", "value").then(
        () => true,
        () => false,
      );
      return [puts, done];
    };
    assert.deepEqual(await attempts("KV PUT failed: 429 Too Many Requests", 5), [6, true]);
    assert.deepEqual(await attempts("KV PUT failed: 503 Service Unavailable", 20), [6, false]);
    assert.deepEqual(await attempts("KV PUT failed: 413 Payload Too Large", 1), [1, false]);
  }));
