// A loader, a Dynamic Worker, and a binding that responds from memory. It measures the cost of the
// calls between them.
import { WorkerEntrypoint } from "cloudflare:workers";
import memory from "./memory";

export class Memory extends WorkerEntrypoint {
  fetch(request) {
    return memory.fetch(request);
  }
}

export default {
  fetch(request, env, ctx) {
    const worker = env.LOADER.get("hop", () => ({
      mainModule: "index.js",
      modules: { "index.js": "export default { fetch: (request, env) => env.ASSETS.fetch(request) };" },
      compatibilityDate: "2026-01-01",
      env: { ASSETS: ctx.exports.Memory({ props: { projectId: "bench" } }) },
      globalOutbound: null,
    }));
    return worker.getEntrypoint().fetch(request);
  },
};
