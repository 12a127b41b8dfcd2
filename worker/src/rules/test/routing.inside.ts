import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { parseRouting } from "../../format/routing";
import { guardsOf } from "../guards";
import { redirectedBy } from "../redirected";

test("code guards the files that testdata/routing lists", ({ routings }) => {
  const cases = JSON.parse(routings) as { about: string; routing: unknown; guarded: string[]; public: string[] }[];
  assert.ok(cases.length >= 10);
  for (const { about, routing, guarded, public: unguarded } of cases) {
    const guards = guardsOf(parseRouting(routing));
    for (const path of guarded) assert.ok(guards(path), `${about}: ${path} is guarded`);
    for (const path of unguarded) assert.ok(!guards(path), `${about}: ${path} is not guarded`);
  }
});

test("an invalid routing is refused, and a missing one is unknown", () => {
  assert.equal(parseRouting(undefined), undefined);
  for (const bad of ["*", ["*"], { worker: "*" }, { site: [1] }, { retire: {} }])
    assert.throws(() => parseRouting(bad), /is not an? /);
});

test("redirects hide the files that testdata/redirected lists", ({ redirected }) => {
  const cases = JSON.parse(redirected) as {
    about: string;
    html_handling: string;
    from: string[];
    redirected: string[];
    reached: string[];
  }[];
  assert.ok(cases.length >= 5);
  for (const { about, html_handling, from, redirected, reached } of cases) {
    const isRedirected = redirectedBy(
      from.map((from) => ({ from, to: "/", status: 302 })),
      html_handling,
    );
    for (const path of redirected) assert.ok(isRedirected(path), `${about}: ${path} is redirected`);
    for (const path of reached) assert.ok(!isRedirected(path), `${about}: ${path} is not redirected`);
  }
});
