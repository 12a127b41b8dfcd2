import assert from "node:assert/strict";
import { guardsOf, parseRouting } from "../../src/routing";
import { test } from "./harness";

test("code guards the files that testdata/routing says, as in Go", ({ routings }) => {
  const cases = JSON.parse(routings) as { about: string; routing: unknown; guarded: string[]; public: string[] }[];
  assert.ok(cases.length >= 10);
  for (const { about, routing, guarded, public: free } of cases) {
    const guards = guardsOf(parseRouting(routing));
    for (const path of guarded) assert.ok(guards(path), `${about}: ${path} is guarded`);
    for (const path of free) assert.ok(!guards(path), `${about}: ${path} is not guarded`);
  }
});

test("a routing that is none is refused, and none is not known", () => {
  assert.equal(parseRouting(undefined), undefined);
  for (const bad of ["*", ["*"], { worker: "*" }, { site: [1] }, { retire: {} }]) assert.throws(() => parseRouting(bad), /holds no/);
});
