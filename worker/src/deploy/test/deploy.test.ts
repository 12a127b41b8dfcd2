import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import { base64, currentKey, deploy, mustDeploy, pages, platform, request } from "./shop";

describe("deployProject", () => {
  it("writes blobs and manifests first, and the switch last", async () => {
    await mustDeploy(pages);
    const kinds = platform.kv.writes.map((key) => key.replace("project/shop/", "").replace(/\/.*/, ""));
    assert.deepEqual(kinds, ["b", "b", "b", "b", "m", "d", "b", "b", "current"]);
    assert.equal(await request("/a.txt"), "a");
  });

  it("does not change what visitors see if any write fails", async () => {
    await mustDeploy({ ...pages, "/old.txt": "old" });
    const before = new Map(platform.kv.values);
    const changed = { ...pages, "/index.html": "new home", "/d.txt": "d", "/e.txt": "e" };
    await mustDeploy(changed, 1);
    const writes = platform.kv.writes.length - 10; // without the ten writes of the first deploy
    assert.ok(writes >= 7);
    for (let fail = 0; fail < writes; fail++) {
      platform.kv.reset(before);
      let count = 0;
      platform.kv.refuse = () => (count++ === fail ? 403 : undefined);
      const { status, error } = await deploy(changed, 1);
      assert.equal(status, 422);
      assert.match(error, /^(?:upload \/\S+: )?write project\/shop\/\S+ to KV, attempt 1: .*403/);
      assert.deepEqual(
        [await request("/"), await request("/old.txt"), await request("/d.txt")],
        ["home", "old", 404],
        `write ${fail}`,
      );
    }
    platform.kv.refuse = () => undefined;
    assert.equal((await mustDeploy(changed, 2)).noChange, false, "another run finishes the deploy");
    assert.deepEqual(
      [await request("/"), await request("/d.txt"), await request("/old.txt")],
      ["new home", "d", "old"],
    );
  });

  it("retries if KV is busy", async () => {
    platform.kv.refuse = (_, earlier) => (earlier === 0 ? 429 : undefined);
    const started = Date.now();
    await mustDeploy({ "/index.html": "home" });
    assert.ok(Date.now() - started >= 4000, "it waits before the retry");
    assert.equal(await request("/"), "home");
  });

  it("uploads all content that the active manifest does not have", async () => {
    const first = await mustDeploy(pages);
    assert.deepEqual([first.uploaded, first.unchanged, first.noChange], [4, 0, false]);
    const second = await mustDeploy({ ...pages, "/b.txt": "changed", "/copy.txt": "a" }, 1);
    assert.deepEqual([second.uploaded, second.unchanged, second.removed], [1, 3, 0]);
    platform.kv.reset();
    const third = await mustDeploy({ ...pages, "/b.txt": "b", "/copy.txt": "a" }, 2);
    assert.equal(third.uploaded, 1, "a blob of an earlier deployment is uploaded again");
    assert.ok(!platform.kv.reads.some(({ key }) => key.endsWith(first.version)));
  });

  it("does nothing if nothing changed, and reports it", async () => {
    const first = await mustDeploy(pages);
    platform.kv.reset();
    const again = await mustDeploy(pages, 5);
    assert.deepEqual(again, { ...first, uploaded: 0, unchanged: 4, noChange: true });
    assert.deepEqual(platform.kv.writes, []);
    for (const more of [
      { options: { html_handling: "none" as const } },
      { code: { main: "a", modules: { a: { js: "export default {}" } }, compatibilityDate: "2026-01-01" } },
    ]) {
      assert.equal((await mustDeploy(pages, 6, more)).noChange, false, "settings and code are changes too");
    }
  });

  it("keeps the last 100 activations", async () => {
    for (let i = 0; i < 102; i++) await mustDeploy({ "/index.html": `${i}` }, i, { options: { actor: "ada" } });
    const { activations } = JSON.parse(platform.kv.values.get(currentKey)!.toString()) as {
      activations: { id: string; author: string; message: string }[];
    };
    assert.equal(activations.length, 100);
    assert.equal(new Set(activations.map(({ id }) => id)).size, 100);
    assert.deepEqual(activations[0], { ...activations[0], author: "ada", message: `kv-sync ${activations[0]!.id}` });
  });

  it("writes nothing if another version than `after` is live", async () => {
    const first = await mustDeploy(pages);
    const second = await mustDeploy({ ...pages, "/a.txt": "2" }, 1, { options: { after: first.version } });
    const stale = await deploy({ ...pages, "/a.txt": "3" }, 2, { options: { after: first.version } });
    assert.equal(stale.name, "StaleError");
    assert.match(stale.error, new RegExp(`KV shows ${second.version} instead of ${first.version}`));
    assert.equal(await request("/a.txt"), "2");
    platform.kv.values.set(currentKey, Buffer.from("{"));
    const damaged = await deploy(pages, 3, { options: { after: second.version } });
    assert.equal(damaged.name, "ProjectError", "damaged data is a ProjectError, because waiting does not help");
  });

  it("refuses a live manifest that is missing, damaged or belongs to another site, unless repair is set", async () => {
    const { version } = await mustDeploy(pages);
    const key = [...platform.kv.values.keys()].find((key) => key.includes("/m/"))!;
    const whole = platform.kv.values.get(key)!;
    const foreign = Buffer.from(whole.toString("latin1").replace("project/shop", "project/evil"), "latin1");
    for (const damaged of [undefined, whole.subarray(0, -1), foreign]) {
      if (damaged) platform.kv.values.set(key, damaged);
      else platform.kv.values.delete(key);
      const refused = await deploy({ ...pages, "/d.txt": "d" }, 1);
      assert.match(refused.error, /deploy again with the option to repair/);
      assert.equal(JSON.parse(platform.kv.values.get(currentKey)!.toString()).activations[0].version, version);
    }
    const repaired = await mustDeploy({ ...pages, "/d.txt": "d" }, 1, { options: { repair: true } });
    assert.equal(repaired.uploaded, 5);
    assert.equal(await request("/d.txt"), "d");
  });

  it("replaces a pointer that cannot be read if repair is set, and keeps the incarnation of the keys", async () => {
    const readable = (name: string) => JSON.parse(platform.kv.values.get(name)!.toString()) as Record<string, unknown>;
    await mustDeploy(pages);
    for (const damaged of ["{", "[]", '{"format":1,"activations":[]}']) {
      platform.kv.values.set(currentKey, Buffer.from(damaged));
      assert.match((await deploy(pages, 1)).error, /cannot read its current/, damaged);
      const { uploaded } = await mustDeploy(pages, 1, { options: { repair: true } });
      assert.equal(uploaded, 4, damaged);
      assert.equal(readable(currentKey)["incarnation"], undefined, damaged);
      assert.equal(await request("/"), pages["/index.html"], damaged);
    }

    platform.kv.values.set("project/shop@6890000000000000/b/x", Buffer.from("x"));
    platform.kv.values.set(currentKey, Buffer.from("{"));
    await mustDeploy(pages, 2, { options: { repair: true } });
    assert.equal(readable(currentKey)["incarnation"], "6890000000000000");

    platform.kv.values.clear();
    platform.kv.values.set(currentKey, Buffer.from("{"));
    await mustDeploy(pages, 3, { options: { repair: true } });
    assert.match(String(readable(currentKey)["incarnation"]), /^[0-9a-f]{16}$/);

    platform.kv.values.set(currentKey, Buffer.from('{"format":9}'));
    assert.match((await deploy(pages, 4, { options: { repair: true } })).error, /update kv-sync/);
    assert.equal(readable(currentKey)["format"], 9, "a pointer of a newer kv-sync stays");
  });

  it("keeps removed files reachable while a deployment with them is retained", async () => {
    const options = { retain: 3, grace: 3600 };
    await mustDeploy({ ...pages, "/old.txt": "old" }, 0, { options });
    for (const [hour, reachable] of [
      [1, "old"],
      [2, "old"],
      [4, 404],
    ] as const) {
      await mustDeploy({ ...pages, "/n.txt": `${hour}` }, hour, { options });
      assert.equal(await request("/old.txt"), reachable, `hour ${hour}`);
    }
  });

  it("after a rollback, keeps the files of the deployment that was live before, and no older ones", async () => {
    const options = { retain: 2, grace: 0 };
    await mustDeploy({ ...pages, "/early.txt": "early" }, 0, { options });
    await mustDeploy(pages, 1, { options });
    await mustDeploy({ ...pages, "/late.txt": "late" }, 2, { options });
    const current = JSON.parse(platform.kv.values.get(currentKey)!.toString()) as {
      activations: { id: string; version: string; message: string; time: string }[];
      version: unknown;
    };
    const target = current.activations[1]!;
    const version = platform.kv.values.get(`project/shop/b/${target.version}`)!.toString();
    const activations = [{ ...target, id: "rollback-1", message: `Rollback to ${target.id}` }, ...current.activations];
    platform.kv.values.set(
      currentKey,
      Buffer.from(`{"format":1,"activations":${JSON.stringify(activations)},"version":${version}}`),
    );
    assert.equal(await request("/late.txt"), 404);
    await mustDeploy({ ...pages, "/new.txt": "new" }, 3);
    assert.deepEqual(
      [await request("/late.txt"), await request("/new.txt"), await request("/early.txt")],
      ["late", "new", 404],
    );
  });

  it("writes only keys of its project", async () => {
    platform.kv.values.set("project/shop-2/current", Buffer.from("{}"));
    platform.kv.values.set("shop/d/1", Buffer.from("a site"));
    await mustDeploy(pages);
    assert.ok(
      [...platform.kv.writes, ...platform.kv.reads.map(({ key }) => key)].every((key) =>
        key.startsWith("project/shop/"),
      ),
    );
  });

  it("stops if the uploads took so long that a prune may have deleted them", async () => {
    platform.kv.refuse = (key, earlier) => (key.includes("/d/") && earlier < 2 ? 503 : undefined);
    const body = {
      project: "shop",
      random: "00c0ffee",
      files: { "/index.html": base64("home") },
      options: { grace: 4 },
    };
    const reply = await platform.request("upload", "/", { method: "POST", body: JSON.stringify(body) });
    assert.equal(reply.status, 422);
    assert.match(reply.body, /took longer than half the grace period/);
    assert.ok(!platform.kv.values.has(currentKey));
  });
});

