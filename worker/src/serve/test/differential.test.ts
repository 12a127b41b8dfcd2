// Sends the same requests to our default Worker and to workerd's built-in Static Assets
// (the oracle), which have the same files. The responses must be equal, except for intended
// differences, which docs/serving.md lists. They are removed before the comparison.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Platform, type Reply, type RequestOptions } from "../../../test/platform";
import type { Site } from "../../../test/test_site";
import { randomRules } from "./random_rules";

const tree: Record<string, string> = {
  "/index.html": "root",
  "/404.html": "root 404",
  "/file.html": "file",
  "/folder/index.html": "folder",
  "/folder/404.html": "folder 404",
  "/both.html": "both file",
  "/both/index.html": "both folder",
  "/same.html": "same",
  "/same/index.html": "same",
  "/deep/er/index.html": "deeper",
  "/deep/er/page.html": "page",
  "/odd/index": "no html",
  "/style.css": "b{}",
  "/script.js": "let a",
  "/data.json": "{}",
  "/image@2x.png": "png",
  "/with space.html": "space",
  "/ünïcode/日本.html": "unicode",
  "/per%20cent.html": "percent",
  "/[brackets](1)+,;='!$&~.txt": "reserved",
  "/Case.html": "case",
  "/a.b.html": "dots",
  "/x.html.html": "twice",
  "/noext": "no extension",
  "/bin": "binary",
  "/bin.html": "page of the binary",
};

const handlings = ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"];
const notFounds = ["404-page", "single-page-application", "none"];

const plain: Site[] = handlings.flatMap((html, h) =>
  notFounds.map((notFound, n) => ({ name: `plain-${h}-${n}`, files: tree, html, notFound })),
);

const ruled: Site = {
  name: "ruled",
  files: tree,
  redirects: `# static
/old /new
/old301 /file 301
/old303 /file 303
/old307 /file 307
/old308 /file 308
/query /file?fixed=1 302
/hash /file#part 302
/away https://other.example.org/path 302
/away-query https://other.example.org/path?a=1#b 302
/file2 /file 200
/css /style.css 200
/nowhere /not/there 200
/with%20space /file 302
/ünï /file 302
/style.css /moved.css 302
/same-origin https://example.com/file 301
# dynamic
/blog/* /news/:splat 301
/user/:id /profile?id=:id 302
/p/:year/:month/* /archive/:year-:month/:splat 302
/proxy/* /folder/ 200
/proxied/:name /:name 200
/away/* https://other.example.org/:splat 302
/:lang/docs/:page /docs/:lang/:page 307
/user/me /never 302
/merge/* /x//y/:splat 302
/proxied-deep/* /deep/:splat 200
*.php /no-php 302
`,
  headers: `/*
  X-All: yes
  X-Many: one
/file
  X-Many: two
  X-Many: three
  Content-Type: text/x-file
/folder/*
  X-Splat: :splat
  ! X-All
/:name
  X-Name: the :name
/style.css
  ! Cache-Control
  ! ETag
/script.js
  Cache-Control: public, max-age=31536000, immutable
https://example.com/data.json
  X-Host: example
https://:sub.example.com/data.json
  X-Sub: :sub
https://elsewhere.com/*
  X-Elsewhere: no
/old
  X-On-Redirect: yes
/not/*
  X-On-404: :splat
`,
};

const seeds: number[] = (process.env["SEEDS"] ?? "1,2,3").split(",").map(Number);
const generated = seeds.map((seed) => randomRules(seed));

/** Returns pathnames that may lead to a file, in several encodings. */
function spellings(file: string): string[] {
  const stem = file.replace(/(\/index)?\.html$/, "");
  const raw = [
    file,
    stem,
    `${stem}/`,
    `${stem}/index`,
    `${stem}/index.html`,
    `${stem}.html`,
    `${file}/`,
    `${file}.html`,
    `${stem}/nothing`,
    `${stem}x`,
  ];
  return raw.flatMap((path) => {
    const encoded = path.split("/").map(encodeURIComponent).join("/") || "/";
    return [
      encoded,
      encodeURI(path) || "/",
      `/${encoded}`,
      encoded.replace(/[a-z](?=[a-z.]*$)/, (c) => `%${c.charCodeAt(0).toString(16)}`),
      `${encoded}?q=1&r=%20`,
    ];
  });
}

