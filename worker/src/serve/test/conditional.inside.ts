import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { isNotModified } from "../conditional";

const etag = '"abc"';
const date = "Tue, 14 Nov 2023 22:13:20 GMT";

function notModified(headers: Record<string, string>, lastModified: string | undefined = date): boolean {
  return isNotModified(new Headers(headers), etag, lastModified);
}

test("If-None-Match: lists, weak tags, *", () => {
  for (const list of ['"abc"', 'W/"abc"', '"x", "abc"', '"x",W/"abc" , "y"', ', ,"abc"', '"a,b", "abc"', "*", " * "]) {
    assert.equal(notModified({ "if-none-match": list }), true, list);
  }
  for (const list of ["", '"ab"', "abc", '"x" "abc"', 'w/"abc"', '"*"', '"x', '"abc', 'x"abc"', '*, "y"', '"ABC"']) {
    assert.equal(notModified({ "if-none-match": list }), false, list);
  }
});

test("If-Modified-Since: only the exact date", () => {
  assert.equal(notModified({ "if-modified-since": date }), true);
  assert.equal(notModified({ "if-modified-since": "Wed, 15 Nov 2023 22:13:20 GMT" }), false, "later");
  assert.equal(notModified({ "if-modified-since": "Mon, 13 Nov 2023 22:13:20 GMT" }), false, "earlier");
  assert.equal(notModified({ "if-modified-since": "tomorrow" }), false);
  assert.equal(notModified({ "if-modified-since": date, "if-none-match": '"x"' }), false, "If-None-Match goes before");
  assert.equal(notModified({}), false);
});

test("a 404 page matches only by its ETag", () => {
  const page = (headers: Record<string, string>) => isNotModified(new Headers(headers), etag, undefined);
  assert.equal(page({ "if-none-match": etag }), true);
  assert.equal(page({ "if-none-match": "*" }), false);
  assert.equal(page({ "if-modified-since": date }), false);
  assert.equal(page({}), false);
});

test("a hostile list takes linear time", () => {
  // With backtracking, this would not end.
  for (const list of ['"'.repeat(1e5), ",".repeat(1e5), '"a",'.repeat(3e4), "W/".repeat(1e5), " \t".repeat(1e5)])
    assert.equal(notModified({ "if-none-match": list }), false);
});
