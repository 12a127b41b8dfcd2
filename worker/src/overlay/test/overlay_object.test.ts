// The Durable Object of an overlay: what it promises when workerd is killed, KV
// fails and its tables fill up.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { CommitResult, OverlayChange, OverlayEntry } from "../../format/overlay_entry";
import { sha256Hex } from "../../../test/encode";
import { hangLimit, until, World } from "./world";

let world: World;
/** Each test has a site of its own. */
let site = "s0";
let made = 0;
const hour = 3_600_000;

before(async () => void (world = await World.start()));
after(() => world.platform.stop());
beforeEach(async () => {
  world.platform.kv.reset();
  site = `s${++made}`;
  await at(0);
});

const nonce = (ago = 0) =>
  Math.floor((Date.now() - ago) / 1000)
    .toString(16)
    .padStart(8, "0") + (++made).toString(16).padStart(8, "0");
const content = (text: string, more: object = {}) => ({
  hash: sha256Hex(text),
  size: text.length,
  type: "text/plain",
  chunks: undefined,
  headers: [],
  rules: undefined,
  ...more,
});
const change = (path: string, text: string | undefined, more: Partial<OverlayChange> = {}): OverlayChange => ({
  path,
  nonce: nonce(),
  content: text === undefined ? undefined : content(text),
  deployed: null,
  onlyIf: undefined,
  ...more,
});
const object = <T>(method: string, ...args: unknown[]) => world.object<T>(method, args, { name: site });
const commit = (...changes: OverlayChange[]) => object<CommitResult>("commit", site, changes, {});
const refused = async (...changes: OverlayChange[]) => {
  const error = await commit(...changes).then(
    () => assert.fail("it was taken"),
    (error: Error) => error,
  );
  return `${error.name}: ${error.message}`;
};
const look = async (...paths: string[]) =>
  (await object<(OverlayEntry | null)[]>("look", site, paths)).map(
    (entry) => entry && (entry.content?.hash ?? "tombstone"),
  );
const at = (ahead: number) => world.object("look", [site, []], { name: site, ahead });
const alarm = () => object<number>("ring");
const store = ({ nonce, content }: OverlayChange) =>
  world.platform.kv.values.set(`${site}/o/b/${content!.hash}.${nonce}`, Buffer.from("x"));
const stored = () => world.blobs(site).length;

