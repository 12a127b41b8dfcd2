// The Worker of a site with an overlay and without code.

import { type ReadWriteEnv, serveEdits } from "./overlay/site_edits";
import { site } from "./serve/deployed_site";

export { AssetBinding } from "./overlay/asset_binding";

export default {
  fetch: async (request, env, ctx) => (await serveEdits(request, env, ctx)) ?? site.serve(request, env),
} satisfies ExportedHandler<ReadWriteEnv>;
