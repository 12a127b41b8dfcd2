import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { decodePathname, encodePathname } from "../pathname";

test("a pathname is decoded segment by segment, and its slashes are merged", () => {
  const cases: Record<string, string> = {
    "/": "/",
    "/a/b.html": "/a/b.html",
    "/a%20b": "/a b",
    "/%C3%BC": "/ü",
    "/%zz/%20": "/%zz/ ",
    "/%": "/%",
    "/%25zz": "/%zz",
    "/%ff": "/%ff",
    "/a%2fb": "/a/b",
    "/%2fevil.com": "/evil.com",
    "//evil.com//": "/evil.com/",
    "/..%2f..%2f": "/../../",
    "/%00": "/\0",
    "/%2e%2e%2f": "/../",
  };
  for (const [from, to] of Object.entries(cases)) assert.equal(decodePathname(from), to, from);
});

test("an encoded pathname decodes to the original, and does not lead to another host", () => {
  for (const path of ["/a b", "/ü/日本語", "/100%", "/a?b#c", "/[x]@2x+&=.png", "/\\evil.com", "/%5Bx%5D", "/\0"]) {
    const encoded = encodePathname(path);
    assert.equal(decodePathname(encoded), path);
    const url = new URL(encoded, "https://example.com");
    assert.equal(url.host, "example.com", path);
    assert.equal(url.pathname, encoded, path);
    assert.equal(url.search + url.hash, "", path);
  }
});

test("a segment is encoded like encodeURIComponent", () => {
  for (let code = 0; code < 0x180; code++) {
    const character = String.fromCharCode(code);
    if (character === "/") continue;
    for (const segment of [character, `a${character}b`])
      assert.equal(encodePathname(`/x/${segment}`), `/x/${encodeURIComponent(segment)}`, `${code}`);
  }
});
