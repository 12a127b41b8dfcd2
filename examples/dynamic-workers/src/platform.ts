// The Worker of a platform. Each customer's project has a host name, and the code and assets that
// kv-sync stored in Workers KV.

import { AssetBinding, ProjectLog, serveProject } from "@kv-sync/worker/dynamic";
import site, { type Env } from "@kv-sync/worker/site";

// Each Dynamic Worker gets a stub of AssetBinding, whose props have the project. ProjectLog is
// the log of the code of projects.
export { AssetBinding, ProjectLog };

export default {
  async fetch(request, env, ctx) {
    const project = new URL(request.url).hostname.split(".")[0]!; // bakery.example.com
    // Other host names get the platform's own site.
    return (await serveProject(request, project, env, ctx)) ?? site.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env & { LOADER: WorkerLoader }>;
