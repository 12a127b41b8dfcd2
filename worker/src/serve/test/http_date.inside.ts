import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { httpDate } from "../http_date";

test("dates are correct when the cache is full", () => {
  for (let turn = 0; turn < 2; turn++) {
    for (let i = 0; i < 2500; i++) {
      const seconds = (i * 1_717_171) % 2 ** 32;
      assert.equal(httpDate(seconds), new Date(seconds * 1000).toUTCString());
    }
  }
  assert.equal(httpDate(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
});
