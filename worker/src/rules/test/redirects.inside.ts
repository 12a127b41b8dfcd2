import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { Redirects } from "../redirects";

function follow(rules: [from: string, to: string, status?: number][], address: string): string {
  const redirects = new Redirects(rules.map(([from, to, status = 302]) => ({ from, to, status })));
  const found = redirects.match(new URL(address, "https://example.com"));
  if (!found) return "-";
  return "pathname" in found ? `=${found.pathname}` : `${found.status} ${found.location}`;
}

test("a URL is redirected by the first matching rule", () => {
  const cases: [rules: [string, string, number?][], address: string, expected: string][] = [
    [[["/a", "/b"]], "/a", "302 /b"],
    [[["/a", "/b", 308]], "/a?x=1", "308 /b?x=1"],
    [[["/a", "/b?y=2"]], "/a?x=1", "302 /b?y=2"],
    [[["/a", "/b#h"]], "/a?x=1", "302 /b?x=1#h"],
    [[["/a", "https://other.org/b#h"]], "/a?x=1", "302 https://other.org/b?x=1#h"],
    [[["/a", "https://example.com/b"]], "/a", "302 /b"],
    [[["/a/*", "/b/:splat", 301]], "/a/x/y", "301 /b/x/y"],
    [[["/:a/:b", "/:b/:a", 301]], "/x/y", "301 /y/x"],
    [[["/:a/:ab", "/:ab-:a", 301]], "/x/y", "301 /y-x"],
    [[["/:a/:b", "/:c", 301]], "/x/y", "301 /:c"],
    [[["/*", "/:splat!", 301]], "/:splat", "301 /:splat!"],
    [[["/a/*", "/b//c/:splat"]], "/a//x//y", "302 /b/c/x/y"],
    [[["/a/*", "/login?next=https://x.org/:splat"]], "/a/y", "302 /login?next=https://x.org/y"],
    [[["/a", "/b//c"]], "/a", "302 /b//c"],
    [[["/a/*", "https://other.org/:splat"]], "/a//x", "302 https://other.org//x"],
    [[["/a/*", "/c/", 200]], "/a/x", "=/c/"],
    [[["/a", "/b"]], "/b", "-"],
    [[["/constructor", "/b"]], "/__proto__", "-"],
    [
      [
        ["/*", "/dynamic"],
        ["/a", "/static"],
      ],
      "/a",
      "302 /dynamic",
    ],
    [
      [
        ["/a", "/static"],
        ["/*", "/dynamic"],
      ],
      "/a",
      "302 /static",
    ],
    [
      [
        ["/a", "/first"],
        ["/a", "/second"],
      ],
      "/a",
      "302 /first",
    ],
    [
      [
        ["https://example.com/a", "/host"],
        ["/a", "/any"],
      ],
      "/a",
      "302 /host",
    ],
    [
      [
        ["/a", "/any"],
        ["https://example.com/a", "/host"],
      ],
      "/a",
      "302 /any",
    ],
    [
      [["https://old.example.com/*", "https://example.com/:splat", 301]],
      "https://old.example.com/x",
      "301 https://example.com/x",
    ],
    [[["/:lang/*", "https://:lang.example.org/:splat"]], "/de/x", "302 https://de.example.org/x"],
  ];
  for (const [rules, address, expected] of cases)
    assert.equal(follow(rules, address), expected, `${JSON.stringify(rules)} ${address}`);
});

test("a request cannot choose the host of a redirect", () => {
  const rules: [string, string][] = [
    ["/1/*", "/:splat"],
    ["/2/*", "https://example.com:splat"],
    ["/3*", "https://example.com:splat"],
    ["/4/:x/*", "https://:x.example.com/:splat"],
    ["/5/*", "//:splat"],
    ["/6/*", "/./:splat"],
    ["/7/*", "/:splat/../"],
    ["/8/:x", "/.:x/:x"],
    ["/9/*", "https://example.com/:splat"],
  ];
  const attacks = [
    "/evil.com",
    "//evil.com",
    "/%2fevil.com",
    "%5cevil.com",
    "\\evil.com",
    "/\\evil.com",
    "@evil.com",
    ".evil.com",
    "m",
    "m/",
    "evil.com",
    "evil.com%2f",
    "evil.com%23",
    "evil.com/x",
    "a@evil.com/",
    "evil.com:80/",
    "%09/evil.com",
    "/%09/evil.com",
    ".//evil.com",
    "%2e%2e//evil.com",
    "evil.com%252f/",
  ];
  for (const [from, to] of rules) {
    for (const attack of attacks) {
      const address = from.replace(/\*|:x.*/, "") + attack;
      const result = follow([[from, to]], address);
      if (result === "-") continue;
      const host = new URL(result.slice("302 ".length), "https://example.com").hostname;
      assert.match(host, /^([a-z0-9-]+\.)?example\.com$/, `${from} ${to} ${address}: ${result}`);
    }
  }
});

test("a look-up in 2,000 static rules does not compare all of them", () => {
  let reads = 0;
  const rules = Array.from({ length: 2000 }, (_, i) => ({ from: `/from/${i}`, to: `/to/${i}`, status: 301 }));
  const watched = new Proxy(rules, { get: (target, name) => (reads++, Reflect.get(target, name)) });
  const redirects = new Redirects(watched);
  reads = 0;
  assert.deepEqual(redirects.match(new URL("https://example.com/from/1999")), { status: 301, location: "/to/1999" });
  assert.equal(redirects.match(new URL("https://example.com/from/2000")), undefined);
  assert.ok(reads < 10, `${reads} reads`);
});
