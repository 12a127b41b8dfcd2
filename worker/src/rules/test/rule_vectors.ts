// Texts of _redirects and _headers with their results, for
// testdata/project/rule-files.json. The Go side must have the same results.

import { parseHeaders } from "../headers_file";
import type { Problem } from "../problem";
import { parseRedirects } from "../redirects_file";

/** One text and its parsed rules. */
export interface RuleVector {
  kind: "redirects" | "headers";
  /** Redirects only: "" or "none". */
  html_handling: string;
  /** In base64, because some are not valid UTF-8. */
  text: string;
  rules: object[];
  /** The problems. The Go side compares the reasons without their quoted parts, because Go quotes differently. */
  problems: PlainProblem[];
  /** The notices, which describe the rules that are left out. */
  notices: PlainProblem[];
}

type PlainProblem = { line: number; reason: string; fix: string };

const redirects: (string | Uint8Array)[] = [
  "",
  "\ufeff# moved\r\n/home301 / 301\r\n\nnotslash /b\n/twitch https://twitch.tv\n/frag /b#part   # why\n" +
    "/q?x=1#y /b?x=1#y 307\n/a/../b/%2e/é /ok 308\n/port https://example.com:8443/x 303\n" +
    "/blog/* https://blog.my.domain/:splat\n/products/:code/:name /products?code=:code&name=:name\n" +
    "/app/* /app-shell 200\n/x/ /y 200\n",
  "/a",
  "/a /b 301 x",
  "/a # b",
  "/a /b 404",
  "/a /b 0301",
  "/a b",
  "/a http://b.example/",
  "https://a.example/ /b",
  "/a https://b.example/ 200",
  "/://so;`me /x\n/a:///b /y\nhttp://a.example/ /z\nb://c /w\n",
  "/to/:host https://:host/x\n/on/* https://:splat\n/in/:a/:b https://:a.:b/\n/l/:l https://:l.example.com/:l\n" +
    "/port/:p https://example.com:8443/:p\n/none https://:none.example.com/\n/s/* https://:splat.example.com:80/\n",
  "/* /index.html 200",
  "/* /index",
  "/ /index.html",
  "/docs/ /docs/index 301",
  "/app/* /app/index.html 200\n/category/* /tags/:splat/index 301\n/app /app/index.html\n",
  "/a/*/b/* /c",
  "/:a/:a /c",
  "/:splat/* /c",
  "/a\\b /c",
  "/dup /1\n/dup /2",
  `/${"é".repeat(1000)} /b`,
  `/${"🙂".repeat(996)} /b`,
  Uint8Array.of(0x2f, 0xff, 0x20, 0x2f, 0x62),
  "/ok /a\n/b\0 /c\n",
  "\ufeff\ufeff/a /b",
  "bad\n/ok /fine\n/a b\n/c /d 999\n",
  "/a\u00a0/b\u2003301\n\u0085/c\v/d\f302\u3000\n\ufeff/e /f\n",
  "/%2E%2e/a/.%2E/b/%2e /x\n/a/.. /y\n/a/. /z\n/.../b /w\n/%2e%2e%2e /v",
  '/"<>`{}|^ /"<>`{}?"<>`{}#"<>`{}\n/a?#b /c?#\n',
  "https:///a /b\n/a https:///b.example//c\n/b https://\n/c https:///",
  "/a /b\n/b /c\n/c /a?x#y\n/d /a\n",
  "/a /a\n/b/* /b/:splat\n/c/:x /c/:x\n/:x/y /:x/y\n",
  "/a /b\n/b /a 200\n/c/* /c/d\n/x/* /x/:splat/z\n/e https://e.example/e\n/f //f\n",
  "/a/:x /a/b\n/s/*/t /s/t\n/s/* /s//t\n/p:x:y:z /pqr\n",
  Array.from({ length: 9 }, (_, i) => `/${i} /${(i + 1) % 9}`).join("\n"),
  Array.from({ length: 2001 }, (_, i) => `/s${i} /x`).join("\n"),
  Array.from({ length: 101 }, (_, i) => `/d${i}/:p /x`).join("\n"),
  `/d/* /x\n${Array.from({ length: 100 }, (_, i) => `/s${i} /x`).join("\n")}`,
];

