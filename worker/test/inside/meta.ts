import assert from "node:assert/strict";
import { parseMeta } from "../../src/meta";
import { test } from "./harness";

const encode = (text: string) => new TextEncoder().encode(text);

test("members that are left out have their defaults", () => {
  assert.deepEqual(parseMeta(encode('{"site":"a","types":[]}')), {
    site: "a",
    types: [],
    htmlHandling: "auto-trailing-slash",
    notFoundHandling: "404-page",
    redirects: [],
    headers: [],
    edgeCache: 0,
  });
});

test("meta with a member of another shape is refused", () => {
  const bad = [
    "",
    "null",
    "[]",
    "{}",
    '{"site":1}',
    '{"site":""}',
    '{"site":"../a"}',
    '{"site":"A"}',
    '{"site":"a\\n"}',
    '{"site":"a","types":{}}',
    '{"site":"a","types":[1]}',
    '{"site":"a","html_handling":"constructor"}',
    '{"site":"a","not_found_handling":"200-page"}',
    '{"site":"a","redirects":[null]}',
    '{"site":"a","redirects":[{"from":"/a","to":"/b"}]}',
    '{"site":"a","redirects":[{"from":"/a","to":"/b","status":999}]}',
    '{"site":"a","redirects":[{"from":"/a","status":301}]}',
    '{"site":"a","headers":[{"path":"/a","set":["x"]}]}',
    '{"site":"a","headers":[{"path":"/a","unset":[1]}]}',
    '{"site":"a","headers":[{}]}',
  ];
  for (const text of bad) assert.throws(() => parseMeta(encode(text)), Error, text);
  assert.throws(() => parseMeta(new Uint8Array([0x22, 0xff, 0x22])));
});
