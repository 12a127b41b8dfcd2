import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { checkStart } from "../start_check";

// Of code that replaces Response, a part runs when the check asks for an answer.
test("code that is started to be checked has a limit of CPU time and no network", async () => {
  const given: WorkerLoaderWorkerCode[] = [];
  const loader = {
    load: (code: WorkerLoaderWorkerCode) => (
      given.push(code), { getEntrypoint: () => ({ fetch: async () => new Response() }) }
    ),
  } as unknown as Pick<WorkerLoader, "load">;
  await checkStart(loader, { main: "i.js", compatibility_date: "2026-01-01", modules: { "i.js": { js: "" } } });
  assert.deepEqual(
    given.map(({ limits, globalOutbound }) => [limits, globalOutbound]),
    [[{ cpuMs: 1_000 }, null]],
  );
});
