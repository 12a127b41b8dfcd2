// The Worker of a site that has no code of its own.

import type { Env } from "./assets";
import { site } from "./deployed_site";

export default {
  fetch: (request, env) => site.serve(request, env),
} satisfies ExportedHandler<Env>;
