import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { Target } from "../target";

test("a target has the same pathname as a URL object", () => {
  const pieces: Record<string, string[]> = {
    scheme: ["http://", "https://", "HTTP://", "http:", "http:/", "ftp://", ""],
    host: [
      "a.com",
      "localhost",
      "my-app2.a1.dev",
      "A.com",
      "a..com",
      "a.com.",
      "-a.com",
      "1.2.3.4",
      "1.2.3.999",
      "a.1",
      "a.0x1",
      "0x7f",
      "1",
      "[::1]",
      "xn--bcher-kva.de",
      "xn--a.de",
      "ä.de",
      "a_b.com",
      "u:p@a.com",
      "a b",
      "a%41.com",
      "",
    ],
    port: ["", "", "", ":80", ":8787", ":99999", ":", ":x"],
    segment: [
      "",
      "/",
      "/a",
      "/A_b~c-1.html",
      "/a.b..c",
      "/.",
      "/..",
      "/.a",
      "/...",
      "/%2e",
      "/%2E%2e",
      "/a%20b",
      "/ü",
      "\\",
      "/a\\b",
      "/a b",
      "/\t",
      "/a\n",
      "/@:;,=+&$'()*!",
      '/^`{}|<>"',
      "/a:b@c.d",
      "//e.com",
    ],
    end: ["", "", "", "?", "?a=1", "?/../b", "#", "#x/..", "?a\n", "?\\#", "\n", " "],
  };
  let seed = 1;
  const pick = (from: string[]): string => from[(seed = (seed * 48271) % 2147483647) % from.length]!;
  let urls = 0;
  for (let i = 0; i < 40_000; i++) {
    // Most parts are usual, so that a URL has one or two unusual parts.
    const take = (name: string) => (pick(["odd", "", ""]) ? pick(pieces[name]!) : pieces[name]![0]!);
    const segments = Array.from({ length: Number(pick(["0", "1", "2", "4"])) }, () => take("segment"));
    const text = `${take("scheme")}${take("host")}${take("port")}/${segments.join("")}${take("end")}`;
    const url = URL.parse(text);
    const target = Target.parse(text);
    assert.equal(target?.pathname, url?.pathname, JSON.stringify(text));
    assert.equal(target?.url.href, url?.href, JSON.stringify(text));
    if (url) urls++;
  }
  assert.ok(urls > 10_000, `${urls}`);
});

test("a hostile target takes linear time", () => {
  // With backtracking, this would practically never end.
  for (const part of ["a-", "a.", "a", "1", "-", "."])
    assert.notEqual(Target.parse(`http://${part.repeat(1e5)}!`)?.pathname, "");
  for (const part of ["/a", "//", "/.", "a.", "a", "%"]) assert.ok(Target.parse(`http://a.com/${part.repeat(1e5)}!`));
});
