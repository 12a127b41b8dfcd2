// Compares the content types with those of Static Assets. wrangler takes them from the npm package mime.

import assert from "node:assert/strict";
import test from "node:test";
import mime from "mime";
import other from "mime/types/other.js";
import standard from "mime/types/standard.js";
import { contentType, contentTypes } from "../src/rules/content_type";

/** Returns the content type that wrangler uploads. It is octet-stream if wrangler's getContentType returns null. */
function wranglerType(path: string): string {
  const type = mime.getType(path) ?? "application/octet-stream";
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

test("every extension that Static Assets know has the same type", () => {
  const extensions = [...Object.values(standard), ...Object.values(other)].flat().map((name) => name.replace("*", ""));
  assert.ok(extensions.length > 1_200, `${extensions.length} extensions`);
  for (const extension of extensions) {
    for (const path of [`/a.${extension}`, `/b.c/a.B.${extension.toUpperCase()}`])
      assert.equal(contentType(path), wranglerType(path), path);
  }
});

test("only the extensions in docs/serving.md are unknown to Static Assets", () => {
  const more = [...contentTypes().keys()].filter((extension) => mime.getType(`a.${extension}`) === null);
  assert.deepEqual(more.sort(), ["br", "cur", "tgz", "topojson", "zst"]);
});