const headers: (string | Uint8Array)[] = [
  "",
  "# security\n/secure/page\n  X-Frame-Options: DENY\n  X-Content-Type-Options: nosniff\n" +
    "/static/* # not a comment\n  Access-Control-Allow-Origin: *\n  Link: </a>; rel=preload\n" +
    "  ! X-Robots-Tag\n  link: </b>; rel=preload\n" +
    "https://:project.example.dev/*\nX-Robots-Tag: noindex\n" +
    '/movies/:title\n  x-movie-name: You are watching ":title"\n/a b\n  ! Age\n',
  "X-A: b",
  "/a\n/b\n  X: y",
  "/a\n X: y\n/b",
  "/a\n nonsense",
  "/a\n !X-A",
  "/a\n X A: b",
  "/a\n : b",
  "/a\n ! X-A: b",
  "/a\n ! X A",
  "/a\n X-A:",
  "/a\n X-A: b\u0001c",
  "/a\n X-A: b\tc\u007f",
  "/a\n X-A: b\tc",
  "http://a.example/*\n X: y",
  "/a\n Link:https://b.example/",
  "https://a.example:8080/*\n X: y",
  "/*/a/*\n X: y",
  "/:a/:a\n X: y",
  `/a\n X: ${"y".repeat(2000)}`,
  Uint8Array.of(0x2f, 0x61, 0x0a, 0x58, 0x3a, 0xff),
  "/a\n \u212aey: kelvin\n \u00a0X\u3000:\u00a0y\u2003\n X: \ufeffz",
  `${Array.from({ length: 101 }, (_, i) => `/a${i}\n X: y`).join("\n")}`,
];

/** Returns pseudo-random texts, which are the same in every run. */
function random(pieces: string[], count: number): string[] {
  let state = 12345;
  const next = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 4 + next(24) }, () => pieces[next(pieces.length)]!).join(""),
  );
}

const redirectPieces = [
  "/",
  "/",
  " ",
  " ",
  "\n",
  "\n",
  "a",
  "b",
  "*",
  ":x",
  ":y",
  "#",
  "?",
  "..",
  ".",
  "%2e",
  "%",
  "\\",
  "é",
  "https://",
  "e.example",
  ":80",
  "301",
  " 200",
  "index",
  ".html",
  "\t",
  "\u2003",
  '"',
  "<",
];
const loopPieces = ["/a", "/b", "/a", "/b", "/:x", "/*", "/:splat", " ", " ", " ", "\n", "\n", " 200", "?q", "/c", "c"];
const headerPieces = [
  "/",
  "\n",
  "\n",
  " ",
  " ",
  ":",
  ": ",
  "X-A",
  "x-a",
  "! ",
  "!",
  "*",
  ":h",
  "https://",
  "e.example",
  ":80",
  "#",
  "..",
  "v",
  ",",
  "é",
  "\u0001",
  "\\",
  "%2E",
  "\u00a0",
  "\ufeff",
];

/** Returns the results of the TypeScript side. */
export function ruleVectors(): RuleVector[] {
  const encode = (text: string | Uint8Array) => (typeof text === "string" ? new TextEncoder().encode(text) : text);
  const vector = (kind: RuleVector["kind"], html_handling: string, text: Uint8Array): RuleVector => {
    const { rules, problems, notices } =
      kind === "redirects"
        ? parseRedirects("_redirects", text, html_handling)
        : { ...parseHeaders("_headers", text), notices: [] };
    const plain = (list: Problem[]) => list.map(({ line, reason, fix }) => ({ line: line!, reason, fix }));
    return {
      kind,
      html_handling,
      text: Buffer.from(text).toString("base64"),
      rules,
      problems: plain(problems),
      notices: plain(notices),
    };
  };
  return [
    ...redirects.map((text) => vector("redirects", "", encode(text))),
    vector("redirects", "none", encode("/ /index.html 200\n/* /index.html 200\n/a/ /index\n")),
    ...random(loopPieces, 300).map((text) => vector("redirects", "", encode(text))),
    ...random(redirectPieces, 300).map((text) => vector("redirects", "", encode(text))),
    ...headers.map((text) => vector("headers", "", encode(text))),
    ...random(headerPieces, 300).map((text) => vector("headers", "", encode(text))),
  ];
}
