// The content types beside those of Static Assets: wrangler uploads files with the types of the npm package mime.

import assert from "node:assert/strict";
import test from "node:test";
import mime from "mime";
import other from "mime/types/other.js";
import standard from "mime/types/standard.js";
import { contentType, contentTypes } from "../src/rules/content_type";

/** What wrangler's getContentType returns, or octet-stream where it returns null. */
function uploaded(path: string): string {
  const type = mime.getType(path) ?? "application/octet-stream";
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

test("every extension that Static Assets know has their type", () => {
  const extensions = [...Object.values(standard), ...Object.values(other)].flat().map((name) => name.replace("*", ""));
  assert.ok(extensions.length > 1_200, `${extensions.length} extensions`);
  for (const extension of extensions) {
    for (const path of [`/a.${extension}`, `/b.c/a.B.${extension.toUpperCase()}`])
      assert.equal(contentType(path), uploaded(path), path);
  }
});

test("docs/serving.md names the types that Static Assets do not know", () => {
  const more = [...contentTypes().keys()].filter((extension) => mime.getType(`a.${extension}`) === null);
  assert.deepEqual(more.sort(), ["br", "cur", "tgz", "topojson", "zst"]);
});
