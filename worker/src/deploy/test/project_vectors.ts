// Writes testdata/project/: `npm run vectors`. Each vector is one deploy in real
// workerd, with the values of KV before and after it. The files are committed, and
// `npm test` checks that they are up to date.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type OtherWorker, Platform } from "../../../test/platform";
import { encodeValue, type Runs, type Value } from "../../../test/values";
import { contentType, contentTypes } from "../../rules/content_type";
import { contentVectors } from "../../rules/test/content_vectors";
import { ruleVectors } from "../../rules/test/rule_vectors";
import type { Deploy } from "./upload";

/** The folder of the files, relative to worker/. */
export const projectFolder = "../testdata/project";

/** A test vector. */
export interface ProjectVector {
  about: string;
  deploy: Deploy;
  /** KV before, by key. */
  before: Record<string, Value>;
  /** The result of deployProject. */
  result: Record<string, unknown>;
  /** The written values by key. No other key changes. Blobs come first, sorted by key; then the order of the writes. */
  writes: Record<string, Value>;
}

/** The Worker that deploys vectors. */
export const uploadWorker: OtherWorker = { name: "upload", main: "src/deploy/test/upload.ts" };

const base64 = (text: string) => Buffer.from(text).toString("base64");
const files = (texts: Record<string, string>) =>
  Object.fromEntries(Object.entries(texts).map(([path, text]) => [path, base64(text)]));

const pages = {
  "/index.html": "<h1>Shop</h1>\n",
  "/about.html": "About\n",
  "/css/style.css": "b{}\n",
  "/copy-of-style.css": "b{}\n",
};
const code: NonNullable<Deploy["code"]> = {
  main: "index.js",
  modules: {
    "index.js": {
      js:
        'import words from "./words.txt"; ' +
        'export default { fetch: (request, env) => new URL(request.url).pathname === "/words" ? ' +
        "new Response(words + env.GREETING) : env.ASSETS.fetch(request) };\n",
    },
    "words.txt": { text: "<ü & \u2028>" },
    "add.wasm": { wasm: Buffer.from("\0asm\x01\0\0\0", "latin1").toString("base64") },
    "table.bin": { data: Buffer.from([0, 1, 254, 255]).toString("base64") },
  },
  compatibilityDate: "2026-01-01",
  compatibilityFlags: ["nodejs_compat"],
  env: { GREETING: "hello", LIMITS: { b: [1, 2.5, null], a: true } },
};

/** A file of 28 MiB and 16 bytes, which has two different chunks. */
const film = (second: string): Runs => ({
  runs: [
    ["0123456789abcdef", 1 << 20],
    [second, (12 << 16) + 1],
  ],
});

/** Patterns of the files that everyone may read, although the code gets every request. */
const retire = ["/copy-of-*", "/new.txt"];