const unusualPaths = [
  "/%zz",
  "/a%zz",
  "/%",
  "/%ff",
  "/constructor",
  "/__proto__",
  "//",
  "///",
  "//evil.com/",
  "//evil.com/file",
  "/%2f",
  "/%2ffile",
  "/folder%2f",
  "/folder%2findex.html",
  "/..%2f",
  "/%2e%2e/file",
  "/./file",
  "/folder/../file",
  "/%00",
  "/file%00",
  "/FILE",
  "/case",
  "/CASE.HTML",
  "/file;x",
  "/file,",
  "/~",
  "/'",
  "/:name",
  "/*",
  "/folder//",
  "/folder//index.html",
  "/index.html/index.html",
  "/404",
  "/404.html",
  "/folder/404",
  "/a/b/c/d/e/f/g",
  "/deep/er/",
  "/deep/",
  "/x.html",
  "/x",
  "/.html",
  "/folder/.html",
  "/%5cfile",
  "/?",
  "/file?",
  "/file?a=b?c",
];

const ruledPaths = [
  "/old",
  "/old/",
  "/old?x=1",
  "/old301",
  "/old303",
  "/old307?a=%20",
  "/old308",
  "/query",
  "/query?x=1",
  "/hash",
  "/hash?x=1",
  "/away",
  "/away?x=1",
  "/away-query?x=1",
  "/file2",
  "/file2?x=1",
  "/css",
  "/nowhere",
  "/with%20space",
  "/%C3%BCn%C3%AF",
  "/same-origin",
  "/blog/",
  "/blog",
  "/blog/a/b?c=d",
  "/blog//x",
  "/blog/%2fx",
  "/blog/%20",
  "/user/7",
  "/user/7/",
  "/user/me",
  "/user/",
  "/p/2024/05/a/b",
  "/p/2024/05/",
  "/p/2024/05",
  "/proxy/",
  "/proxy/x/y",
  "/proxied/file",
  "/proxied/file.html",
  "/proxied/style.css",
  "/proxied/none",
  "/proxied/folder",
  "/away/x?y=z",
  "/away//x",
  "/merge/a",
  "/merge//a//b",
  "/proxied-deep/er/",
  "/proxied-deep//er/page",
  "/proxied-deep/er/page.html",
  "/de/docs/x",
  "/de/docs/",
  "/x.php",
  "/folder/x.php",
  "/not/there",
  "/folder/a/b",
  "/data.json",
  "/script.js",
  "/style.css",
  "/file",
  "/folder/",
];

const methods: RequestOptions[] = [{}, { method: "HEAD" }, { method: "POST" }];
const extras: RequestOptions[] = [
  { method: "PUT" },
  { method: "DELETE" },
  { method: "OPTIONS" },
  { headers: { authorization: "Basic eDp5" } },
  { headers: { "if-none-match": '"other"' } },
  { headers: { "if-modified-since": "Thu, 01 Jan 1970 00:00:01 GMT" } },
  { headers: { "sec-fetch-mode": "navigate" } },
  { headers: { host: "de.example.com" } },
];

/** Headers that are not compared: headers of the server, and intended differences. */
const ignored = new Set(["date", "connection", "keep-alive", "etag", "last-modified", "allow", "accept-ranges"]);

/**
 * Headers that may be missing: an empty body needs no length, and the oracle sends no type for an unknown extension.
 */
const ignoredValues = new Set(["content-length: 0", "content-type: application/octet-stream"]);

function comparable(reply: Reply): unknown {
  const headers = Object.entries(reply.headers).filter(
    ([name, value]) =>
      !ignored.has(name) &&
      !ignoredValues.has(`${name}: ${value}`) &&
      !(reply.status === 304 && name === "content-type"),
  );
  return { status: reply.status, headers: Object.fromEntries(headers.sort()), body: reply.body };
}

