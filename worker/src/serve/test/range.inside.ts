import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { requestedRanges } from "../range";

const etag = '"abc"';
const date = "Tue, 14 Nov 2023 22:13:20 GMT";

/** Parses a header. Returns "0-4,7-9" for ranges (with the last byte), "416" for no valid range, "all" for the file. */
function ranges(range: string, size = 10, more: Record<string, string> = {}): string {
  const found = requestedRanges(new Headers({ range, ...more }), size, etag);
  if (!found) return "all";
  return found.length === 0 ? "416" : found.map(({ from, to }) => `${from}-${to - 1}`).join(",");
}

test("a range has a first and a last byte, only a first byte, or the length of a suffix", () => {
  const expected: Record<string, string> = {
    "bytes=0-4": "0-4",
    "bytes=9-": "9-9",
    "bytes=0-": "0-9",
    "bytes=4-99": "4-9",
    "bytes=-3": "7-9",
    "bytes=-99": "0-9",
    "BYTES=1-1": "1-1",
    "bytes= 1-2 ": "1-2",
    "bytes=007-8": "7-8",
    "bytes=5-99999999999999999999999": "5-9",
  };
  for (const [header, range] of Object.entries(expected)) assert.equal(ranges(header), range, header);
});

test("a range outside of the file is a 416", () => {
  for (const header of [
    "bytes=10-",
    "bytes=10-20",
    "bytes=-0",
    "bytes=99999999999999999999999-",
    "bytes=10-,11-",
    `bytes=${"9".repeat(400)}-`,
  ]) {
    assert.equal(ranges(header), "416", header);
  }
});

test("an invalid header is ignored", () => {
  const headers = [
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=1",
    "bytes=4-2",
    "bytes=1-2-3",
    "bytes=0x1-2",
    "bytes=1.0-2",
    "bytes=+1-2",
    "bytes=1 -2",
    "bytes=0-1,",
    "bytes=,",
    "items=0-1",
    "bytes 0-1",
    "bytes:0-1",
    "bytes=0-1;q=1",
    "bytes==0-1",
    "bytes=0-1,x",
    "bytes=٣-٤",
    "bytes=--1",
  ];
  for (const header of headers) assert.equal(ranges(header), "all", header);
  assert.equal(ranges("bytes=0-", 0), "all", "an empty file has no ranges");
  assert.equal(ranges("bytes=-5", 0), "all");
  assert.equal(requestedRanges(new Headers(), 10, etag), undefined);
});

test("several ranges must be in order and must not overlap", () => {
  assert.equal(ranges("bytes=0-0,-1"), "0-0,9-9");
  assert.equal(ranges("bytes=0-1, 2-3 ,\t5-"), "0-1,2-3,5-9");
  assert.equal(ranges("bytes=0-1,50-60"), "0-1", "a range outside of the file is left out");
  for (const header of ["bytes=0-1,1-2", "bytes=5-6,0-1", "bytes=0-,0-", "bytes=-5,-5"])
    assert.equal(ranges(header), "all", header);
  const many = (n: number) => `bytes=${Array.from({ length: n }, (_, i) => `${i * 2}-${i * 2}`).join(",")}`;
  assert.equal(ranges(many(16), 100).split(",").length, 16);
  assert.equal(ranges(many(17), 100), "all");
});

test("If-Range matches only the exact ETag", () => {
  assert.equal(ranges("bytes=0-1", 10, { "if-range": etag }), "0-1");
  for (const value of [
    date,
    'W/"abc"',
    '"x"',
    "abc",
    '"x", "abc"',
    "*",
    "Wed, 15 Nov 2023 22:13:20 GMT",
    "yesterday",
    "",
  ]) {
    assert.equal(ranges("bytes=0-1", 10, { "if-range": value }), "all", value);
  }
  assert.equal(ranges("bytes=50-", 10, { "if-range": '"x"' }), "all");
});

test("a hostile header takes linear time", () => {
  // With backtracking, this would practically never end.
  for (const header of [
    `bytes=${"0-0,".repeat(3e4)}`,
    `bytes=${"1".repeat(1e5)}-`,
    `bytes=${" ".repeat(1e5)}`,
    `bytes=${",".repeat(1e5)}`,
    `bytes=${"-".repeat(1e5)}`,
  ])
    assert.ok(ranges(header) !== undefined);
});
