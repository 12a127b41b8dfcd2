import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { answerRPC, EditError } from "../edit_error";

test("another Worker gets the reason of a refusal, and no internal details", async () => {
  const seen = (error: Error) =>
    answerRPC("project shop", () => Promise.reject(error)).then(
      () => undefined,
      (error: Error) => [error.constructor, error.message, error.cause],
    );
  assert.deepEqual(await seen(new EditError(422, "rename it", { cause: "project/other/b/…" })), [
    Error,
    "rename it",
    undefined,
  ]);
  assert.deepEqual(await seen(new TypeError("project/other/b/… is not in KV")), [
    Error,
    "the assets are not available now; try again",
    undefined,
  ]);
});
