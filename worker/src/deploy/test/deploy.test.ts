// deployProject in real workerd: what it writes and in which order, what it
// refuses, and what visitors have when it fails.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Deploy, DescribedFile } from "./upload";
import { sha256Hex } from "../../../test/encode";
import { checkShrink } from "../plan";
import { Platform } from "../../../test/platform";
import { projectFiles, projectFolder, uploadWorker, type ProjectVector } from "./project_vectors";
import { expand, type Runs, type Value } from "../../../test/values";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const begin = Date.UTC(2026, 10, 21);

let platform: Platform;
before(async () => {
  platform = await Platform.start(
    [],
    [],
    [
      uploadWorker,
      { name: "loader", main: "src/dynamic/test/loader.ts", bindings: `(name = "OTHER_KV", kvNamespace = "kv")` },
    ],
  );
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset(new Map()));

/** A KV that Go wrote, as testdata/project/go has it: values in base64, and what must be served as it stands. */
interface GoVector {
  project: string;
  loader: string;
  has_code: boolean;
  files: Record<string, string | Runs>;
  kv: Record<string, Value>;
}

interface Answer {
  status: number;
  deployment: string;
  version: string;
  loader: string;
  uploaded: number;
  unchanged: number;
  removed: number;
  noChange: boolean;
  name: string;
  error: string;
  problems?: { path: string; line?: number; reason: string; fix: string }[];
}

/** Deploys to the project "shop" so many hours after the first. */
async function deploy(
  files: Record<string, string | Runs | DescribedFile>,
  hours = 0,
  more: Partial<Deploy> = {},
): Promise<Answer> {
  const body: Deploy = {
    project: "shop",
    now: begin + hours * 3_600_000,
    random: "00c0ffee",
    files: Object.fromEntries(
      Object.entries(files).map(([path, file]) => [
        path,
        typeof file === "string"
          ? base64(file)
          : "body" in file && typeof file.body === "string"
            ? { ...file, body: base64(file.body) }
            : file,
      ]),
    ),
    ...more,
  };
  const reply = await platform.ask("upload", "/", { method: "POST", body: JSON.stringify(body) });
  return { ...(JSON.parse(reply.body) as Answer), status: reply.status };
}

async function deployed(...args: Parameters<typeof deploy>): Promise<Answer> {
  const answer = await deploy(...args);
  assert.equal(answer.status, 200, answer.error);
  return answer;
}

/** What a visitor gets, whose isolate remembers nothing. */
const ask = async (path: string, project = "shop") => {
  const { status, body } = await platform.ask("loader", path, {
    headers: { host: `${project}.example.com`, "x-ttl": "0" },
  });
  return status === 200 ? body : status;
};

/** 26 MiB: a chunk of the one text, and one of the other. */
const film = (second = "fedcba9876543210"): Runs => ({
  runs: [
    ["0123456789abcdef", 1 << 20],
    [second, 10 << 16],
  ],
});

const currentKey = "project/shop/current";
const pages = { "/index.html": "home", "/a.txt": "a", "/b.txt": "b", "/c.txt": "c" };

describe("the corpus", () => {
  /** The corpus that the Go side writes for this reader; a file there that is not listed fails the test, and so does one that is missing. */
  const writtenByGo = ["assets-only.json", "changed.json", "chunked.json", "rolled-back.json"];

  it("is what deployProject writes", async () => {
    for (const [name, text] of await projectFiles()) {
      assert.equal(readFileSync(join(projectFolder, name), "utf8"), text, `${name} differs; run npm run vectors`);
    }
  });

  it("is served as it was deployed", async () => {
    const names = readdirSync(projectFolder).filter(
      (name) => name.endsWith(".json") && !["content-types.json", "contents.json", "rule-files.json"].includes(name),
    );
    assert.ok(names.length >= 12);
    for (const name of names) {
      const { deploy, before, writes } = JSON.parse(readFileSync(join(projectFolder, name), "utf8")) as ProjectVector;
      const { ["/_redirects"]: _, ["/_headers"]: __, ...files } = deploy.files;
      const expected = Object.fromEntries(
        Object.entries(files).map(([path, file]) => [
          path,
          typeof file === "object" && "body" in file ? file.body : file,
        ]),
      );
      await serves(name, deploy.project, { ...before, ...writes }, expected);
    }
  });

  it("that Go writes is served", async () => {
    assert.deepEqual(
      readdirSync(join(projectFolder, "go"))
        .filter((name) => name.endsWith(".json"))
        .sort(),
      writtenByGo,
    );
    for (const name of writtenByGo) {
      const { project, kv, files, loader, has_code } = JSON.parse(
        readFileSync(join(projectFolder, "go", name), "utf8"),
      ) as GoVector;
      platform.kv.reset(decodeKV(kv));
      const loaded = await platform.ask("loader", "/", {
        headers: { "x-project": project, "x-way": "describe", "x-ttl": "0" },
      });
      assert.deepEqual(JSON.parse(loaded.body), { id: loader, hasCode: has_code }, name);
      if (has_code) assert.equal(await ask("/code", project), "hello \u2028Ada", name);
      await serves(
        `go/${name}`,
        project,
        kv,
        Object.fromEntries(
          Object.entries(files).map(([path, text]) => [path, typeof text === "string" ? base64(text) : text]),
        ),
      );
    }
  });

  /** Every key is what it says, every file is served, and another deploy by this side plans against it. */
  async function serves(
    name: string,
    project: string,
    kv: Record<string, Value>,
    files: Record<string, Value>,
  ): Promise<void> {
    platform.kv.reset(decodeKV(kv));
    for (const [key, value] of platform.kv.values) {
      const hash = /\/[bm]\/([0-9a-f]{64})\.[0-9a-f]{16}$/.exec(key)?.[1];
      // An index is hashed without the nonces at its end.
      const chunks = value.toString("latin1", 0, 4) === "KVSC" ? value.readUInt32LE(12) : 0;
      if (hash) assert.equal(sha256Hex(value.subarray(0, value.length - 8 * chunks)), hash, `${name}: ${key}`);
    }
    const { served } = (
      JSON.parse(platform.kv.values.get(`project/${project}/current`)!.toString()) as { version: { served: string } }
    ).version;
    const headers = { "x-way": "binding", "x-props": JSON.stringify({ projectId: project, served }) };
    const normal = Object.fromEntries(Object.entries(files).map(([path, body]) => [path.normalize("NFC"), body]));
    for (const [path, body] of Object.entries(normal)) {
      const pathname = path
        .split("/")
        .map(encodeURIComponent)
        .join("/")
        .replace(/(?:index)?\.html$/, "");
      const reply = await platform.ask("loader", pathname, { headers });
      // Where slashes are dropped the page has another address.
      const final = reply.status === 307 ? await platform.ask("loader", reply.headers.location!, { headers }) : reply;
      assert.equal(final.status, 200, `${name}: ${path}`);
      assert.ok(final.body === new TextDecoder().decode(expand(body)), `${name}: ${path}`);
    }
    const again = await deployed({ "/added.txt": "added" }, 72, {
      project,
      files: { ...files, "/added.txt": base64("added") },
    });
    assert.deepEqual(
      [again.unchanged, again.uploaded, again.removed],
      [Object.keys(files).length - retyped(name), 1, 0],
      name,
    );
  }

  const decodeKV = (kv: Record<string, Value>) =>
    new Map(Object.entries(kv).map(([key, value]) => [key, Buffer.from(expand(value))]));

  /** Files whose content type is not that of their extension, as it is when they are deployed again. */
  const retyped = (name: string) => (name === "types.json" || name.startsWith("go/") ? 1 : 0);
});

describe("deployProject", () => {
  it("writes what nobody sees first, and the switch last", async () => {
    await deployed(pages);
    const kinds = platform.kv.writes.map((key) => key.replace("project/shop/", "").replace(/\/.*/, ""));
    assert.deepEqual(kinds, ["b", "b", "b", "b", "m", "d", "b", "b", "current"]);
    assert.equal(await ask("/a.txt"), "a");
  });

  it("leaves visitors what they have, whichever write fails", async () => {
    await deployed({ ...pages, "/old.txt": "old" });
    const before = new Map(platform.kv.values);
    const changed = { ...pages, "/index.html": "new home", "/d.txt": "d", "/e.txt": "e" };
    await deployed(changed, 1);
    const writes = platform.kv.writes.length - 10;
    assert.ok(writes >= 7);
    for (let fail = 0; fail < writes; fail++) {
      platform.kv.reset(before);
      let count = 0;
      platform.kv.refuse = () => (count++ === fail ? 403 : undefined);
      const { status, error } = await deploy(changed, 1);
      assert.equal(status, 422);
      assert.match(error, /^(?:upload \/\S+: )?write project\/shop\/\S+ to KV, attempt 1: .*403/);
      assert.deepEqual(
        [await ask("/"), await ask("/old.txt"), await ask("/d.txt")],
        ["home", "old", 404],
        `write ${fail}`,
      );
    }
    platform.kv.refuse = () => undefined;
    assert.equal((await deployed(changed, 2)).noChange, false, "running again finishes the job");
    assert.deepEqual([await ask("/"), await ask("/d.txt"), await ask("/old.txt")], ["new home", "d", "old"]);
  });

  it("writes again where KV is busy", async () => {
    platform.kv.refuse = (_, earlier) => (earlier === 0 ? 429 : undefined);
    const started = Date.now();
    await deployed({ "/index.html": "home" });
    assert.ok(Date.now() - started >= 4000, "and waits before it does");
    assert.equal(await ask("/"), "home");
  });

  it("uploads only what changed, from the active manifest alone", async () => {
    const first = await deployed(pages);
    assert.deepEqual([first.uploaded, first.unchanged, first.noChange], [4, 0, false]);
    const second = await deployed({ ...pages, "/b.txt": "changed", "/copy.txt": "a" }, 1);
    assert.deepEqual([second.uploaded, second.unchanged, second.removed], [1, 3, 0]);
    platform.kv.reset();
    const third = await deployed({ ...pages, "/b.txt": "b", "/copy.txt": "a" }, 2);
    assert.equal(third.uploaded, 1, "the blob of the first deploy is not believed to be there");
    assert.ok(!platform.kv.reads.some(({ key }) => key.endsWith(first.version)));
  });

  it("does nothing where nothing changed, and says so", async () => {
    const first = await deployed(pages);
    platform.kv.reset();
    const again = await deployed(pages, 5);
    assert.deepEqual(again, { ...first, uploaded: 0, unchanged: 4, noChange: true });
    assert.deepEqual(platform.kv.writes, []);
    for (const more of [
      { options: { html_handling: "none" as const } },
      { code: { main: "a", modules: { a: { js: "export default {}" } }, compatibilityDate: "2026-01-01" } },
    ]) {
      assert.equal((await deployed(pages, 6, more)).noChange, false, "settings and code are changes too");
    }
  });

  it("keeps a history of 100", async () => {
    for (let i = 0; i < 102; i++) await deployed({ "/index.html": `${i}` }, i, { options: { actor: "ada" } });
    const { activations } = JSON.parse(platform.kv.values.get(currentKey)!.toString()) as {
      activations: { id: string; author: string; message: string }[];
    };
    assert.equal(activations.length, 100);
    assert.equal(new Set(activations.map(({ id }) => id)).size, 100);
    assert.deepEqual(activations[0], { ...activations[0], author: "ada", message: `kv-sync ${activations[0]!.id}` });
  });

  it("refuses all that must not be published at once, and writes nothing", async () => {
    const { name, problems, error } = await deploy(
      {
        "/ok.txt": "ok",
        "no-slash.txt": "x",
        "/a//b": "x",
        "/../up": "x",
        "/./x": "x",
        "/back\\slash": "x",
        "/nul\0": "x",
        "/.env": "x",
        "/.env.local": "x",
        "/a/.npmrc": "x",
        "/.git/config": "x",
        "/.assetsignore": "x",
        "/_worker.js": "x",
        "/_worker.js/a": "x",
        "/keys/ID_RSA": "x",
        [`/${"ü".repeat(600)}`]: "x",
        "/u\u0308": "1",
        "/ü": "2",
        "/type": { body: "x", contentType: "text/html\r\nSet-Cookie: a=b" },
        "/": "x",
        "": "x",
        "/_redirects": "/a\n/ok /fine\n/b /c 999\n",
        "/_headers": "X: y\n",
      },
      0,
      {
        code: { main: "index.js", modules: {}, compatibilityDate: "2026-01-01" },
        options: { html_handling: "x" as never },
      },
    );
    assert.equal(name, "RefusedError");
    assert.deepEqual(
      problems!.map(({ path, line }) => (line ? `${path}:${line}` : path)),
      [
        "",
        "",
        "../up",
        "./x",
        ".assetsignore",
        ".env",
        ".env.local",
        ".git/config",
        "_headers:1",
        "_redirects:1",
        "_redirects:3",
        "_worker.js",
        "_worker.js/a",
        "a/.npmrc",
        "a//b",
        "back\\slash",
        "code",
        "html_handling",
        "keys/ID_RSA",
        "no-slash.txt",
        "nul\0",
        "type",
        "u\u0308",
        "ü",
        "ü".repeat(600),
      ],
    );
    for (const { reason, fix } of problems!) assert.ok(reason && fix);
    assert.match(error, /^kv-sync refuses to deploy, what is live stays as it is:\n/);
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses what KV cannot hold", async () => {
    const { problems } = await deploy({ "/index.html": "x", "/_redirects": film() });
    assert.deepEqual(
      problems!.map(({ path, reason }) => [path, reason]),
      [["_redirects", "the file has more than 25 MiB"]],
    );
    const code = (js: string) => ({ code: { main: "a", modules: { a: { js } }, compatibilityDate: "2026-01-01" } });
    assert.match(
      (await deploy({ "/index.html": "x" }, 0, code("x".repeat(25 << 20)))).error,
      /the code takes 25.0 MiB in KV/,
    );
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses code that is none", async () => {
    const good = { main: "a", modules: { a: { js: "" } }, compatibilityDate: "2026-01-01" };
    for (const [bad, reason] of [
      [{ ...good, main: "b" }, /no JavaScript module/],
      [{ ...good, main: "t", modules: { t: { text: "" } } }, /no JavaScript module/],
      [{ ...good, compatibilityDate: "today" }, /compatibility date/],
      [{ ...good, compatibilityFlags: ["a b"] }, /compatibility flag/],
      [{ ...good, modules: { ...good.modules, x: { py: "" } } }, /none of js, text/],
      [{ ...good, modules: { ...good.modules, "": { js: "" } } }, /has no name/],
      [{ ...good, modules: { ...good.modules, x: { js: "", text: "" } } }, /none of js, text/],
      [{ ...good, env: { ASSETS: "mine" } }, /ASSETS: .*give the variable another name/],
    ] as const) {
      const { error, name } = await deploy({ "/index.html": "x" }, 0, {
        code: bad as unknown as NonNullable<Deploy["code"]>,
      });
      assert.equal(name, "RefusedError");
      assert.match(error, reason);
    }
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses settings and ids that are none", async () => {
    for (const project of ["", "../a", "A", "a/b", "a".repeat(64), "_x"])
      assert.equal((await deploy(pages, 0, { project })).name, "RefusedError", project);
    assert.match(
      (await deploy(pages, 0, { options: { html_handling: "x" as never, not_found_handling: "y" as never } })).error,
      /html_handling: .*\n.*not_found_handling: /,
    );
    for (const options of [{ retain: 0 }, { retain: 1.5 }, { grace: -1 }])
      assert.equal((await deploy(pages, 0, { options })).name, "TypeError");
    assert.deepEqual([platform.kv.reads, platform.kv.writes], [[], []]);
  });

  it("refuses to leave no file, or less than half as many as are live, whatever their names", async () => {
    assert.match((await deploy({})).error, /there is no file to serve; give allowShrink/);
    await deployed(pages);
    assert.match((await deploy({ "/a.txt": "a" }, 1)).error, /1 of 4 files would be left; give allowShrink/);
    assert.equal(await ask("/b.txt"), "b");
    assert.equal(
      (await deployed({ "/a.1f3c.txt": "a", "/b.9e0b.txt": "b" }, 1)).removed,
      4,
      "half is enough, and all names may change",
    );
    assert.equal((await deployed({}, 2, { options: { allowShrink: true } })).removed, 2);
  });

  it("counts files as kv-sync deploy does", () => {
    const cases = JSON.parse(readFileSync("../testdata/guards/shrink.json", "utf8")) as {
      before: number;
      now: number;
      refused: boolean;
    }[];
    for (const { before, now, refused } of cases) {
      const check = () => checkShrink({ files: Array(now).fill({}) }, { assets: Array(before).fill({}) });
      if (refused) assert.throws(check, /would be left|no file to serve/, `${now} of ${before}`);
      else assert.doesNotThrow(check, `${now} of ${before}`);
    }
    assert.ok(cases.length > 5);
  });

  it("refuses more writes than a request may make", async () => {
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`/${i}.txt`, `${i}`]));
    assert.match(
      (await deploy(many, 0, { options: { mostWrites: 14 } })).error,
      /15 values would be written, and a Worker may write 14/,
    );
    await deployed(many, 0, { options: { mostWrites: 15 } });
    assert.equal(platform.kv.writes.length, 15);
  });

  it("writes nothing over what it did not expect", async () => {
    const first = await deployed(pages);
    const second = await deployed({ ...pages, "/a.txt": "2" }, 1, { options: { after: first.version } });
    const stale = await deploy({ ...pages, "/a.txt": "3" }, 2, { options: { after: first.version } });
    assert.equal(stale.name, "ProjectError");
    assert.match(stale.error, new RegExp(`KV shows ${second.version} in the place of ${first.version}`));
    assert.equal(await ask("/a.txt"), "2");
  });

  it("takes nothing from a manifest that is gone, damaged or another's, until it is told to repair", async () => {
    const { version } = await deployed(pages);
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
    const repaired = await deployed({ ...pages, "/d.txt": "d" }, 1, { options: { repair: true } });
    assert.equal(repaired.uploaded, 5);
    assert.equal(await ask("/d.txt"), "d");
  });

  it("keeps what is gone reachable while a deployment that names it is retained", async () => {
    const options = { retain: 3, grace: 3600 };
    await deployed({ ...pages, "/old.txt": "old" }, 0, { options });
    for (const [hour, reachable] of [
      [1, "old"],
      [2, "old"],
      [4, 404],
    ] as const) {
      await deployed({ ...pages, "/n.txt": `${hour}` }, hour, { options });
      assert.equal(await ask("/old.txt"), reachable, `hour ${hour}`);
    }
  });

  it("after a rollback, keeps what the deployments that it left had, and nothing older", async () => {
    const options = { retain: 2, grace: 0 };
    await deployed({ ...pages, "/early.txt": "early" }, 0, { options });
    await deployed(pages, 1, { options });
    await deployed({ ...pages, "/late.txt": "late" }, 2, { options });
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
    assert.equal(await ask("/late.txt"), 404);
    await deployed({ ...pages, "/new.txt": "new" }, 3);
    assert.deepEqual([await ask("/late.txt"), await ask("/new.txt"), await ask("/early.txt")], ["late", "new", 404]);
  });

  describe("where an overlay lies over the files", () => {
    const record = (entries: object[], more: object = {}) =>
      platform.kv.values.set(
        "project/shop/o/record",
        Buffer.from(JSON.stringify({ format: 1, site: "project/shop", revision: 3, entries, ...more })),
      );
    const nonce = "0123456789abcdef";
    /** What the active manifest says of the overlay, served and stored. */
    const said = () => {
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

    it("keeps it, until it is told otherwise", async () => {
      await deployed(pages, 0, { options: { overlay: true } });
      assert.deepEqual(said(), { overlay: true, adopted: undefined });
      assert.equal((await deployed(pages, 1)).noChange, true);
      await deployed({ ...pages, "/d.txt": "d" }, 2);
      assert.deepEqual(said(), { overlay: true, adopted: undefined });
      assert.equal((await deployed({ ...pages, "/d.txt": "d" }, 3, { options: { overlay: false } })).noChange, false);
      assert.deepEqual(said(), { overlay: undefined, adopted: undefined });
      platform.kv.reset();
      await deployed({ ...pages, "/d.txt": "dd" }, 4);
      assert.deepEqual(said(), { overlay: undefined, adopted: undefined });
      assert.ok(!platform.kv.reads.some(({ key }) => key.includes("/o/")), "a project without one reads nothing of it");
    });

    it("adopts the writes that it has, and never loses another", async () => {
      await deployed(pages, 0, { options: { overlay: true } });
      const hash = sha256Hex("written");
      const type = "text/plain; charset=utf-8";
      record([
        { path: "/a.txt", nonce, hash, size: 7, type },
        { path: "/b.txt", nonce },
        { path: "/n.txt", nonce, hash, size: 7, type, headers: [["x-a", "b"]] },
      ]);
      await deployed({ ...pages, "/a.txt": "written", "/n.txt": "written" }, 1);
      assert.deepEqual(said(), { overlay: true, adopted: { "/a.txt": nonce } });
      // Adopted once, a write stays so whatever is deployed there next, as long as the record has it.
      const { "/b.txt": _, ...others } = pages;
      await deployed({ ...others, "/d.txt": "d" }, 2);
      assert.deepEqual(said().adopted, { "/a.txt": nonce, "/b.txt": nonce });
      assert.deepEqual(
        [await ask("/a.txt"), await ask("/b.txt"), await ask("/n.txt")],
        ["a", 404, "written"],
        "what was deleted is not even retired",
      );
      record([{ path: "/a.txt", nonce: "00000000000000ff", hash, size: 7, type }]);
      await deployed({ ...others, "/d.txt": "dd" }, 31);
      assert.deepEqual(said(), { overlay: true, adopted: undefined });
    });

    it("finds it again where the live manifest is gone", async () => {
      await deployed(pages, 0, { options: { overlay: true } });
      record([]);
      for (const key of platform.kv.values.keys()) if (key.includes("/m/")) platform.kv.values.delete(key);
      await deployed(pages, 1, { options: { repair: true } });
      assert.deepEqual(said(), { overlay: true, adopted: undefined });
    });

    it("goes on with what is adopted where the record is damaged, and writes nothing where KV fails", async () => {
      record([{ path: "/gone.txt", nonce }]);
      await deployed(pages, 0, { options: { overlay: true } });
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
        await deployed({ ...pages, "/d.txt": `${i}` }, i + 1);
        assert.deepEqual(said(), { overlay: true, adopted: { "/gone.txt": nonce } }, text);
      }
      await platform.logged(/project\/shop\/o\/record is damaged/);
      const writes = platform.kv.writes.length;
      platform.kv.fault = (key) => (key.endsWith("/o/record") ? "error" : undefined);
      assert.equal((await deploy({ ...pages, "/d.txt": "d" }, 20)).status, 422);
      assert.equal(platform.kv.writes.length, writes);
    });
  });

  it("touches no key but its project's", async () => {
    platform.kv.values.set("project/shop-2/current", Buffer.from("{}"));
    platform.kv.values.set("shop/d/1", Buffer.from("a site"));
    await deployed(pages);
    assert.ok(
      [...platform.kv.writes, ...platform.kv.reads.map(({ key }) => key)].every((key) =>
        key.startsWith("project/shop/"),
      ),
    );
  });

  it("stops where the uploads took too long for a prune to have spared them", async () => {
    platform.kv.refuse = (key, earlier) => (key.includes("/d/") && earlier < 2 ? 503 : undefined);
    const body = {
      project: "shop",
      random: "00c0ffee",
      files: { "/index.html": base64("home") },
      options: { grace: 4 },
    };
    const reply = await platform.ask("upload", "/", { method: "POST", body: JSON.stringify(body) });
    assert.equal(reply.status, 422);
    assert.match(reply.body, /took longer than half the grace period/);
    assert.ok(!platform.kv.values.has(currentKey));
  });

  it("says of every argument what it has to be", async () => {
    const call = async (...args: unknown[]) => {
      const reply = await platform.ask("upload", "/", { method: "POST", body: JSON.stringify({ arguments: args }) });
      assert.equal(reply.status, 422, JSON.stringify(args));
      return JSON.parse(reply.body) as Answer;
    };
    const good = { "/index.html": "home" };
    for (const files of [[], [null], [5], ["/index.html"], [[good]]]) {
      const { name, error } = await call("shop", ...files);
      assert.deepEqual(
        [
          name,
          /files: the files are no record and no Map of files by pathname; give them like \{ "\/index.html"/.test(
            error,
          ),
        ],
        ["RefusedError", true],
        error,
      );
    }
    for (const file of [null, 5, [], {}, { body: null }, { body: { body: "x" } }]) {
      const { name, error } = await call("shop", { "/index.html": file });
      assert.deepEqual(
        [
          name,
          /index.html: the file is no string, ArrayBuffer, Uint8Array, Blob or ReadableStream; give its bytes/.test(
            error,
          ),
        ],
        ["RefusedError", true],
        error,
      );
    }
    assert.match((await call()).error, /project: the id is none; use a-z/);
    for (const options of [null, 5, "x", []])
      assert.match(
        (await call("shop", good, options)).error,
        /^deployProject: the options are no object; give one like \{ kv: env.KV_SYNC_BLOBS \}/,
      );
    for (const [options, what] of [
      [{ kv: {} }, "a KV namespace"],
      [{ kv: "KV" }, "a KV namespace"],
      [{ start: true }, "a worker loader"],
      [{ actor: 5 }, "a string"],
      [{ subject: {} }, "a string"],
      [{ retain: "5" }, "a number of deployments, 1 or more"],
      [{ grace: null }, "a number of seconds, 0 or more"],
      [{ mostWrites: 0.5 }, "a number of writes"],
      [{ allowShrink: "no" }, "true or false"],
      [{ repair: 1 }, "true or false"],
      [{ overlay: "yes" }, "true or false"],
      [{ after: null }, "the version that"],
      [{ retire: "/a" }, "patterns of pathnames"],
      [{ retire: ["a/*"] }, "patterns of pathnames"],
      [{ now: 5 }, "a function"],
      [{ random: 5 }, "a function"],
    ] as const) {
      const { name, error } = await call("shop", good, options);
      assert.deepEqual(
        [name, error.startsWith(`deployProject: ${Object.keys(options)[0]} is not what it has to be; give ${what}`)],
        ["TypeError", true],
        error,
      );
    }
    const code = { main: "a", modules: { a: "" }, compatibilityDate: "2026-01-01" };
    for (const [bad, reason] of [
      [null, /the modules are no record/],
      ["x", /the modules are no record/],
      [{ ...code, modules: null }, /the modules are no record/],
      [{ ...code, modules: ["a"] }, /the modules are no record/],
      [{ ...code, env: null }, /the variables are no record/],
      [{ ...code, env: "x" }, /the variables are no record/],
      [{ ...code, compatibilityFlags: "x" }, /a compatibility flag is none/],
      [{ ...code, compatibilityFlags: null }, /a compatibility flag is none/],
      [{ ...code, compatibilityDate: ["2026-01-01"] }, /the compatibility date is none/],
      [{ ...code, main: null }, /main is null, and no/],
      [{ ...code, modules: { a: null } }, /none of js, text/],
      [{ ...code, modules: { a: "", b: { wasm: 5 } } }, /none of js, text/],
    ] as const) {
      const { name, error } = await call("shop", good, { code: bad });
      assert.deepEqual([name, reason.test(error)], ["RefusedError", true], error);
    }
    assert.deepEqual([platform.kv.reads, platform.kv.writes], [[], []]);
  });
});

