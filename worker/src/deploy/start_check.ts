// Starting code once before it goes live.

import { RefusedError } from "../rules/problem";
import { loaderModules } from "../dynamic/project";
import type { EncodedCode } from "./code";

/** What Cloudflare gives a Worker to start. */
const startLimits = { cpuMs: 1_000 };

/** As much as a message quotes of what the code throws. */
const longestReason = 1_000;

/**
 * Starts code as a loader would, and throws a RefusedError where it does not
 * start. None of its handlers is called: what answers is an entrypoint of ours,
 * in a module that passes on everything that the main module exports, so that
 * the runtime judges it as it will judge that one.
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
  let answer: Response;
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
    answer = await worker.getEntrypoint("kvSyncStart").fetch("https://start.invalid/");
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error))
      .replace(/\s+/g, " ")
      .slice(0, longestReason)
      .toWellFormed();
    throw refuse(`it does not start: ${reason}`, "mend it; what it needs while it starts has to be in its variables");
  }
  if (!answer.ok)
    throw refuse(
      "its main module has no default export",
      "export what answers requests: export default { fetch() { … } }",
    );
}
