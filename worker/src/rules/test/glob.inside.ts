import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { Glob } from "../glob";

test("patterns of run_worker_first", () => {
  const cases: [pattern: string, matches: string[], others: string[]][] = [
    ["/a", ["/a"], ["/", "/a/", "/ab", "/b/a", "/A"]],
    ["/api/*", ["/api/", "/api/x", "/api/x/y"], ["/api", "/apix", "/v1/api/x"]],
    ["*", ["/", "/anything", ""], []],
    ["/*.js", ["/a.js", "/.js", "/x/y.js"], ["/a.jsx", "/js"]],
    ["/a*b*c", ["/abc", "/axbxc", "/abbcc", "/abcbc"], ["/ac", "/acb", "/abcd"]],
    ["/aa*aa", ["/aaaa", "/aaxaa"], ["/aa", "/aaa"]],
    ["/a*b*b", ["/abb", "/axbxb"], ["/ab"]],
    ["/a.c/:x/[y]?(z)+", ["/a.c/:x/[y]?(z)+"], ["/abc/1/y"]],
  ];
  for (const [pattern, matches, others] of cases) {
    for (const pathname of matches) assert.ok(new Glob(pattern).matches(pathname), `${pattern} ${pathname}`);
    for (const pathname of others) assert.ok(!new Glob(pattern).matches(pathname), `${pattern} ${pathname}`);
  }
});

test("a hostile pathname takes linear time", () => {
  // With backtracking, this would practically never end.
  assert.ok(!new Glob(`/${"*a".repeat(40)}b`).matches(`/${"a".repeat(8192)}`));
});
