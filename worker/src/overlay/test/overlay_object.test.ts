// Tests what the Durable Object of an overlay guarantees if workerd is killed or KV fails.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import type { OverlayChange } from "../../format/overlay_entry";
import { alarm, at, change, commit, look, made, object, refused, site, world } from "./object";
import { hangLimit, until } from "./world";

describe("a commit", () => {
  it("survives a kill, and is published by the next process", async () => {
    world.platform.kv.refuse = (key) => (key.endsWith("/o/current") ? 500 : undefined);
    await commit(change("/a", "a"), change("/b", "b"));
    await until(
      () => /cannot publish the overlay of s\d+, trying again in 1 s/.test(world.platform.log),
      "the failure",
    );
    await world.platform.kill();
    assert.equal(world.record(site), undefined);
    world.platform.kv.reset();
    await world.platform.restart();
    await until(() => world.record(site)?.revision === 1, "the publication without a call of the object");
    assert.deepEqual(await look("/a", "/b", "/c"), [sha256Hex("a"), sha256Hex("b"), null]);
  });

  it("is published if the process ends during the publication", async () => {
    let begun = 0;
    world.platform.kv.refuse = (key) => {
      if (key === `${site}/o/record`) begun++;
      return undefined;
    };
    world.platform.kv.hold = (key) =>
      key === `${site}/o/record` && begun === 0 ? new Promise(() => begun++) : undefined;
    await commit(change("/a", "a"));
    await until(() => begun > 0, "the publication");
    assert.notEqual(
      await object("alarmAt"),
      null,
      "an alarm is set, so the publication continues without another call",
    );
    await world.platform.kill();
    assert.equal(world.record(site), undefined);
    assert.ok(world.platform.kv.values.has(`${site}/o/current`), "the manifest was written before the record");
    await world.platform.restart();
    await world.published(site);
  });

  it("is published after repeated failures of KV, together with further commits", async () => {
    let tries = 0;
    world.platform.kv.refuse = (key) => (key.endsWith("/o/record") && ++tries < 3 ? 503 : undefined);
    await commit(change("/a", "a"));
    await until(() => tries >= 1, "a try");
    await commit(change("/b", "b"));
    const record = await world.published(site);
    assert.deepEqual([record.revision, record.entries.length, tries], [2, 2, 3]);
  });

  it("is published at most once per second, and the last commit is always published", async () => {
    const times: number[] = [];
    world.platform.kv.refuse = (key) => void (key === `${site}/o/current` && times.push(Date.now()));
    for (let commits = 0; commits <= 20 || times.length < 3; commits++) await commit(change("/a", String(made)));
    const { entries } = await world.published(site);
    assert.equal(entries[0]!["hash"], (await look("/a"))[0]);
    // A publication ends after the value is in KV, and the next one begins a second later.
    for (const [i, time] of times.entries())
      if (i > 0) assert.ok(time - times[i - 1]! >= 1_000, `${time - times[i - 1]!} ms`);
  });

  /** Holds the publication in KV until release is called. */
  const holdPublication = () => {
    let release!: () => void;
    let arrived = false;
    const released = new Promise<void>((resolve) => (release = resolve));
    world.platform.kv.hold = (key) => (key.endsWith("/o/current") ? ((arrived = true), released) : undefined);
    return { release, begun: () => until(() => arrived, "the publication") };
  };

  it("does not wait for KV", { timeout: hangLimit }, async () => {
    const { release, begun } = holdPublication();
    await commit(change("/a", "a"));
    await begun();
    await commit(change("/b", "b"));
    release();
    assert.equal(
      (await world.published(site)).entries.length,
      2,
      "a commit made during a publication is published by the next one",
    );
  });

  it("does not delay the alarm by further commits", async () => {
    const { release, begun } = holdPublication();
    await commit(change("/a", "a"));
    await begun();
    const alarms: number[] = [];
    for (let i = 0; i < 3; i++) {
      await commit(change("/a", `a${i}`));
      alarms.push(await object<number>("alarmAt"));
      for (const now = Date.now(); Date.now() === now; ) await look("/a"); // wait for the next millisecond
    }
    assert.deepEqual(alarms, Array(3).fill(alarms[0]));
    release();
    await world.published(site);
  });

  it("takes effect once if the same call is repeated", async () => {
    const [first, removal] = [
      change("/a", "a", { onlyIf: { isNot: ["*"] } }),
      change("/b", undefined, { onlyIf: { is: ["*"] } }),
    ];
    await commit(change("/b", "b"));
    for (let i = 0; i < 2; i++) assert.deepEqual(await commit(first).then(({ ok }) => ok), true);
    for (let i = 0; i < 2; i++) assert.deepEqual(await commit(removal).then(({ ok }) => ok), true);
    assert.deepEqual([await look("/a", "/b"), (await world.published(site)).revision], [[sha256Hex("a"), null], 3]);
  });

  it("is distinguished from another commit with the same nonce", async () => {
    const one = change("/a", "a");
    await commit(one);
    await commit(change("/b", "b", { nonce: one.nonce }));
    await commit(change("/a", undefined, { deployed: sha256Hex("a") }));
    assert.deepEqual(await look("/a", "/b"), ["tombstone", sha256Hex("b")]);
  });

  it("makes all of its changes or none", async () => {
    await commit(change("/a", "a"));
    const failed = await commit(change("/b", "b"), change("/a", "c", { onlyIf: { is: [sha256Hex("x")] } }));
    assert.deepEqual(
      [failed.ok, !failed.ok && failed.failed, !failed.ok && failed.current?.content?.hash],
      [false, 1, sha256Hex("a")],
    );
    const twice = change("/c", "c");
    await commit(twice);
    assert.match(await refused(change("/d", "d"), { ...twice, path: "/e" }), /UNIQUE constraint/);
    assert.deepEqual(await look("/a", "/b", "/d", "/e"), [sha256Hex("a"), null, null, null]);
  });

  it("checks conditions against the overlay's entry, or without one against the deployed asset", async () => {
    const deployed = sha256Hex("deployed");
    const can = async (onlyIf: object, path = "/a") => (await commit(change(path, undefined, { deployed, onlyIf }))).ok;
    assert.equal(await can({ is: [deployed] }, "/x"), true);
    await commit(change("/a", "a", { deployed }));
    assert.deepEqual(
      [await can({ is: [deployed] }), await can({ isNot: ["*"] }), await can({ is: ["*"], isNot: [deployed] })],
      [false, false, true],
    );
    assert.deepEqual(
      [await can({ is: ["*"] }), await can({ isNot: ["*"] })],
      [false, true],
      "a tombstone counts as no asset",
    );
  });

  it("is returned as a manifest, unless the caller knows its revision", async () => {
    const { revision } = (await commit(change("/a", "a"))) as { revision: number };
    const read = await object<{ revision: number; manifest: number[] }>("read", site, undefined);
    assert.deepEqual([read.revision, Buffer.from(read.manifest.slice(0, 4)).toString()], [revision, "KVSM"]);
    assert.equal(await object("read", site, revision), null);
  });
});