describe("what is committed", () => {
  it("survives a kill, and is published by who comes next", async () => {
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
    await until(() => world.record(site)?.revision === 1, "the publication, though nobody asked the object");
    assert.deepEqual(await look("/a", "/b", "/c"), [sha256Hex("a"), sha256Hex("b"), null]);
  });

  it("is published though the process ends in the middle of it", async () => {
    let begun = 0;
    world.platform.kv.refuse = (key) => {
      if (key === `${site}/o/record`) begun++;
      return undefined;
    };
    world.platform.kv.hold = (key) =>
      key === `${site}/o/record` && begun === 0 ? new Promise(() => begun++) : undefined;
    await commit(change("/a", "a"));
    await until(() => begun > 0, "the publication");
    assert.notEqual(await object("alarmAt"), null, "where no call wakes the object again, an alarm does");
    await world.platform.kill();
    assert.equal(world.record(site), undefined);
    assert.ok(world.platform.kv.values.has(`${site}/o/current`), "the manifest was first");
    await world.platform.restart();
    await world.published(site);
  });

  it("is published while KV fails again and again, later and later, and whatever else is written", async () => {
    let tries = 0;
    world.platform.kv.refuse = (key) => (key.endsWith("/o/record") && ++tries < 3 ? 503 : undefined);
    await commit(change("/a", "a"));
    await until(() => tries >= 1, "a try");
    await commit(change("/b", "b"));
    const record = await world.published(site);
    assert.deepEqual([record.revision, record.entries.length, tries], [2, 2, 3]);
  });

  it("is in KV at most once in a second, and the last of it for certain", async () => {
    const times: number[] = [];
    world.platform.kv.refuse = (key) => void (key === `${site}/o/current` && times.push(Date.now()));
    for (let commits = 0; commits <= 20 || times.length < 3; commits++) await commit(change("/a", String(made)));
    const { entries } = await world.published(site);
    assert.equal(entries[0]!["hash"], (await look("/a"))[0]);
    // A publication ends after it was seen here, and the next begins a second after that.
    for (const [i, time] of times.entries())
      if (i > 0) assert.ok(time - times[i - 1]! >= 1_000, `${time - times[i - 1]!} ms`);
  });

  /** Has KV answer no publication before release is called. */
  const holdPublication = () => {
    let release!: () => void;
    let arrived = false;
    const released = new Promise<void>((resolve) => (release = resolve));
    world.platform.kv.hold = (key) => (key.endsWith("/o/current") ? ((arrived = true), released) : undefined);
    return { release, begun: () => until(() => arrived, "the publication") };
  };

  it("answers without waiting for KV", { timeout: hangLimit }, async () => {
    const { release, begun } = holdPublication();
    await commit(change("/a", "a"));
    await begun();
    await commit(change("/b", "b"));
    release();
    assert.equal((await world.published(site)).entries.length, 2, "what came while it was published is published too");
  });

  it("puts no alarm off by the commits that come, however many", async () => {
    const { release, begun } = holdPublication();
    await commit(change("/a", "a"));
    await begun();
    const alarms: number[] = [];
    for (let i = 0; i < 3; i++) {
      await commit(change("/a", `a${i}`));
      alarms.push(await object<number>("alarmAt"));
      for (const now = Date.now(); Date.now() === now; ) await look("/a"); // the clock moves on
    }
    assert.deepEqual(alarms, Array(3).fill(alarms[0]));
    release();
    await world.published(site);
  });

  it("is made once, however often it is sent", async () => {
    const [first, removal] = [
      change("/a", "a", { onlyIf: { isNot: ["*"] } }),
      change("/b", undefined, { onlyIf: { is: ["*"] } }),
    ];
    await commit(change("/b", "b"));
    for (let i = 0; i < 2; i++) assert.deepEqual(await commit(first).then(({ ok }) => ok), true);
    for (let i = 0; i < 2; i++) assert.deepEqual(await commit(removal).then(({ ok }) => ok), true);
    assert.deepEqual([await look("/a", "/b"), (await world.published(site)).revision], [[sha256Hex("a"), null], 3]);
  });

  it("is not taken for another whose nonce is the same by chance", async () => {
    const one = change("/a", "a");
    await commit(one);
    await commit(change("/b", "b", { nonce: one.nonce }));
    await commit(change("/a", undefined, { deployed: sha256Hex("a") }));
    assert.deepEqual(await look("/a", "/b"), ["tombstone", sha256Hex("b")]);
  });

  it("is all or nothing", async () => {
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

  it("judges conditions by its own entry, else by what is deployed", async () => {
    const deployed = sha256Hex("deployed");
    const can = async (onlyIf: object, path = "/a") => (await commit(change(path, undefined, { deployed, onlyIf }))).ok;
    assert.equal(await can({ is: [deployed] }, "/x"), true);
    await commit(change("/a", "a", { deployed }));
    assert.deepEqual(
      [await can({ is: [deployed] }), await can({ isNot: ["*"] }), await can({ is: ["*"], isNot: [deployed] })],
      [false, false, true],
    );
    assert.deepEqual([await can({ is: ["*"] }), await can({ isNot: ["*"] })], [false, true], "a tombstone is nothing");
  });

  it("is read as a manifest, when it is another than is known", async () => {
    const { revision } = (await commit(change("/a", "a"))) as { revision: number };
    const read = await object<{ revision: number; manifest: number[] }>("read", site, undefined);
    assert.deepEqual([read.revision, Buffer.from(read.manifest.slice(0, 4)).toString()], [revision, "KVSM"]);
    assert.equal(await object("read", site, revision), null);
  });
});

describe("what is adopted", () => {
  const minute = 60_000;
  const adopted = ({ path, nonce }: OverlayChange) => ({ path, nonce });
  const drop = (...changes: OverlayChange[]) => object("drop", site, changes.map(adopted));
  /** Brings the time when what is dropped now goes, and waits for the publication. */
  const later = async () => {
    await at(5 * minute + 1_000);
    await alarm();
    return (await world.published(site)).entries.map(({ path }) => path);
  };

  it("is dropped five minutes later, unless it was written anew", async () => {
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
    assert.equal((await world.published(site)).revision, revision + 2, "nothing to drop is nothing new");
  });

  it("is dropped though the process ends in between", async () => {
    const a = change("/a", "a");
    await commit(a);
    await drop(a);
    await world.published(site);
    await object("query", `UPDATE drops SET due = ${Date.now()}`);
    await world.platform.kill();
    await world.platform.restart();
    await look("/b");
    await until(() => world.record(site)?.entries.length === 0, "the entry's end");
  });

  it("is not seen by a write of a version that has it, and by others is", async () => {
    const e = change("/a", "edit");
    const deployed = sha256Hex("mended after the pull");
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

  it("is deleted for every version", async () => {
    const [a, b, c] = [change("/a", "a"), change("/b", "b"), change("/c", "c")];
    await commit(a, b, c);
    await drop(a, b, c);
    // The version before has nothing deployed there; the one that is live has what it adopted, or has deleted it.
    await commit(change("/a", undefined, { deployed: null }));
    await commit(change("/b", undefined, { deployed: sha256Hex("b"), adopted: b.nonce }));
    await commit(change("/c", undefined, { deployed: null, adopted: c.nonce }), change("/d", "d"));
    assert.deepEqual(await look("/a", "/b", "/c"), ["tombstone", "tombstone", sha256Hex("c")]);
    assert.deepEqual(await later(), ["/a", "/b", "/d"]);
  });
});

describe("a limit", () => {
  it("is told with a reason", async () => {
    const of = (more: object) => change("/a", "a", { content: content("a", more) as OverlayChange["content"] });
    const cases: [OverlayChange[], RegExp][] = [
      [[], /TypeError: .*there is no change/],
      [Array.from({ length: 1001 }, (_, i) => change(`/${i}`, "x")), /RangeError: .*1001 changes are too many/],
      [[change("/a", "1"), change("/a", undefined)], /\/a is changed twice/],
      [[change("/a", "a", { nonce: nonce(12 * hour + 5_000) })], /sent more than 12 hours ago; send it again/],
      [[change("/a", "a", { nonce: nonce(-2 * hour) })], /of the future/],
      [[change("/a", "a", { nonce: "x" })], /no nonce/],
      [[change("a", "a")], /begin with a slash/],
      [[change(`/${"ü".repeat(512)}`, "a")], /longer than 1024 bytes/],
      [[change("/a", "a", { deployed: "x" })], /has no hash/],
      [[of({ hash: "x" })], /has no hash/],
      [[of({ size: -1 })], /has no size/],
      [[of({ size: 4 * 2 ** 30 })], /4 GiB or more/],
      [[of({ type: "x".repeat(256) })], /longer than 255/],
      [[of({ headers: Array(21).fill(["a", "b"]) })], /more than 20 headers/],
      [[of({ headers: [["a", "x".repeat(2048)]] })], /2048 bytes/],
      [[of({ chunks: ["x"] })], /not hash\.nonce/],
      [[of({ chunks: [`${sha256Hex("a")}.${nonce(13 * hour)}`] })], /12 hours/],
    ];
    for (const [changes, reason] of cases) assert.match(await refused(...changes), reason);
    for (const by of [{ author: "a".repeat(201) }, { message: "a".repeat(501) }]) {
      await assert.rejects(object("commit", site, [change("/a", "a")], by), /longer than/);
    }
    assert.deepEqual(await look("/a"), [null]);
  });

  it("of 20,000 entries holds, and what is deleted makes room", async () => {
    for (let page = 0; page < 20; page++)
      await commit(...Array.from({ length: 1000 }, (_, i) => change(`/many/${page}/${i}`, "x")));
    assert.match(
      await refused(change("/one", "more")),
      /RangeError: .*more than 20000 entries; pull it into git and deploy, or delete from it/,
    );
    await commit(change("/many/0/0", undefined));
    await commit(change("/one", "more"));
    assert.equal((await world.published(site)).entries.length, 20_000);
  });

  it("of the record's size, headers and rules holds", async () => {
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

describe("garbage", () => {
  const old = () => nonce(25 * hour);
  /** Waits until the alarm that publishes has ended, too: it sets the next one, which comes to collect. */
  const published = async () => {
    await world.published(site);
    await until(
      async () => ((await object<number | null>("alarmAt")) ?? 0) > Date.now() + hour,
      "the end of the alarm",
    );
  };

  it("is deleted when nobody names it and it is a day old, and nothing else", async () => {
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
    assert.equal(stored(), 6, "the orphan alone is gone: of what is replaced nothing is a day ago");
    await at(30 * hour);
    await commit(
      change("/b", "newer", { nonce: nonce(-30 * hour) }),
      change("/c", undefined, { nonce: nonce(-30 * hour) }),
    );
    await published();
    await at(49 * hour);
    await alarm();
    assert.equal(stored(), 6, "a reader may still have the manifest that names it");
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
      "what is deployed is not the overlay's",
    );
  });

  it("waits for a publication, and for a listing that is whole", async () => {
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
    assert.equal(stored(), 1, "what KV shows may name it");
    world.platform.kv.reset();
    await due();
    await alarm();
    await until(() => stored() === 0, "the end of the orphan");
  });

  it("is deleted a part at a time", async () => {
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

  it("waits, where KV fails, as the publication does", async () => {
    await commit(change("/a", "a"));
    await published();
    world.platform.kv.refuse = () => 500;
    await at(25 * hour);
    const before = Date.now();
    const next = await alarm();
    assert.ok(next >= before + 1_000 && next <= Date.now() + 1_000, `${next - before}`);
  });

  it("is looked for once a day, and then what KV lost is published again", async () => {
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
