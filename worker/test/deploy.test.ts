// deployProject in real workerd: what it writes and in which order, what it
// refuses, and what visitors have when it fails.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Deploy, DescribedFile } from "./dynamic/upload";
import { sha256Hex } from "./encode";
import { Platform } from "./platform";
import { projectFiles, projectFolder, uploadWorker, type ProjectVector } from "./project_vectors";
import { expand, type Runs, type Value } from "./values";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const begin = Date.UTC(2026, 10, 21);

let platform: Platform;
before(async () => {
  platform = await Platform.start([], [], [uploadWorker, { name: "loader", main: "test/dynamic/loader.ts", bindings: `(name = "OTHER_KV", kvNamespace = "kv")` }]);
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
async function deploy(files: Record<string, string | Runs | DescribedFile>, hours = 0, more: Partial<Deploy> = {}): Promise<Answer> {
  const body: Deploy = {
    project: "shop",
    now: begin + hours * 3_600_000,
    random: "00c0ffee",
    files: Object.fromEntries(Object.entries(files).map(([path, file]) => [path, typeof file === "string" ? base64(file) : "body" in file && typeof file.body === "string" ? { ...file, body: base64(file.body) } : file])),
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
  const { status, body } = await platform.ask("loader", path, { headers: { host: `${project}.example.com`, "x-ttl": "0" } });
  return status === 200 ? body : status;
};

const currentKey = "project/shop/current";
const pages = { "/index.html": "home", "/a.txt": "a", "/b.txt": "b", "/c.txt": "c" };

describe("the corpus", () => {
  /** The corpus that the Go side writes for this reader; a file there that is not listed fails the test, and so does one that is missing. */
  const writtenByGo = ["assets-only.json", "changed.json", "rolled-back.json"];

  it("is what deployProject writes", async () => {
    for (const [name, text] of await projectFiles()) {
      assert.equal(readFileSync(join(projectFolder, name), "utf8"), text, `${name} differs; run npm run vectors`);
    }
  });

  it("is served as it was deployed", async () => {
    const names = readdirSync(projectFolder).filter((name) => name.endsWith(".json") && !["content-types.json", "contents.json", "rule-files.json"].includes(name));
    assert.ok(names.length >= 12);
    for (const name of names) {
      const { deploy, before, writes } = JSON.parse(readFileSync(join(projectFolder, name), "utf8")) as ProjectVector;
      const { ["/_redirects"]: _, ["/_headers"]: __, ...files } = deploy.files;
      const expected = Object.fromEntries(Object.entries(files).map(([path, file]) => [path, typeof file === "object" && "body" in file ? file.body : file]));
      await serves(name, deploy.project, { ...before, ...writes }, expected);
    }
  });

  it("that Go writes is served", async () => {
    assert.deepEqual(readdirSync(join(projectFolder, "go")).filter((name) => name.endsWith(".json")).sort(), writtenByGo);
    for (const name of writtenByGo) {
      const { project, kv, files, loader, has_code } = JSON.parse(readFileSync(join(projectFolder, "go", name), "utf8")) as GoVector;
      platform.kv.reset(decodeKV(kv));
      const loaded = await platform.ask("loader", "/", { headers: { "x-project": project, "x-way": "describe", "x-ttl": "0" } });
      assert.deepEqual(JSON.parse(loaded.body), { id: loader, hasCode: has_code }, name);
      if (has_code) assert.equal(await ask("/code", project), "hello \u2028Ada", name);
      await serves(`go/${name}`, project, kv, Object.fromEntries(Object.entries(files).map(([path, text]) => [path, typeof text === "string" ? base64(text) : text])));
    }
  });

  /** Every key is what it says, every file is served, and another deploy by this side plans against it. */
  async function serves(name: string, project: string, kv: Record<string, Value>, files: Record<string, Value>): Promise<void> {
    platform.kv.reset(decodeKV(kv));
    for (const [key, value] of platform.kv.values) {
      const hash = /\/[bm]\/([0-9a-f]{64})\.[0-9a-f]{16}$/.exec(key)?.[1];
      // An index is hashed without the nonces at its end.
      const chunks = value.toString("latin1", 0, 4) === "KVSC" ? value.readUInt32LE(12) : 0;
      if (hash) assert.equal(sha256Hex(value.subarray(0, value.length - 8 * chunks)), hash, `${name}: ${key}`);
    }
    const { served } = (JSON.parse(platform.kv.values.get(`project/${project}/current`)!.toString()) as { version: { served: string } }).version;
    const headers = { "x-way": "binding", "x-props": JSON.stringify({ projectId: project, served }) };
    const normal = Object.fromEntries(Object.entries(files).map(([path, body]) => [path.normalize("NFC"), body]));
    for (const [path, body] of Object.entries(normal)) {
      const pathname = path.split("/").map(encodeURIComponent).join("/").replace(/(?:index)?\.html$/, "");
      const reply = await platform.ask("loader", pathname, { headers });
      // Where slashes are dropped the page has another address.
      const final = reply.status === 307 ? await platform.ask("loader", reply.headers.location!, { headers }) : reply;
      assert.equal(final.status, 200, `${name}: ${path}`);
      assert.ok(final.body === new TextDecoder().decode(expand(body)), `${name}: ${path}`);
    }
    const again = await deployed({ "/added.txt": "added" }, 72, { project, files: { ...files, "/added.txt": base64("added") } });
    assert.deepEqual([again.unchanged, again.uploaded, again.removed], [Object.keys(files).length - retyped(name), 1, 0], name);
  }

  const decodeKV = (kv: Record<string, Value>) => new Map(Object.entries(kv).map(([key, value]) => [key, Buffer.from(expand(value))]));

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
      assert.deepEqual([await ask("/"), await ask("/old.txt"), await ask("/d.txt")], ["home", "old", 404], `write ${fail}`);
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
    for (const more of [{ options: { html_handling: "none" as const } }, { code: { main: "a", modules: { a: { js: "export default {}" } }, compatibilityDate: "2026-01-01" } }]) {
      assert.equal((await deployed(pages, 6, more)).noChange, false, "settings and code are changes too");
    }
  });

  it("keeps a history of 100", async () => {
    for (let i = 0; i < 102; i++) await deployed({ "/index.html": `${i}` }, i, { options: { actor: "ada" } });
    const { activations } = JSON.parse(platform.kv.values.get(currentKey)!.toString()) as { activations: { id: string; author: string; message: string }[] };
    assert.equal(activations.length, 100);
    assert.equal(new Set(activations.map(({ id }) => id)).size, 100);
    assert.deepEqual(activations[0], { ...activations[0], author: "ada", message: `kv-sync ${activations[0]!.id}` });
  });

  it("refuses all that must not be published at once, and writes nothing", async () => {
    const { name, problems, error } = await deploy({
      "/ok.txt": "ok", "no-slash.txt": "x", "/a//b": "x", "/../up": "x", "/./x": "x", "/back\\slash": "x", "/nul\0": "x", "/.env": "x", "/.env.local": "x", "/a/.npmrc": "x", "/.git/config": "x", "/.assetsignore": "x",
      "/_worker.js": "x", "/_worker.js/a": "x", "/keys/ID_RSA": "x", [`/${"ü".repeat(600)}`]: "x", "/u\u0308": "1", "/ü": "2", "/type": { body: "x", contentType: "text/html\r\nSet-Cookie: a=b" }, "/": "x", "": "x",
      "/_redirects": "/a\n/ok /fine\n/b /c 999\n", "/_headers": "X: y\n",
    }, 0, { code: { main: "index.js", modules: {}, compatibilityDate: "2026-01-01" }, options: { html_handling: "x" as never } });
    assert.equal(name, "RefusedError");
    assert.deepEqual(problems!.map(({ path, line }) => (line ? `${path}:${line}` : path)), ["", "", "../up", "./x", ".assetsignore", ".env", ".env.local", ".git/config", "_headers:1", "_redirects:1", "_redirects:3", "_worker.js", "_worker.js/a", "a/.npmrc", "a//b", "back\\slash", "code", "html_handling", "keys/ID_RSA", "no-slash.txt", "nul\0", "type", "u\u0308", "ü", "ü".repeat(600)]);
    for (const { reason, fix } of problems!) assert.ok(reason && fix);
    assert.match(error, /^kv-sync refuses to deploy, what is live stays as it is:\n/);
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses what KV cannot hold", async () => {
    const { problems } = await deploy({ "/index.html": "x", "/film.mp4": "x".repeat((25 << 20) + 1) });
    assert.deepEqual(problems!.map(({ path, reason }) => [path, reason]), [["film.mp4", "the file has 25.0 MiB, and a value in KV at most 25"]]);
    const code = (js: string) => ({ code: { main: "a", modules: { a: { js } }, compatibilityDate: "2026-01-01" } });
    assert.match((await deploy({ "/index.html": "x" }, 0, code("x".repeat(25 << 20)))).error, /the code takes 25.0 MiB in KV/);
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
    ] as const) {
      const { error, name } = await deploy({ "/index.html": "x" }, 0, { code: bad as unknown as NonNullable<Deploy["code"]> });
      assert.equal(name, "RefusedError");
      assert.match(error, reason);
    }
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses settings and ids that are none", async () => {
    for (const project of ["", "../a", "A", "a/b", "a".repeat(64), "_x"]) assert.equal((await deploy(pages, 0, { project })).name, "RefusedError", project);
    assert.match((await deploy(pages, 0, { options: { html_handling: "x" as never, not_found_handling: "y" as never } })).error, /html_handling: .*\n.*not_found_handling: /);
    for (const options of [{ retain: 0 }, { retain: 1.5 }, { grace: -1 }]) assert.equal((await deploy(pages, 0, { options })).name, "TypeError");
    assert.deepEqual([platform.kv.reads, platform.kv.writes], [[], []]);
  });

  it("refuses to empty a project, or to drop more than half of it", async () => {
    assert.match((await deploy({})).error, /there is no file to serve; give allowShrink/);
    await deployed(pages);
    assert.match((await deploy({ "/a.txt": "a" }, 1)).error, /3 of 4 files would be removed/);
    assert.equal(await ask("/b.txt"), "b");
    assert.equal((await deployed({ "/a.txt": "a", "/b.txt": "b" }, 1)).removed, 2, "half is not more than half");
    assert.equal((await deployed({}, 2, { options: { allowShrink: true } })).removed, 2);
  });

  it("refuses more writes than a request may make", async () => {
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`/${i}.txt`, `${i}`]));
    assert.match((await deploy(many, 0, { options: { mostWrites: 14 } })).error, /15 values would be written, and a Worker may write 14/);
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
    for (const [hour, reachable] of [[1, "old"], [2, "old"], [4, 404]] as const) {
      await deployed({ ...pages, "/n.txt": `${hour}` }, hour, { options });
      assert.equal(await ask("/old.txt"), reachable, `hour ${hour}`);
    }
  });

  it("after a rollback, keeps what the deployments that it left had", async () => {
    await deployed(pages);
    await deployed({ ...pages, "/late.txt": "late" }, 1);
    const current = JSON.parse(platform.kv.values.get(currentKey)!.toString()) as { activations: { id: string; version: string; message: string; time: string }[]; version: unknown };
    const target = current.activations[1]!;
    const version = platform.kv.values.get(`project/shop/b/${target.version}`)!.toString();
    const activations = [{ ...target, id: "rollback-1", message: `Rollback to ${target.id}` }, ...current.activations];
    platform.kv.values.set(currentKey, Buffer.from(`{"format":1,"activations":${JSON.stringify(activations)},"version":${version}}`));
    assert.equal(await ask("/late.txt"), 404);
    await deployed({ ...pages, "/new.txt": "new" }, 2);
    assert.deepEqual([await ask("/late.txt"), await ask("/new.txt")], ["late", "new"]);
  });

  it("touches no key but its project's", async () => {
    platform.kv.values.set("project/shop-2/current", Buffer.from("{}"));
    platform.kv.values.set("shop/d/1", Buffer.from("a site"));
    await deployed(pages);
    assert.ok([...platform.kv.writes, ...platform.kv.reads.map(({ key }) => key)].every((key) => key.startsWith("project/shop/")));
  });

  it("stops where the uploads took too long for a prune to have spared them", async () => {
    platform.kv.refuse = (key, earlier) => (key.includes("/d/") && earlier < 2 ? 503 : undefined);
    const body = { project: "shop", random: "00c0ffee", files: { "/index.html": base64("home") }, options: { grace: 4 } };
    const reply = await platform.ask("upload", "/", { method: "POST", body: JSON.stringify(body) });
    assert.equal(reply.status, 422);
    assert.match(reply.body, /took longer than half the grace period/);
    assert.ok(!platform.kv.values.has(currentKey));
  });
});
