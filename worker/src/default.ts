// The Worker of a site that has no code of its own.

import type { Env } from "./serve/assets";
import { site } from "./serve/deployed_site";

export default {
  fetch: (request, env) => site.serve(request, env),
} satisfies ExportedHandler<Env>;
