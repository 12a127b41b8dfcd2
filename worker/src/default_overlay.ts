// The Worker of a site that has no code of its own and an overlay.

import { site } from "./serve/deployed_site";
import { serveEdits, type ReadWriteEnv } from "./overlay/site_edits";

export { AssetBinding } from "./overlay/asset_binding";

export default {
  fetch: async (request, env, ctx) => (await serveEdits(request, env, ctx)) ?? site.serve(request, env),
} satisfies ExportedHandler<ReadWriteEnv>;
