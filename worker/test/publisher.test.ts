// Tests two parts of the publisher example: simultaneous publishing, and the limits of failed logins.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Logins } from "../../examples/publisher/src/attempts";
import { backOff } from "../../examples/publisher/src/back_off";
import { Pages } from "../../examples/publisher/src/pages";
import type { AssetChange, PublishResult, ReadWriteAssets } from "../src/overlay/read_write_assets";

/** Returns a generator of pseudo-random numbers from 0 to 1. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A fake clock. When all participants sleep, it advances to the time at which the next one wakes. */
class Clock {
  now = 0;
  #awake: number;
  readonly #sleepers: { until: number; wake: () => void }[] = [];

  constructor(participants: number) {
    this.#awake = participants;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ until: this.now + ms, wake });
      this.leave();
    });
  }

  /** Call it when a participant ends. */
  leave(): void {
    if (--this.#awake > 0 || this.#sleepers.length === 0) return;
    this.#sleepers.sort((a, b) => a.until - b.until);
    const { until, wake } = this.#sleepers.shift()!;
    this.now = until;
    this.#awake++;
    wake();
  }
}

/** Fake assets with the conditions of an overlay. Each call takes 20 to 220 milliseconds of the fake clock. */
function slowAssets(clock: Clock, random: () => number): ReadWriteAssets {
  const values = new Map<string, { etag: string; body: string }>();
  const latency = () => clock.sleep(20 + random() * 200);
  let writes = 0;
  return {
    async get(path: string) {
      await latency();
      return values.get(path) ?? null;
    },
    async publish(changes: AssetChange[]): Promise<PublishResult> {
      await latency();
      const failed = changes.findIndex(({ onlyIf, ...change }) => {
        const etag = values.get("put" in change ? change.put : change.delete)?.etag;
        if (onlyIf?.etagDoesNotMatch !== undefined) return etag !== undefined;
        return onlyIf?.etagMatches !== undefined && onlyIf.etagMatches !== etag;
      });
      if (failed >= 0) return { ok: false, failed, path: "", current: null };
      for (const change of changes)
        if ("put" in change) values.set(change.put, { etag: `${++writes}`, body: change.body as string });
      return { ok: true, assets: [] };
    },
  } as unknown as ReadWriteAssets;
}

test("all editors succeed if they publish at the same time", async () => {
  for (const [editors, limit] of [
    [9, 15_000],
    [20, 30_000],
  ] as const) {
    for (let seed = 1; seed <= 5; seed++) {
      const random = seeded(seed);
      const clock = new Clock(editors);
      const assets = slowAssets(clock, random);
      const pages = new Pages(assets, (ms) => clock.sleep(ms), random);
      const outcomes = Array.from({ length: editors }, (_, i) =>
        pages
          .publish(`page-${i}`, { title: `Page ${i}`, body: "text" }, null, `Editor ${i}`)
          .then(
            ({ ok }) => ok,
            () => false,
          )
          .finally(() => clock.leave()),
      );
      const published = (await Promise.all(outcomes)).filter(Boolean).length;
      assert.equal(published, editors, `seed ${seed}`);
      assert.ok(clock.now < limit, `seed ${seed}: ${clock.now} ms`);
    }
  }
});

test("the maximum wait grows up to a limit, and the wait is a random part of it", () => {
  assert.deepEqual(
    [1, 2, 3, 9].map((failed) => backOff(failed, () => 0.5)),
    [50, 100, 200, 1_500],
  );
  assert.equal(
    backOff(9, () => 0),
    0,
  );
});

test("wrong passwords for a name lock out that name, and no others from the same address", () => {
  const logins = new Logins({ ofName: 5, ofAddress: 12 }, 1_000);
  const tries = (count: number, address: string, name: string, now: number) =>
    Array.from({ length: count }, () => logins.take(address, name, now)).filter(Boolean).length;
  assert.equal(tries(8, "192.0.2.1", "Eve", 0), 5);
  assert.equal(tries(1, "192.0.2.1", " EVE".trim(), 0), 0, "upper and lower case do not matter");
  assert.equal(tries(1, "192.0.2.1", "Ada", 0), 1);
  assert.equal(tries(1, "192.0.2.2", "Eve", 0), 1, "the name is not locked out at another address");
  assert.equal(tries(9, "192.0.2.1", "Bob", 0), 2, "an address has a limit, because an attacker can try many names");
  assert.equal(tries(1, "192.0.2.1", "Eve", 1_000), 1, "the lock-out ends");
  logins.forget("192.0.2.1", "Eve");
  assert.equal(tries(6, "192.0.2.1", "Eve", 1_000), 5);
});
