// The Worker of a site without code.

import type { Env } from "./serve/assets";
import { site } from "./serve/deployed_site";

export default {
  fetch: (request, env) => site.serve(request, env),
} satisfies ExportedHandler<Env>;
