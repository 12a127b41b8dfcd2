// The refusals of deployProject.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { maxValueBytes } from "../../format/chunks";
import { checkShrink } from "../plan";
import { checkSizes } from "../release";
import { type DeployResponse, deploy, film, mustDeploy, pages, platform, request } from "./shop";
import type { Deploy } from "./upload";

describe("refusals", () => {
  it("reports all unpublishable files in one error, and writes nothing", async () => {
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
        "ü".repeat(600),
      ],
    );
    for (const { reason, fix } of problems!) assert.ok(reason && fix);
    assert.match(error, /^kv-sync refuses to deploy, what is live stays as it is:\n/);
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses files and code that are too large for KV", async () => {
    const { problems } = await deploy({ "/index.html": "x", "/_redirects": film() });
    assert.deepEqual(
      problems!.map(({ path, reason }) => [path, reason]),
      [["_redirects", "the file is larger than 25 MiB"]],
    );
    const code = (js: string) => ({ code: { main: "a", modules: { a: { js } }, compatibilityDate: "2026-01-01" } });
    assert.match(
      (await deploy({ "/index.html": "x" }, 0, code("x".repeat(25 << 20)))).error,
      /the code takes 25.0 MiB in KV/,
    );
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses a list of files that is too large for KV, before anything is written", () => {
    const [small, large] = [new Uint8Array(1), new Uint8Array(maxValueBytes + 1)];
    checkSizes(small, small, "");
    assert.throws(() => checkSizes(large, small, ""), /files: the list of the files takes 25.0 MiB in KV/);
    assert.throws(() => checkSizes(small, large, ""), /files: the list of the files that are served takes 25.0 MiB/);
  });

  it("refuses invalid code", async () => {
    const good = { main: "a", modules: { a: { js: "" } }, compatibilityDate: "2026-01-01" };
    for (const [bad, reason] of [
      [{ ...good, main: "b" }, /not a JavaScript module/],
      [{ ...good, main: "t", modules: { t: { text: "" } } }, /not a JavaScript module/],
      [{ ...good, compatibilityDate: "today" }, /compatibility date/],
      [{ ...good, compatibilityFlags: ["a b"] }, /compatibility flag/],
      [{ ...good, modules: { ...good.modules, x: { py: "" } } }, /is not js, text/],
      [{ ...good, modules: { ...good.modules, "": { js: "" } } }, /has no name/],
      [{ ...good, modules: { ...good.modules, x: { js: "", text: "" } } }, /is not js, text/],
      [{ ...good, env: { ASSETS: "mine" } }, /ASSETS: .*rename the variable/],
    ] as const) {
      const { error, name } = await deploy({ "/index.html": "x" }, 0, {
        code: bad as unknown as NonNullable<Deploy["code"]>,
      });
      assert.equal(name, "RefusedError");
      assert.match(error, reason);
    }
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses invalid settings and ids", async () => {
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

  it("refuses a deploy without files, or with less than half as many as are live", async () => {
    assert.match((await deploy({})).error, /there is no file to serve; give allowShrink/);
    await mustDeploy(pages);
    assert.match((await deploy({ "/a.txt": "a" }, 1)).error, /1 of 4 files would be left; give allowShrink/);
    assert.equal(await request("/b.txt"), "b");
    assert.equal(
      (await mustDeploy({ "/a.1f3c.txt": "a", "/b.9e0b.txt": "b" }, 1)).removed,
      4,
      "half of the number is enough, even if all names change",
    );
    assert.equal((await mustDeploy({}, 2, { options: { allowShrink: true } })).removed, 2);
  });

  it("has the shrink check of kv-sync deploy", () => {
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
      /15 KV writes are needed, the limit for one request is 14/,
    );
    await mustDeploy(many, 0, { options: { mostWrites: 15 } });
    assert.equal(platform.kv.writes.length, 15);
  });

  it("reports invalid arguments", async () => {
    const call = async (...args: unknown[]) => {
      const reply = await platform.request("upload", "/", {
        method: "POST",
        body: JSON.stringify({ arguments: args }),
      });
      assert.equal(reply.status, 422, JSON.stringify(args));
      return JSON.parse(reply.body) as DeployResponse;
    };
    const good = { "/index.html": "home" };
    for (const files of [[], [null], [5], ["/index.html"], [[good]]]) {
      const { name, error } = await call("shop", ...files);
      assert.deepEqual(
        [name, /files: the files are not an object or a Map by pathname; use one like \{ "\/index.html"/.test(error)],
        ["RefusedError", true],
        error,
      );
    }
    for (const file of [null, 5, [], {}, { body: null }, { body: { body: "x" } }]) {
      const { name, error } = await call("shop", { "/index.html": file });
      assert.deepEqual(
        [
          name,
          /index.html: the file is not a string, ArrayBuffer, Uint8Array, Blob or ReadableStream; pass its bytes/.test(
            error,
          ),
        ],
        ["RefusedError", true],
        error,
      );
    }
    assert.match((await call()).error, /project: invalid id; use at most 63/);
    for (const options of [null, 5, "x", []])
      assert.match(
        (await call("shop", good, options)).error,
        /^deployProject: the options are not an object; use one like \{ kv: env.KV_SYNC_BLOBS \}/,
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
        [name, error.startsWith(`deployProject: invalid ${Object.keys(options)[0]}; use ${what}`)],
        ["TypeError", true],
        error,
      );
    }
    const code = { main: "a", modules: { a: "" }, compatibilityDate: "2026-01-01" };
    for (const [bad, reason] of [
      [null, /modules is not an object/],
      ["x", /modules is not an object/],
      [{ ...code, modules: null }, /modules is not an object/],
      [{ ...code, modules: ["a"] }, /modules is not an object/],
      [{ ...code, env: null }, /env is not an object/],
      [{ ...code, env: "x" }, /env is not an object/],
      [{ ...code, compatibilityFlags: "x" }, /invalid compatibility flags/],
      [{ ...code, compatibilityFlags: null }, /invalid compatibility flags/],
      [{ ...code, compatibilityDate: ["2026-01-01"] }, /invalid compatibility date/],
      [{ ...code, main: null }, /main is null, which is not/],
      [{ ...code, modules: { a: null } }, /is not js, text/],
      [{ ...code, modules: { a: "", b: { wasm: 5 } } }, /is not js, text/],
    ] as const) {
      const { name, error } = await call("shop", good, { code: bad });
      assert.deepEqual([name, reason.test(error)], ["RefusedError", true], error);
    }
    assert.deepEqual([platform.kv.reads, platform.kv.writes], [[], []]);
  });
});