describe("large files", () => {
  const kinds = [undefined, "stream", "blob", "text"] as const;
  const page = { "/index.html": "film" };
  const as = (body: Runs, as: (typeof kinds)[number]) => ({ body, ...(as && { as }) });
  const served = async () => (await ask("/film.mp4")) === new TextDecoder().decode(expand(film()));

  it("are the same however they are given", async () => {
    const first = await deployed({ ...page, "/film.mp4": film() });
    assert.deepEqual([first.uploaded, await served()], [4, true]);
    for (const kind of kinds) {
      platform.kv.reset();
      const again = await deployed({ ...page, "/film.mp4": as(film(), kind) }, 1);
      assert.deepEqual(again, { ...first, uploaded: 0, unchanged: 2, noChange: true });
      assert.deepEqual(platform.kv.writes, []);
    }
  });

  it("that change upload the chunks that do", async () => {
    await deployed({ ...page, "/film.mp4": film() });
    const before = new Map(platform.kv.values);
    for (const kind of kinds) {
      platform.kv.reset(before);
      assert.equal((await deployed({ ...page, "/film.mp4": as(film("FEDCBA9876543210"), kind) }, 1)).uploaded, 2, kind);
      assert.equal(
        (await deployed({ ...page, "/film.mp4": as(film(), kind), "/same.mp4": as(film(), kind) }, 2)).uploaded,
        2,
        "what was live before is not believed to be there",
      );
      assert.ok(await served());
    }
  });

  it("upload every chunk where the live index is gone or damaged, or nothing is believed", async () => {
    await deployed({ ...page, "/film.mp4": film() });
    const before = new Map(platform.kv.values);
    const [key, index] = [...before].find(([, value]) => value.toString("latin1", 0, 4) === "KVSC")!;
    for (const kind of kinds) {
      const again = { "/film.mp4": as(film("FEDCBA9876543210"), kind) };
      for (const damaged of [undefined, index.subarray(1)]) {
        platform.kv.reset(before);
        if (damaged) platform.kv.values.set(key, damaged);
        else platform.kv.values.delete(key);
        assert.equal((await deployed({ ...page, ...again }, 1)).uploaded, 3);
      }
      platform.kv.reset(before);
      assert.equal((await deployed({ ...page, ...again }, 1, { options: { repair: true } })).uploaded, 4);
    }
  });

  it("are not taken for small ones that their index is hashed by", async () => {
    await deployed({ ...page, "/film.mp4": film() });
    const index = [...platform.kv.values.values()].find((value) => value.toString("latin1", 0, 4) === "KVSC")!;
    const small = { body: index.subarray(0, 24 + 2 * 32).toString("base64") };
    for (const kind of ["stream", "blob"] as const) {
      platform.kv.reset(new Map());
      const both = await deployed(
        { ...page, "/film.mp4": as(film(), kind), "/small": { ...small, as: kind } as never },
        0,
        { files: { "/film.mp4": as(film(), kind), "/small": { ...small, as: kind } } },
      );
      assert.equal(both.uploaded, 4);
      assert.ok(await served());
      const swapped = await deployed({}, 1, {
        files: { "/film.mp4": { ...small, as: kind }, "/small": as(film(), kind) },
      });
      assert.deepEqual([swapped.noChange, swapped.uploaded], [false, 0]);
      assert.ok((await ask("/small")) === new TextDecoder().decode(expand(film())), "each is at the other's place");
    }
  });

  it("count by their chunks", async () => {
    for (const kind of kinds) {
      const files = { "/film.mp4": as(film(), kind), "/index.html": "x" };
      assert.match(
        (await deploy(files, 0, { options: { mostWrites: 8 } })).error,
        /9 values would be written, and a Worker may write 8/,
      );
      assert.ok(!platform.kv.values.has(currentKey));
      await deployed(files, 0, { options: { mostWrites: 9 } });
      platform.kv.reset(new Map());
    }
    const two = { "/film.mp4": as(film(), "stream"), "/index.html": { body: base64("x"), as: "stream" } } as const;
    assert.match((await deploy({}, 0, { files: two, options: { mostWrites: 7 } })).error, /8 values would be written/);
    assert.equal(platform.kv.writes.length, 3, "it stops after the stream that was too much");
    await deployed({ ...page, "/film.mp4": film() });
    const changed = { ...page, "/film.mp4": as(film("FEDCBA9876543210"), "stream") };
    assert.match(
      (await deploy(changed, 1, { options: { mostWrites: 7 } })).error,
      /8 values would be written/,
      "reading the live index is a call, too",
    );
    await deployed(changed, 1, { options: { mostWrites: 8 } });
  });
});

