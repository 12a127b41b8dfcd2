// A platform: each customer's project answers at its own host name, with the code and the
// assets that kv-sync stored in Workers KV.

import { AssetBinding, serveProject } from "@kv-sync/worker/dynamic";
import site, { type Env } from "@kv-sync/worker/site";

// Dynamic Workers get a stub of this class, with their project in its props.
export { AssetBinding };

export default {
  async fetch(request, env, ctx) {
    const project = new URL(request.url).hostname.split(".")[0]!; // bakery.example.com
    // Other host names get the platform's own site.
    return (await serveProject(request, project, env, ctx)) ?? site.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env & { LOADER: WorkerLoader }>;
