import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { isNotModified } from "../conditional";

const etag = '"abc"';
const date = "Tue, 14 Nov 2023 22:13:20 GMT";

function notModified(headers: Record<string, string>, exists = true): boolean {
  return isNotModified(new Headers(headers), etag, exists);
}

test("If-None-Match accepts lists, weak tags and *", () => {
  for (const list of ['"abc"', 'W/"abc"', '"x", "abc"', '"x",W/"abc" , "y"', ', ,"abc"', '"a,b", "abc"', "*", " * "]) {
    assert.equal(notModified({ "if-none-match": list }), true, list);
  }
  for (const list of ["", '"ab"', "abc", '"x" "abc"', 'w/"abc"', '"*"', '"x', '"abc', 'x"abc"', '*, "y"', '"ABC"']) {
    assert.equal(notModified({ "if-none-match": list }), false, list);
  }
});

test("If-Modified-Since has no effect", () => {
  for (const value of [date, "Wed, 15 Nov 2023 22:13:20 GMT", "Mon, 13 Nov 2023 22:13:20 GMT", "tomorrow", ""])
    assert.equal(notModified({ "if-modified-since": value }), false, value);
  assert.equal(notModified({ "if-modified-since": date, "if-none-match": '"x"' }), false);
  assert.equal(notModified({ "if-modified-since": "tomorrow", "if-none-match": etag }), true);
  assert.equal(notModified({}), false);
});

test("a 404 page matches only by its ETag", () => {
  const page = (headers: Record<string, string>) => notModified(headers, false);
  assert.equal(page({ "if-none-match": etag }), true);
  assert.equal(page({ "if-none-match": "*" }), false);
  assert.equal(page({ "if-modified-since": date }), false);
  assert.equal(page({}), false);
});

test("a hostile list takes linear time", () => {
  // With backtracking, this would practically never end.
  for (const list of ['"'.repeat(1e5), ",".repeat(1e5), '"a",'.repeat(3e4), "W/".repeat(1e5), " \t".repeat(1e5)])
    assert.equal(notModified({ "if-none-match": list }), false);
});
