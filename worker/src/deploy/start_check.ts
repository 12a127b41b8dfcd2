// Starts a project's new code once, before the switch.

import { loaderModules } from "../dynamic/project";
import { RefusedError } from "../rules/problem";
import type { EncodedCode } from "./code";

/** Cloudflare's limits for the start of a Worker. */
const startLimits = { cpuMs: 1_000 };

/** The maximum number of characters of a quoted error. */
const maxReasonLength = 1_000;

/**
 * Starts code as a loader would, and throws a RefusedError if it does not start. It calls no handler of the code.
 * Instead, the main module is a wrapper with an entrypoint of its own. The wrapper re-exports the main module of the
 * code, so that the runtime checks the same exports.
 */
export async function checkStart(loader: Pick<WorkerLoader, "load">, code: EncodedCode): Promise<void> {
  let name = "kv-sync-start.js";
  while (name in code.modules) name = `_${name}`;
  const main = JSON.stringify(`./${code.main.replace(/^\.\//, "")}`);
  const js = `import * as main from ${main};
export * from ${main};
export default main.default ?? {};
export const kvSyncStart = { fetch: () => new Response(null, { status: main.default ? 204 : 404 }) };`;
  const refuse = (reason: string, fix: string) => new RefusedError([{ path: "code", reason, fix }]);
  let response: Response;
  try {
    const worker = loader.load({
      mainModule: name,
      modules: { ...loaderModules(Object.entries(code.modules)), [name]: { js } },
      compatibilityDate: code.compatibility_date,
      compatibilityFlags: code.compatibility_flags ?? [],
      env: code.env ?? {},
      globalOutbound: null,
      limits: startLimits,
    });
    response = await worker.getEntrypoint("kvSyncStart").fetch("https://start.invalid/");
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error))
      .replace(/\s+/g, " ")
      .slice(0, maxReasonLength)
      .toWellFormed();
    throw refuse(
      `it does not start: ${reason}`,
      "fix the code; everything that it needs to start must be in its variables",
    );
  }
  if (!response.ok) throw refuse("its main module has no default export", "add one: export default { fetch() { … } }");
}
