import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { parseMeta } from "../meta";

const encode = (text: string) => new TextEncoder().encode(text);

test("missing members have their defaults", () => {
  assert.deepEqual(parseMeta(encode('{"site":"a","types":[]}')), {
    site: "a",
    types: [],
    htmlHandling: "auto-trailing-slash",
    notFoundHandling: "404-page",
    redirects: [],
    headers: [],
    edgeCache: 0,
    memoryCache: undefined,
    cacheStatus: false,
    overlay: false,
    adopted: new Map(),
    revision: 0,
    ownHeaders: new Map(),
  });
});

test("a deployed manifest refuses the site of an overlay, and an overlay that of a deployed manifest", () => {
  for (const site of ["a", "project/o", "project/a", "project/a@0123456789abcdef"]) {
    assert.equal(parseMeta(encode(JSON.stringify({ site }))).site, site);
    assert.equal(parseMeta(encode(JSON.stringify({ site: `${site}/o` })), "overlay").site, `${site}/o`);
    assert.throws(() => parseMeta(encode(JSON.stringify({ site: `project/${site}/o` }))));
  }
  for (const site of [
    "a/o",
    "project/a/o",
    "a@0123456789abcdef",
    "project/a@",
    "project/a@x",
    "project/a@0123456789abcdef/o",
  ])
    assert.throws(() => parseMeta(encode(JSON.stringify({ site }))), site);
  for (const site of ["a", "o", "/o", "a/o/o", "project/a"])
    assert.throws(() => parseMeta(encode(JSON.stringify({ site })), "overlay"), site);
});

test("meta with an invalid member is refused", () => {
  const bad = [
    "",
    "null",
    "[]",
    "{}",
    '{"site":1}',
    '{"site":"a","overlay":1}',
    '{"site":"a","adopted":[]}',
    '{"site":"a","adopted":{"/a":1}}',
    '{"site":"a","adopted":{"/a":"0123456789ABCDEF"}}',
    '{"site":"a","adopted":{"/a":"0123456789abcde"}}',
    '{"site":"a","revision":-1}',
    '{"site":"a","own_headers":[]}',
    '{"site":"a","own_headers":{"/a":{}}}',
    '{"site":"a","own_headers":{"/a":[["x"]]}}',
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