describe("file contents", () => {
  const key = "-----BEGIN PRIVATE" + " KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n";
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";

  it("that are private keys or Git LFS pointers are refused in every form", async () => {
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
      /code: its main module has no default export; add one/,
    );
    assert.match(
      (await deploy(pages, 0, code("export default {}", { compatibilityFlags: ["no_such_flag"] }))).error,
      /No such compatibility flag/,
    );
    assert.deepEqual(platform.kv.writes, []);
  });

  it("calls no handler, and accepts every kind of main module", async () => {
    const answers = `fetch() { console.log("a handler ran"); return new Response("ran"); }`;
    for (const [i, js] of [
      `export default { ${answers} }`,
      `import { WorkerEntrypoint } from "cloudflare:workers";
        export default class extends WorkerEntrypoint { ${answers} }
        export class Other extends WorkerEntrypoint {}`,
      `import { env } from "cloudflare:workers"; if (env.A !== 1) throw new Error("no A");
        export default { ${answers} }`,
      `import words from "./words.txt"; if (words !== "hello") throw new Error(words);
        export default { ${answers} }; export const kvSyncStart = { ${answers} };`,
    ].entries()) {
      platform.log = "";
      const modules = {
        "src/index.js": { js },
        "src/words.txt": { text: "hello" },
        "kv-sync-start.js": { text: "its own" },
      };
      await mustDeploy(pages, i, code("", { modules, env: { A: 1 } }));
      assert.ok(!platform.log.includes("a handler ran"));
      assert.equal(await request("/"), "ran");
    }
  });

  it("starts only new code", async () => {
    const broken = code("throw new Error('boom')");
    await mustDeploy(pages, 0, { ...broken, start: false });
    await mustDeploy({ ...pages, "/d.txt": "d" }, 1, broken);
    assert.match((await deploy({ ...pages, "/d.txt": "d" }, 2, code("throw new Error('again')"))).error, /again/);
  });
});