describe("an adopted write", () => {
  const minute = 60_000;
  const adopted = ({ path, nonce }: OverlayChange) => ({ path, nonce });
  const drop = (...changes: OverlayChange[]) => object("drop", site, changes.map(adopted));
  /** Advances the clock until the removal is due, and waits for the publication. */
  const later = async () => {
    await at(5 * minute + 1_000);
    await alarm();
    return (await world.published(site)).entries.map(({ path }) => path);
  };

  it("is dropped after five minutes, unless it was overwritten", async () => {
    const [a, b, c] = [change("/a", "a"), change("/b", "b"), change("/c", "c")];
    await commit(a, b, c);
    await commit(change("/b", "newer"));
    const { revision } = await world.published(site);
    const dropped = Date.now();
    await drop(a, b, c, change("/none", "none"));
    await at(minute);
    await drop(a); // another isolate
    await commit(change("/c", "newer"));
    await alarm();
    assert.deepEqual(await look("/a", "/b", "/c"), [sha256Hex("a"), sha256Hex("newer"), sha256Hex("newer")]);
    const next = await object<number>("alarmAt");
    assert.ok(next >= dropped + 4 * minute && next <= Date.now() + 4 * minute, `${next - dropped}`);
    assert.deepEqual(await later(), ["/b", "/c"]);
    assert.deepEqual(await look("/a", "/b", "/c"), [null, sha256Hex("newer"), sha256Hex("newer")]);
    await drop(a);
    await alarm();
    assert.equal(
      (await world.published(site)).revision,
      revision + 2,
      "a drop without an entry does not change the revision",
    );
  });

  it("is dropped even if the process ends before", async () => {
    const a = change("/a", "a");
    await commit(a);
    await drop(a);
    await world.published(site);
    await object("query", `UPDATE drops SET due = ${Date.now()}`);
    await world.platform.kill();
    await world.platform.restart();
    await look("/b");
    await until(() => world.record(site)?.entries.length === 0, "the removal of the entry");
  });

  it("is hidden from a version that adopted it, and visible to others", async () => {
    const e = change("/a", "edit");
    const deployed = sha256Hex("fixed after the pull");
    await commit(e);
    await drop(e);
    const edit = sha256Hex("edit");
    const failed = async (onlyIf: object, more: object) => {
      const result = await commit(change("/a", "x", { onlyIf, ...more }));
      return !result.ok && (result.current?.content?.hash ?? null);
    };
    const knows = { deployed, adopted: e.nonce };
    assert.equal(await failed({ is: [edit] }, knows), null);
    assert.equal(await failed({ isNot: ["*"] }, knows), null);
    assert.equal(await failed({ is: [deployed] }, { deployed: null }), edit);
    assert.equal(await failed({ isNot: ["*"] }, { deployed: null }), edit);
    const old = await commit(change("/a", "old's", { deployed: null, onlyIf: { is: [edit] } }));
    assert.deepEqual(old.ok && old.entries[0]?.was, [edit, null]);

    const f = change("/f", "edit");
    await commit(f);
    await drop(f);
    const next = await commit(change("/f", "new's", { deployed, adopted: f.nonce, onlyIf: { is: [deployed] } }));
    assert.deepEqual(next.ok && next.entries[0]?.was, [deployed]);
    assert.deepEqual(await later(), ["/a", "/f"]);
  });

  it("can be deleted for all versions", async () => {
    const [a, b, c] = [change("/a", "a"), change("/b", "b"), change("/c", "c")];
    await commit(a, b, c);
    await drop(a, b, c);
    // The previous version has no asset at /a. The live version has adopted the write at /b, and has no asset at /c.
    await commit(change("/a", undefined, { deployed: null }));
    await commit(change("/b", undefined, { deployed: sha256Hex("b"), adopted: b.nonce }));
    await commit(change("/c", undefined, { deployed: null, adopted: c.nonce }), change("/d", "d"));
    assert.deepEqual(await look("/a", "/b", "/c"), ["tombstone", "tombstone", sha256Hex("c")]);
    assert.deepEqual(await later(), ["/a", "/b", "/d"]);
  });
});