describe("streams and Blobs", () => {
  const given = (text: string, as: NonNullable<DescribedFile["as"]>) => ({ body: text, as });

  it("are files like others", async () => {
    for (const as of ["stream", "blob", "text"] as const) {
      platform.kv.reset(new Map());
      await deployed({
        "/index.html": given("home", as),
        "/empty.txt": given("", as),
        "/_redirects": given("/old /a.txt 301", as),
        "/_headers": given("/*\n  X-A: b", as),
        "/a.txt": { ...given("a", as), contentType: "text/x-a" },
      });
      const reply = await platform.ask("loader", "/a.txt", { headers: { host: "shop.example.com", "x-ttl": "0" } });
      assert.deepEqual([reply.body, reply.headers["x-a"], reply.headers["content-type"]], ["a", "b", "text/x-a"]);
      assert.deepEqual([await ask("/"), await ask("/empty.txt"), await ask("/old")], ["home", "", 301]);
      assert.equal(platform.kv.writes.length, 8);
    }
  });

  it("of one content are one blob", async () => {
    const { uploaded } = await deployed({
      "/a": given("same", "stream"),
      "/b": given("same", "stream"),
      "/c": "same",
      "/d": given("same", "blob"),
    });
    assert.equal(uploaded, 1);
  });

  it("are not read where something else is refused, and stop a deploy that would remove too much", async () => {
    await deployed(pages);
    platform.kv.reset();
    assert.match((await deploy({ ...pages, "/.env": "x", "/z.txt": given("z", "broken stream") })).error, /\.env: /);
    assert.match((await deploy({ "/z.txt": given("z", "broken stream") }, 1)).error, /1 of 4 files would be left/);
    assert.match(
      (await deploy({ ...pages, "/z.txt": given("z", "read stream") })).error,
      /z.txt: the stream is being read already, or was; give each/,
    );
    assert.deepEqual(platform.kv.writes, []);
  });

  it("that break leave visitors what they have", async () => {
    await deployed(pages);
    const { error } = await deploy(
      { ...pages, "/a.txt": given("new", "stream"), "/z.txt": given("z", "broken stream") },
      1,
    );
    assert.equal(error, "upload /z.txt: the line is dead");
    assert.equal(await ask("/a.txt"), "a");
    assert.equal(
      (await deploy({ ...pages, "/_redirects": given("z", "broken stream") }, 1)).error,
      "read /_redirects: the line is dead",
    );
  });
});