describe("compared with workerd's Static Assets", () => {
  let platform: Platform;
  let requestCount = 0;
  const sites = [...plain, ruled, ...generated.map(({ site }) => site)];
  const parted = sites.map((site): Site => ({ ...site, name: `${site.name}-parted`, perPart: 4 }));
  before(async () => (platform = await Platform.start([...sites, ...parted], sites)));
  after(() => platform.stop());

  async function compare(site: Site, requests: [path: string, options: RequestOptions][]): Promise<void> {
    const differences: string[] = [];
    const queue = requests.entries();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const [i, [path, options]] of queue) {
          // Every second request goes to the same site with a manifest in parts.
          const form = i % 2 === 0 ? "" : "-parted";
          const [ours, theirs] = await Promise.all([
            platform.request(site.name + form, path, options),
            platform.request(`oracle-${site.name}`, path, options),
          ]);
          requestCount++;
          const [a, b] = [JSON.stringify(comparable(ours)), JSON.stringify(comparable(theirs))];
          if (a !== b) differences.push(`${form} ${path} ${JSON.stringify(options)}\n  ours   ${a}\n  theirs ${b}`);
        }
      }),
    );
    assert.equal(
      differences.length,
      0,
      `${site.name}: ${differences.length} of ${requests.length} differ\n${differences.slice(0, 25).join("\n")}`,
    );
  }

  const everyFile = [...new Set([...Object.keys(tree).flatMap(spellings), ...unusualPaths])];

  for (const site of plain) {
    it(`${site.html}, ${site.notFound}`, async () => {
      await compare(
        site,
        everyFile.map((path, i) => [path, i % 7 === 0 ? methods[(i / 7) % 3]! : {}]),
      );
    });
  }

  // From some of these pathnames, Static Assets redirect twice, or serve a page at two pathnames (docs/serving.md).
  // Both sides must end with the same response.
  for (const site of plain) {
    it(`index below a pathname, ${site.html}, ${site.notFound}`, async () => {
      const finalResponse = async (service: string, path: string): Promise<unknown> => {
        for (let steps = 0; ; steps++) {
          const reply = await platform.request(service, path);
          requestCount++;
          const { location } = reply.headers;
          if (location === undefined) return comparable(reply);
          assert.ok(steps < 3, `${service}: too many redirects from ${path}`);
          path = location;
        }
      };
      for (const file of Object.keys(tree)) {
        const stem = encodeURI(file.replace(/(\/index)?\.html$/, ""));
        for (const end of ["/index/", "/index/index", "/index/index.html", "/index.html/", "/index?q=1"]) {
          const [ours, theirs] = await Promise.all([
            finalResponse(site.name, stem + end),
            finalResponse(`oracle-${site.name}`, stem + end),
          ]);
          assert.deepEqual(ours, theirs, stem + end);
        }
      }
    });
  }

  it("redirects and headers", async () => {
    const paths = [...new Set([...ruledPaths, ...unusualPaths, ...everyFile.filter((_, i) => i % 5 === 0)])];
    await compare(
      ruled,
      paths.flatMap((path) => methods.map((options): [string, RequestOptions] => [path, options])),
    );
    await compare(
      ruled,
      ruledPaths.flatMap((path) => extras.map((options): [string, RequestOptions] => [path, options])),
    );
  });

  for (const { site, paths } of generated) {
    it(`random rules, ${site.name}`, async () => {
      await compare(
        site,
        paths.map((path) => [path, {}]),
      );
    });
  }

  it("conditional requests, each with its own ETag", async () => {
    const differences: string[] = [];
    for (const path of ["/", "/file", "/style.css", "/nothing/here", "/old"]) {
      for (const site of [plain[0]!, plain[1]!, ruled]) {
        for (const method of ["GET", "HEAD"]) {
          for (const spell of [(tag: string) => tag, (tag: string) => `W/${tag}`, () => '"no"', () => "nonsense"]) {
            const replies = [];
            for (const service of [site.name, `oracle-${site.name}`]) {
              const { headers } = await platform.request(service, path);
              const reply = await platform.request(service, path, {
                method,
                headers: { "if-none-match": spell(headers.etag ?? '"none"') },
              });
              replies.push(JSON.stringify(comparable(reply)));
            }
            requestCount++;
            if (replies[0] !== replies[1])
              differences.push(
                `${site.name} ${path} ${spell('"tag"')}\n  ours   ${replies[0]}\n  theirs ${replies[1]}`,
              );
          }
        }
      }
    }
    assert.equal(differences.length, 0, differences.join("\n"));
  });

  it("made enough requests", () => {
    assert.ok(requestCount > 5000, `${requestCount} requests`);
    console.log(`${requestCount} requests compared`);
  });
});
