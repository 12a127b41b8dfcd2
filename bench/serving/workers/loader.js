// A platform's loader, as docs/dynamic-workers.md has it; env.PROJECT is asked for.
import { serveProject } from "../../../worker/src/dynamic";

export { AssetBinding } from "../../../worker/src/dynamic";

export default {
  fetch: (request, env, ctx) => serveProject(request, env.PROJECT, env, ctx),
};
