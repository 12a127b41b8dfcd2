// The Worker of a site that has no code of its own.

import assets, { type Env } from "./site";

export default {
  fetch: (request, env, ctx) => assets.fetch(request, env, ctx),
} satisfies ExportedHandler<Env>;
