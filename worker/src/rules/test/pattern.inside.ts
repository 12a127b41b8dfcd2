import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { HeaderRules } from "../header_rules";
import { Pattern } from "../pattern";

function match(pattern: string, address: string): Record<string, string> | undefined {
  const captures = new Pattern(pattern).match(new URL(address, "https://example.com"));
  return captures && Object.fromEntries(captures);
}

test("splats and placeholders", () => {
  const cases: [pattern: string, address: string, captures: Record<string, string> | undefined][] = [
    ["/a", "/a", {}],
    ["/a", "/ab", undefined],
    ["/a", "/b/a", undefined],
    ["/*", "/", { splat: "" }],
    ["/*", "/a/b//c", { splat: "a/b//c" }],
    ["/a/*", "/a", undefined],
    ["/a/*/z", "/a/b/z/z", { splat: "b/z" }],
    ["/a/*/z", "/a/z", undefined],
    ["*.css", "/a/b.css", { splat: "/a/b" }],
    ["/:a", "/x", { a: "x" }],
    ["/:a", "/", undefined],
    ["/:a", "/x/", undefined],
    ["/:a/:b", "/x/y", { a: "x", b: "y" }],
    ["/:year-:month", "/2024-05-06", { year: "2024-05", month: "06" }],
    ["/:a:b", "/xyz", { a: "xy", b: "z" }],
    ["/:a:b", "/x", undefined],
    ["/:a.html", "/x.html.html", { a: "x.html" }],
    ["/:a/*", "/x/y/z", { a: "x", splat: "y/z" }],
    ["/:1", "/:1", {}],
    ["/:__proto__", "/x", undefined],
    ["/:constructor/:toString", "/x/y", { constructor: "x", toString: "y" }],
    ["/ü", "/%C3%BC", {}],
    ["/ü/*", "/%C3%BC/x", { splat: "x" }],
    ["/a b", "/a%20b", {}],
    ["/(.+)+$", "/aaaa", undefined],
    ["/[a]", "/[a]", {}],
    ["https://example.com/a", "/a", {}],
    ["https://EXAMPLE.com/a", "http://example.com:8080/a", {}],
    ["https://example.com/a", "https://www.example.com/a", undefined],
    ["https://example.com/*", "https://example.com/x", { splat: "x" }],
    ["https://example.com", "https://example.com/", {}],
    ["https://:sub.example.com/:a", "https://de.example.com/x", { sub: "de", a: "x" }],
    ["https://:sub.example.com/", "https://a.b.example.com/", undefined],
    ["https://*.example.com/", "https://a.b.example.com/", { splat: "a.b" }],
  ];
  for (const [pattern, address, captures] of cases)
    assert.deepEqual(match(pattern, address), captures, `${pattern} ${address}`);
});

test("a pattern matches like the equivalent regular expression", () => {
  const pieces = ["/", "a", "ab", ":x", ":y", "*", "-"];
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  let matched = 0;
  for (let round = 0; round < 5000; round++) {
    const chosen = Array.from({ length: 1 + random(5) }, () => pieces[random(pieces.length)]!);
    const wild = chosen.filter((piece) => piece === "*" || piece.startsWith(":"));
    if (new Set(wild).size !== wild.length) continue;
    // A letter after a placeholder would belong to its name.
    if (chosen.some((piece, i) => piece.startsWith(":") && /^[a-z]/.test(chosen[i + 1] ?? ""))) continue;
    const expression = chosen
      .map((piece) => (piece === "*" ? "(?<splat>.*)" : piece.startsWith(":") ? `(?<${piece.slice(1)}>[^/]+)` : piece))
      .join("");
    const path = `/${Array.from({ length: random(8) }, () => "/ab-"[random(4)]).join("")}`;
    const result = new RegExp(`^/${expression}$`).exec(path);
    if (result) matched++;
    const url = { pathname: path, hostname: "h" } as URL;
    const captures = new Pattern(`/${chosen.join("")}`).match(url);
    // The fake URL needs no parser, because these paths have no dot segments.
    assert.deepEqual(
      captures && Object.fromEntries(captures),
      result ? { ...result.groups } : undefined,
      `/${chosen.join("")} ${path}`,
    );
  }
  assert.ok(matched > 200, `${matched} matched`);
});

test("a hostile pathname does not take exponential time", () => {
  // With backtracking, this would practically never end.
  const patterns = ["/:a-:b-:c-:d-:e-:f-:g-!", "/:a:b:c:d:e:f:g:h/!", "/*-:a-:b-:c/!", "/:a/:b/:c/*/:d/:e/!"].map(
    (source) => new Pattern(source),
  );
  for (const text of ["-".repeat(8192), "a-".repeat(4096), "/a".repeat(4096), "a".repeat(8192)]) {
    const url = new URL(`/${text}`, "https://example.com");
    for (const pattern of patterns) assert.equal(pattern.match(url), undefined);
  }
});

test("header rules replace, append and remove headers", () => {
  const rules = new HeaderRules([
    {
      path: "/*",
      set: [
        ["X-A", "one"],
        ["Cache-Control", "no-cache"],
      ],
      unset: [],
    },
    {
      path: "/a/:id",
      set: [
        ["x-a", "two :id"],
        ["X-B", ":id :other"],
      ],
      unset: ["ETag", "Not-There"],
    },
    { path: "/b", set: [["X-A", "three"]], unset: [] },
  ]);
  const response = new Response(null, { headers: { etag: '"x"', "cache-control": "public" } });
  rules.apply(new URL("https://example.com/a/7"), response.headers);
  assert.deepEqual(Object.fromEntries(response.headers), {
    "cache-control": "no-cache",
    "x-a": "one, two 7",
    "x-b": "7 :other",
  });
});
