import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { findLoops } from "../redirect_loops";

test("the search for redirect loops has a limit", () => {
  const rule = (from: string, to: string) => ({ from, to, status: 301 });
  const loop = [rule("/x", "/y"), rule("/y", "/x")];
  const patterns = Array.from({ length: 20 }, (_, i) => rule(`/${"p".repeat(1_000)}/${i}/*`, "/"));
  const long = (count: number) => Array.from({ length: count }, (_, i) => rule(`/${i}`, `/${"q".repeat(1_000)}`));
  assert.equal(findLoops([...patterns, ...long(4), ...loop]).length, 1);
  assert.equal(findLoops([...patterns, ...long(6), ...loop]).length, 0);
});
