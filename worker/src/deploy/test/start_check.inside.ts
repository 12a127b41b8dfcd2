import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { checkStart } from "../start_check";

// The limits are needed even though no handler is called: the code may replace the global Response, which the check
// calls.
test("the start check limits CPU time and allows no network", async () => {
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
