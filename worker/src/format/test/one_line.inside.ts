import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { describeThrown, oneLine } from "../one_line";

test("an error is described on one line, with its stack and its causes", () => {
  const error = new TypeError("a\nkv-sync: b\r\u0085\u2028\u001b[31m\u202e", { cause: new Error("deeper") });
  const text = describeThrown(error);
  assert.match(
    text,
    /^TypeError: a\\nkv-sync: b\\r\\u0085\\u2028\\u001b\[31m\\u202e\\n +at .*, caused by Error: deeper\\n/,
  );
  assert.doesNotMatch(text, /[\p{Cc}\u2028\u202e]/u);
});

test("a thrown value of any kind is described", () => {
  const endless = new Error("x".repeat(5_000_000));
  endless.cause = endless;
  assert.ok(describeThrown(endless).length < 20_000);
  const hostile = {
    toString() {
      throw new Error("no");
    },
  };
  for (const thrown of [
    hostile,
    Object.create(null),
    Symbol("s"),
    undefined,
    new Proxy(new Error("e"), {}),
    { name: 1 },
  ])
    assert.equal(typeof describeThrown(thrown), "string");
  assert.equal(describeThrown(hostile), "a value that cannot be shown");
  assert.equal(oneLine("a\ud800b"), "a\ufffdb");
});
