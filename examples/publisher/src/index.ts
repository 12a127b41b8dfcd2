// A site and its editor. Visitors get what was deployed and what was published since.
// None of the editor's code runs for them.

import { readWriteAssets, type ReadWriteEnv } from "@kv-sync/worker/read-write";
import site from "@kv-sync/worker/site";
import { Logins } from "./attempts";
import { Editor } from "./editor";

interface Env extends ReadWriteEnv {
  /** The password of the editors. Without one of at least 16 characters there is no editor. */
  PUBLISHER_PASSWORD?: string;
}

/** In ten minutes. */
const logins = new Logins({ ofName: 5, ofAddress: 100 }, 10 * 60_000);

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname !== "/edit" && !pathname.startsWith("/edit/")) return site.fetch(request, env, ctx);

    const password = env.PUBLISHER_PASSWORD ?? "";
    // A shorter one can be guessed.
    if (password.length < 16) return new Response(null, { status: 404 });
    return new Editor(readWriteAssets(env), password, logins).fetch(request);
  },
} satisfies ExportedHandler<Env>;