describe("contents", () => {
  const key = "-----BEGIN PRIVATE" + " KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n";
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";

  it("that are keys or stand for others are refused in every form", async () => {
    for (const as of [undefined, "blob", "text"] as const) {
      const described = (body: string) => ({ body, ...(as && { as }) });
      const { problems } = await deploy({
        "/a.pem": described(key),
        "/film.mp4": described(pointer),
        "/ok.txt": described("ok"),
      });
      assert.deepEqual(
        problems!.map(({ path, reason }) => [path, reason]),
        [
          ["a.pem", "the file holds a private key"],
          ["film.mp4", "the file is a Git LFS pointer, not the file itself"],
        ],
      );
    }
    for (const [path, body] of [
      ["/a.pem", key],
      ["/film.mp4", pointer],
    ] as const) {
      const { problems } = await deploy({ [path]: { body, as: "stream" } });
      assert.deepEqual(
        problems!.map(({ path }) => `/${path}`),
        [path],
      );
    }
    assert.deepEqual(platform.kv.writes, []);
  });
});

describe("start", () => {
  const code = (js: string, more: Partial<NonNullable<Deploy["code"]>> = {}) => ({
    start: true,
    code: { main: "src/index.js", modules: { "src/index.js": { js } }, compatibilityDate: "2026-01-01", ...more },
  });

  it("refuses code that does not start, and writes nothing", async () => {
    for (const [js, reason] of [
      ["throw new Error('boom\\nat start')", /boom at start/],
      ["import './nope.js'; export default {}", /No such module/],
      ["export default {}; export const a = 1", /'a'/],
      ["let let = 1", /SyntaxError/],
      ["await fetch('https://example.com'); export default {}", /global scope/],
      [`throw new Error("x".repeat(5000))`, /x{900}/],
    ] as const) {
      const { name, problems, error } = await deploy(pages, 0, code(js));
      assert.equal(name, "RefusedError", js);
      assert.deepEqual(
        [
          problems!.length,
          problems![0]!.path,
          problems![0]!.reason.startsWith("it does not start: "),
          reason.test(error),
        ],
        [1, "code", true, true],
        error,
      );
      assert.ok(error.length < 1500 && !error.includes("kv-sync-start"), error);
    }
    assert.match(
      (await deploy(pages, 0, code("export const a = {}"))).error,
      /code: its main module has no default export; export what/,
    );
    assert.match(
      (await deploy(pages, 0, code("export default {}", { compatibilityFlags: ["no_such_flag"] }))).error,
      /No such compatibility flag/,
    );
    assert.deepEqual(platform.kv.writes, []);
  });

  it("calls no handler, and takes code of every shape", async () => {
    const answers = `fetch() { console.log("a handler ran"); return new Response("ran"); }`;
    for (const [i, js] of [
      `export default { ${answers} }`,
      `import { WorkerEntrypoint } from "cloudflare:workers"; export default class extends WorkerEntrypoint { ${answers} } export class Other extends WorkerEntrypoint {}`,
      `import { env } from "cloudflare:workers"; if (env.A !== 1) throw new Error("no A"); export default { ${answers} }`,
      `import words from "./words.txt"; if (words !== "hello") throw new Error(words); export default { ${answers} }; export const kvSyncStart = { ${answers} };`,
    ].entries()) {
      platform.log = "";
      const modules = {
        "src/index.js": { js },
        "src/words.txt": { text: "hello" },
        "kv-sync-start.js": { text: "its own" },
      };
      await deployed(pages, i, code("", { modules, env: { A: 1 } }));
      assert.ok(!platform.log.includes("a handler ran"));
      assert.equal(await ask("/"), "ran");
    }
  });

  it("starts code only where it is new", async () => {
    const broken = code("throw new Error('boom')");
    await deployed(pages, 0, { ...broken, start: false });
    await deployed({ ...pages, "/d.txt": "d" }, 1, broken);
    assert.match((await deploy({ ...pages, "/d.txt": "d" }, 2, code("throw new Error('again')"))).error, /again/);
  });
});
