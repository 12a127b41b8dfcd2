// Tests the limits and the garbage collection of an overlay's Durable Object.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import type { OverlayChange } from "../../format/overlay_entry";
import {
  alarm,
  at,
  change,
  commit,
  content,
  hour,
  look,
  nonce,
  object,
  refused,
  site,
  store,
  stored,
  world,
} from "./object";
import { until } from "./world";

describe("a limit of an overlay", () => {
  it("is enforced, and the error has the reason", async () => {
    const of = (more: object) => change("/a", "a", { content: content("a", more) as OverlayChange["content"] });
    const cases: [OverlayChange[], RegExp][] = [
      [[], /TypeError: .*there are no changes/],
      [Array.from({ length: 1001 }, (_, i) => change(`/${i}`, "x")), /RangeError: .*1001 changes, the limit is 1000/],
      [[change("/a", "1"), change("/a", undefined)], /\/a is changed twice/],
      [[change("/a", "a", { nonce: nonce(12 * hour + 5_000) })], /older than 12 hours; send it again/],
      [[change("/a", "a", { nonce: nonce(-2 * hour) })], /in the future/],
      [[change("/a", "a", { nonce: "x" })], /invalid nonce/],
      [[change("a", "a")], /begin with a slash/],
      [[change(`/${"ü".repeat(512)}`, "a")], /at most 1024 bytes/],
      [[change("/a", "a", { deployed: "x" })], /invalid hash of the deployed asset/],
      [[of({ hash: "x" })], /invalid hash/],
      [[of({ size: -1 })], /invalid size/],
      [[of({ size: 4 * 2 ** 30 })], /4 GiB or more/],
      [[of({ type: "x".repeat(256) })], /longer than 255/],
      [[of({ headers: Array(21).fill(["a", "b"]) })], /more than 20 headers/],
      [[of({ headers: [["a", "x".repeat(2048)]] })], /2048 bytes/],
      [[of({ chunks: ["x"] })], /invalid chunk reference/],
      [[of({ chunks: [`${sha256Hex("a")}.${nonce(13 * hour)}`] })], /12 hours/],
    ];
    for (const [changes, reason] of cases) assert.match(await refused(...changes), reason);
    for (const by of [{ author: "a".repeat(201) }, { message: "a".repeat(501) }]) {
      await assert.rejects(object("commit", site, [change("/a", "a")], by), /longer than/);
    }
    assert.deepEqual(await look("/a"), [null]);
  });

  it("of 20,000 entries is enforced, and deletions free entries", async () => {
    for (let page = 0; page < 20; page++)
      await commit(...Array.from({ length: 1000 }, (_, i) => change(`/many/${page}/${i}`, "x")));
    assert.match(
      await refused(change("/one", "more")),
      /RangeError: .*more than 20000 entries; pull it into git and deploy, or delete assets/,
    );
    await commit(change("/many/0/0", undefined));
    await commit(change("/one", "more"));
    assert.equal((await world.published(site)).entries.length, 20_000);
  });

  it("of the record's size, headers and rules is enforced", async () => {
    const long = "x".repeat(1_900);
    const headed = (i: number) =>
      change(`/h/${i}`, "x", { content: content("x", { headers: [["a", long]] }) as OverlayChange["content"] });
    for (let page = 0; page < 2; page++)
      await commit(...Array.from({ length: 1000 }, (_, i) => headed(page * 1000 + i)));
    assert.match(
      await refused(...Array.from({ length: 1000 }, (_, i) => headed(2000 + i))),
      /more than 4 MiB of headers and rules/,
    );
    const rules = (count: number) => ({
      redirects: Array.from({ length: count }, (_, i) => ({ from: `/${i}`, to: "/x", status: 301 })),
    });
    const file = (path: string, count: number) =>
      change(path, "x", { content: content("x", { rules: rules(count) }) as OverlayChange["content"] });
    await commit(file("/_redirects", 2000));
    assert.match(await refused(file("/a/_redirects", 1)), /more than 2000 redirects/);
    await commit(file("/_redirects", 1));
    await commit(file("/a/_redirects", 1));
  });
});

