// The loader of docs/dynamic-workers.md. It serves the project env.PROJECT.
import { serveProject } from "../../../worker/src/dynamic";

export { AssetBinding } from "../../../worker/src/dynamic";

export default {
  fetch: (request, env, ctx) => serveProject(request, env.PROJECT, env, ctx),
};
