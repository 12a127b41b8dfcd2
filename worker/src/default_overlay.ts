// The Worker of a site that has no code of its own and an overlay.

import { site } from "./serve/deployed_site";
import { serveEdits, type ReadWriteEnv } from "./read_write";

export { AssetBinding } from "./read_write";

export default {
  fetch: async (request, env, ctx) => (await serveEdits(request, env, ctx)) ?? site.serve(request, env),
} satisfies ExportedHandler<ReadWriteEnv>;