const day = 86_400_000;
const begin = Date.UTC(2026, 10, 21, 2, 45, 12, 345);
/** The cases in order. A case with `after` starts with the KV after the named case. */
const cases: {
  name: string;
  about: string;
  after?: string;
  deploy: Omit<Deploy, "project" | "now" | "random"> & { at: number; project?: string };
}[] = [
  {
    name: "first",
    about:
      "A first deploy with assets and code: two equal files share a blob. " +
      "The code has every kind of variable and module.",
    deploy: { at: 0, files: files(pages), code, options: { retire } },
  },
  {
    name: "one-changed",
    after: "first",
    about: "One file changed: only its blob is uploaded. The other files keep their keys and times.",
    deploy: { at: day, files: files({ ...pages, "/about.html": "About us\n" }), code, options: { retire } },
  },
  {
    name: "removed",
    after: "one-changed",
    about: "One file is removed and becomes retired, and one is added.",
    deploy: {
      at: 2 * day,
      files: files({
        "/index.html": pages["/index.html"],
        "/css/style.css": "b{}\n",
        "/about.html": "About us\n",
        "/new.txt": "new\n",
      }),
      code,
      options: { retire },
    },
  },
  {
    name: "retired-goes-on",
    after: "removed",
    about: "The retired files count down. A retired file that is deployed again is no longer retired.",
    deploy: {
      at: 2 * day + 5000,
      files: files({
        "/index.html": "<h1>Sale</h1>\n",
        "/css/style.css": "b{}\n",
        "/about.html": "About us\n",
        "/new.txt": "new\n",
      }),
      code,
      options: { retain: 2, retire },
    },
  },
  {
    name: "code-only",
    after: "one-changed",
    about: "Only the code changed: the served manifest keeps its key.",
    deploy: {
      at: 2 * day,
      files: files({ ...pages, "/about.html": "About us\n" }),
      code: { ...code, env: { GREETING: "hi" } },
    },
  },
  {
    name: "code-gone",
    after: "one-changed",
    about: "The code is removed: the project has only assets.",
    deploy: { at: 2 * day, files: files({ ...pages, "/about.html": "About us\n" }) },
  },
  {
    name: "no-change",
    after: "one-changed",
    about: "Nothing changed: nothing is written.",
    deploy: { at: 2 * day, files: files({ ...pages, "/about.html": "About us\n" }), code, options: { retire } },
  },
  {
    name: "repair",
    after: "one-changed",
    about: "Repair: everything is written under new keys.",
    deploy: { at: 2 * day, files: files({ ...pages, "/about.html": "About us\n" }), code, options: { repair: true } },
  },
  {
    name: "assets-only",
    about: "A project without code, with an author, a subject and settings.",
    deploy: {
      at: 0,
      project: "docs_2",
      files: files({ "/index.html": "docs\n" }),
      options: {
        actor: "ada@example.com",
        subject: "Fix <typos> & more",
        html_handling: "drop-trailing-slash",
        not_found_handling: "single-page-application",
      },
    },
  },
  {
    name: "rules",
    about: "_redirects and _headers are compiled and not published.",
    deploy: {
      at: 0,
      files: files({
        "/index.html": "home\n",
        "/_redirects": "# moved\n/old/* /new/:splat 301\n/ü /u?x=<y> 302\n/home / 308\n/app/* /index.html?a=1 200\n",
        "/_headers":
          "/*\n  X-Frame-Options: DENY\n  Link: </a>; rel=preload\n  Link: </b>; rel=preload\n  ! Server\n" +
          "https://:p.example.dev/*\n  X-Robots-Tag: noindex\n",
        "/docs/_redirects": "published\n",
      }),
    },
  },
  {
    name: "types",
    about: "Content types: by extension, one that the caller sets, and one for an unknown extension.",
    deploy: {
      at: 0,
      files: {
        ...files({ "/a.html": "a", "/b.JS": "b", "/c.svg": "c", "/CNAME": "d", "/e.unheard-of": "e" }),
        "/feed": { body: base64("f"), contentType: "application/atom+xml; charset=utf-8" },
      },
    },
  },
  {
    name: "paths",
    about:
      "Paths with characters outside of ASCII keep their spelling. " +
      "They are sorted by their bytes in UTF-8: U+FF5E before U+1F642.",
    deploy: {
      at: 0,
      files: files({
        "/u\u0308ber.html": "decomposed\n",
        "/\u00fcber.html": "composed\n",
        "/～.txt": "fullwidth tilde\n",
        "/🙂.txt": "smile\n",
        "/a b&c%20+d.txt": "odd\n",
        "/.well-known/security.txt": "hello\n",
        "/empty.txt": "",
        "/ü/日本語/index.html": "page\n",
        "/__proto__": "p",
        "/constructor.txt": "c",
      }),
    },
  },
  {
    name: "chunked",
    about: "A file of more than 25 MiB, as a stream: it becomes chunks and a chunk index.",
    deploy: {
      at: 0,
      files: { ...files({ "/index.html": "film\n" }), "/film.mp4": { body: film("fedcba9876543210"), as: "stream" } },
    },
  },
  {
    name: "chunk-changed",
    after: "chunked",
    about:
      "One chunk of the file changed: that chunk and the index are written, and the other chunk keeps its key. " +
      "A copy of the file shares the index.",
    deploy: {
      at: day,
      files: {
        ...files({ "/index.html": "film\n" }),
        "/film.mp4": film("FEDCBA9876543210"),
        "/copy.mp4": film("FEDCBA9876543210"),
      },
    },
  },
  {
    name: "chunked-removed",
    after: "chunked",
    about: "The chunked file is removed, and becomes retired.",
    deploy: { at: day, files: files({ "/index.html": "film\n" }) },
  },
  {
    name: "guarded",
    after: "one-changed",
    about:
      "Files and the code are removed: a file that the code guarded, and that no pattern makes public, is not retired.",
    deploy: {
      at: 2 * day,
      files: files({ "/index.html": pages["/index.html"], "/css/style.css": "b{}\n" }),
      options: { allowShrink: true },
    },
  },
];

/** Runs every case, and returns the generated files of testdata/project/ by name. */
export async function projectFiles(): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  const after = new Map<string, Map<string, Buffer>>();
  const platform = await Platform.start([], [], [uploadWorker]);
  try {
    for (const [i, { name, about, after: chain, deploy }] of cases.entries()) {
      const { at, project = "shop", ...rest } = deploy;
      const described: Deploy = { project, now: begin + at, random: (0x9f3c1a2b + i).toString(16), ...rest };
      const before = chain === undefined ? new Map<string, Buffer>() : after.get(chain)!;
      platform.kv.reset(before);
      const reply = await platform.request("upload", "/", { method: "POST", body: JSON.stringify(described) });
      if (reply.status !== 200) throw new Error(`${name}: ${reply.body}\n${platform.log}`);
      const isFile = (key: string) => /\/b\//.test(key) && !platform.kv.writes.slice(-3).includes(key);
      const written = [
        ...platform.kv.writes.filter(isFile).sort(),
        ...platform.kv.writes.filter((key) => !isFile(key)),
      ];
      const vector: ProjectVector = {
        about,
        deploy: described,
        before: Object.fromEntries([...before].map(([key, value]) => [key, encodeValue(value)])),
        result: JSON.parse(reply.body) as Record<string, unknown>,
        writes: Object.fromEntries(written.map((key) => [key, encodeValue(platform.kv.values.get(key)!)])),
      };
      out.set(`${name}.json`, `${JSON.stringify(vector, null, 1)}\n`);
      // Blobs are written in parallel, so their order may vary.
      after.set(name, new Map([...before.keys(), ...written].map((key) => [key, platform.kv.values.get(key)!])));
    }
  } finally {
    await platform.stop();
  }
  const extensions = [...contentTypes().keys()].map((extension) => [extension, contentType(`/a.${extension}`)]);
  const typesByExtension: unknown = Object.fromEntries(extensions);
  out.set("content-types.json", `${JSON.stringify(typesByExtension, null, 1)}\n`);
  out.set(
    "contents.json",
    `[\n${contentVectors()
      .map((vector) => JSON.stringify(vector))
      .join(",\n")}\n]\n`,
  );
  out.set(
    "rule-files.json",
    `[\n${ruleVectors()
      .map((vector) => JSON.stringify(vector))
      .join(",\n")}\n]\n`,
  );
  return out;
}

if (process.argv[1]?.endsWith("project_vectors.mjs")) {
  for (const [name, text] of await projectFiles()) {
    const path = join(projectFolder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