describe("the garbage of an overlay", () => {
  const old = () => nonce(25 * hour);
  /** Waits until the alarm has published, and has set the next alarm, which collects garbage. */
  const published = async () => {
    await world.published(site);
    await until(
      async () => ((await object<number | null>("alarmAt")) ?? 0) > Date.now() + hour,
      "the end of the alarm",
    );
  };

  it("is deleted if it is unreferenced and one day old", async () => {
    const [kept, replaced, chunked] = [change("/a", "a"), change("/b", "b"), change("/c", "c")];
    const chunk = `${sha256Hex("chunk")}.${nonce()}`;
    chunked.content!.chunks = [chunk];
    for (const one of [kept, replaced, chunked]) store(one);
    world.platform.kv.values.set(`${site}/o/b/${chunk}`, Buffer.from("x"));
    await commit(kept, replaced, chunked);
    store({ ...change("/", "orphan"), nonce: old() });
    world.platform.kv.values.set(`${site}/o/b/${sha256Hex("young")}.${nonce(-30 * hour)}`, Buffer.from("x"));
    world.platform.kv.values.set(`${site}/o/b/what`, Buffer.from("x"));
    world.platform.kv.values.set(`${site}/b/${sha256Hex("deployed")}.${old()}`, Buffer.from("x"));
    await published();

    await at(24 * hour + 1_000);
    await alarm();
    assert.equal(stored(), 6, "only the orphan is deleted: nothing was replaced a day ago");
    await at(30 * hour);
    await commit(
      change("/b", "newer", { nonce: nonce(-30 * hour) }),
      change("/c", undefined, { nonce: nonce(-30 * hour) }),
    );
    await published();
    await at(49 * hour);
    await alarm();
    assert.equal(stored(), 6, "a reader may still have a manifest with the replaced blobs");
    await at(74 * hour);
    await alarm();
    assert.deepEqual(
      world
        .blobs(site)
        .map((key) => key.split("/").at(-1))
        .sort(),
      [`${sha256Hex("a")}.${kept.nonce}`, "what"].sort(),
    );
    assert.ok(
      [...world.platform.kv.values.keys()].some((key) => key.startsWith(`${site}/b/`)),
      "blobs of the deployed site are not deleted",
    );
  });

  it("is only collected after a publication and with a complete listing", async () => {
    await commit(change("/a", "a"));
    await published();
    store({ ...change("/", "orphan"), nonce: old() });
    const due = () => object("query", `UPDATE state SET state = json_set(state, '$.collectAt', 0, '$.publishAt', 0)`);
    for (const page of [
      undefined,
      { keys: null },
      { keys: [{ name: `${site}/o/b/${sha256Hex("orphan")}.${old()}` }], list_complete: false },
    ]) {
      world.platform.kv.listing = () => page;
      await at(25 * hour);
      await due();
      await alarm();
      assert.equal(stored(), 1);
    }
    world.platform.kv.listing = (page) => page;
    world.platform.kv.refuse = (key) => (key.endsWith("/o/record") ? 500 : undefined);
    await commit(change("/b", "b", { nonce: nonce(-25 * hour) }));
    await due();
    await alarm();
    assert.equal(stored(), 1, "the manifest in KV may refer to it");
    world.platform.kv.reset();
    await due();
    await alarm();
    await until(() => stored() === 0, "the deletion of the orphan");
  });

  it("is deleted in parts", async () => {
    await commit(change("/a", "a"));
    await published();
    for (let i = 0; i < 1_300; i++) store({ ...change("/", `orphan ${i}`), nonce: old() });
    await at(25 * hour);
    for (const left of [800, 300, 0]) {
      await alarm();
      assert.equal(stored(), left);
      await object("query", `UPDATE state SET state = json_set(state, '$.collectAt', 0, '$.publishAt', 0)`);
    }
  });

  it("is collected later if KV fails", async () => {
    await commit(change("/a", "a"));
    await published();
    world.platform.kv.refuse = () => 500;
    await at(25 * hour);
    const before = Date.now();
    const next = await alarm();
    assert.ok(next >= before + 1_000 && next <= Date.now() + 1_000, `${next - before}`);
  });

  it("is collected once a day, after a publication that repairs KV", async () => {
    await commit(change("/a", "a"));
    await published();
    const next = (await object<number>("alarmAt")) - Date.now();
    assert.ok(next > 23 * hour && next <= 24 * hour, `${next}`);
    world.platform.kv.values.delete(`${site}/o/current`);
    await at(25 * hour);
    await alarm();
    assert.ok(world.platform.kv.values.has(`${site}/o/current`));
  });
});