describe("deployProject with an overlay", () => {
  const record = (entries: object[], more: object = {}) =>
    platform.kv.values.set(
      "project/shop/o/record",
      Buffer.from(JSON.stringify({ format: 1, site: "project/shop", revision: 3, entries, ...more })),
    );
  const nonce = "0123456789abcdef";
  /** The overlay members of the active manifest, served and stored. */
  const overlayMembers = () => {
    const { served, kv_sync } = (
      JSON.parse(platform.kv.values.get(currentKey)!.toString()) as {
        version: { served: string; kv_sync: { manifest: string } };
      }
    ).version;
    const meta = platform.kv.values.get(`project/shop/b/${served}`)!.toString("latin1");
    const { overlay, adopted } = JSON.parse(meta.slice(meta.lastIndexOf('{"site"'))) as {
      overlay?: boolean;
      adopted?: Record<string, string>;
    };
    const stored = platform.kv.values.get(`project/shop/m/${kv_sync.manifest}`)!.toString("latin1");
    assert.equal(stored.includes('"overlay":true'), overlay === true);
    assert.ok(stored.includes(adopted ? `"adopted":${JSON.stringify(adopted)}` : '"serving"'));
    return { overlay, adopted };
  };

  it("keeps the overlay unless the option changes it", async () => {
    await mustDeploy(pages, 0, { options: { overlay: true } });
    assert.deepEqual(overlayMembers(), { overlay: true, adopted: undefined });
    assert.equal((await mustDeploy(pages, 1)).noChange, true);
    await mustDeploy({ ...pages, "/d.txt": "d" }, 2);
    assert.deepEqual(overlayMembers(), { overlay: true, adopted: undefined });
    assert.equal((await mustDeploy({ ...pages, "/d.txt": "d" }, 3, { options: { overlay: false } })).noChange, false);
    assert.deepEqual(overlayMembers(), { overlay: undefined, adopted: undefined });
    platform.kv.reset();
    await mustDeploy({ ...pages, "/d.txt": "dd" }, 4);
    assert.deepEqual(overlayMembers(), { overlay: undefined, adopted: undefined });
    assert.ok(
      !platform.kv.reads.some(({ key }) => key.includes("/o/")),
      "a project without an overlay reads no key of it",
    );
  });

  it("adopts the writes that equal its files, and keeps the others", async () => {
    await mustDeploy(pages, 0, { options: { overlay: true } });
    const hash = sha256Hex("written");
    const type = "text/plain; charset=utf-8";
    record([
      { path: "/a.txt", nonce, hash, size: 7, type },
      { path: "/b.txt", nonce },
      { path: "/n.txt", nonce, hash, size: 7, type, headers: [["x-a", "b"]] },
    ]);
    await mustDeploy({ ...pages, "/a.txt": "written", "/n.txt": "written" }, 1);
    assert.deepEqual(overlayMembers(), { overlay: true, adopted: { "/a.txt": nonce } });
    // An adopted write stays adopted while the record has it, even if the next deploy has other content.
    const { "/b.txt": _, ...others } = pages;
    await mustDeploy({ ...others, "/d.txt": "d" }, 2);
    assert.deepEqual(overlayMembers().adopted, { "/a.txt": nonce, "/b.txt": nonce });
    assert.deepEqual(
      [await request("/a.txt"), await request("/b.txt"), await request("/n.txt")],
      ["a", 404, "written"],
      "an asset that was deleted at run time is not retired",
    );
    record([{ path: "/a.txt", nonce: "00000000000000ff", hash, size: 7, type }]);
    await mustDeploy({ ...others, "/d.txt": "dd" }, 31);
    assert.deepEqual(overlayMembers(), { overlay: true, adopted: undefined });
  });

  it("detects the overlay by its record if the live manifest is missing", async () => {
    await mustDeploy(pages, 0, { options: { overlay: true } });
    record([]);
    for (const key of platform.kv.values.keys()) if (key.includes("/m/")) platform.kv.values.delete(key);
    await mustDeploy(pages, 1, { options: { repair: true } });
    assert.deepEqual(overlayMembers(), { overlay: true, adopted: undefined });
  });

  it("keeps the adopted writes if the record is damaged, and writes nothing if KV fails", async () => {
    record([{ path: "/gone.txt", nonce }]);
    await mustDeploy(pages, 0, { options: { overlay: true } });
    const bad = [
      "",
      "[]",
      "{}",
      '{"format":1}',
      JSON.stringify({ format: 2, site: "project/shop", entries: [] }),
      JSON.stringify({ format: 1, site: "project/tea", entries: [] }),
      JSON.stringify({ format: 1, site: "project/shop", entries: [{ path: "/a" }] }),
      JSON.stringify({ format: 1, site: "project/shop", entries: [{ path: "/a", nonce: "/../", hash: 1 }] }),
    ];
    for (const [i, text] of bad.entries()) {
      platform.kv.values.set("project/shop/o/record", Buffer.from(text));
      await mustDeploy({ ...pages, "/d.txt": `${i}` }, i + 1);
      assert.deepEqual(overlayMembers(), { overlay: true, adopted: { "/gone.txt": nonce } }, text);
    }
    await platform.logged(/project\/shop\/o\/record is damaged/);
    const writes = platform.kv.writes.length;
    platform.kv.fault = (key) => (key.endsWith("/o/record") ? "error" : undefined);
    assert.equal((await deploy({ ...pages, "/d.txt": "d" }, 20)).status, 422);
    assert.equal(platform.kv.writes.length, writes);
  });
});
