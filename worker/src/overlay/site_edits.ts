// The site of the version that this runs in, to be written as well as read.

import type { Env } from "../serve/assets";
import { site } from "../serve/deployed_site";
import { EditError } from "./edit_error";
import { Edits } from "./edits";
import { answerEdits } from "./edits_http";
import { readListing } from "./listing";
import { isRef } from "../format/project_keys";
import type { Capabilities, ReadWriteAssets } from "./read_write_assets";

/** The bindings of a site with an overlay; a deploy sees to all but the secret. */
export interface ReadWriteEnv extends Env {
  /** Of the HTTP interface, which is not there without it. At least 16 characters. */
  KV_SYNC_WRITE_TOKEN?: string;
}

/** What a version says of itself, as far as it is looked at. */
interface Stamp {
  manifest?: unknown;
  overlay?: { write?: unknown; rules?: unknown };
}

/**
 * The site's assets for the site's own Worker. It may do what kv-sync.toml says
 * under `[overlay]`, or what is given here.
 *
 * ```ts
 * const assets = readWriteAssets(env);
 * await assets.put("/hello.txt", "Hello!");
 * ```
 */
export function readWriteAssets(env: Env, may: Capabilities = configured(env)): ReadWriteAssets {
  return editsOf(env, may);
}

/**
 * Answers requests below `/_kv-sync/assets/`, by which the site's assets are
 * read and written over HTTP, and gives null for all others. Everything is a 404
 * until the secret `KV_SYNC_WRITE_TOKEN` is set.
 *
 * ```ts
 * export default {
 *   async fetch(request, env, ctx) {
 *     return (await serveEdits(request, env, ctx)) ?? assets.fetch(request, env, ctx);
 *   },
 * } satisfies ExportedHandler<ReadWriteEnv>;
 * ```
 */
export function serveEdits(request: Request, env: ReadWriteEnv, _ctx?: ExecutionContext): Promise<Response | null> {
  return answerEdits(request, () => editsOf(env, configured(env)), env.KV_SYNC_WRITE_TOKEN);
}

/** What kv-sync.toml allowed when this version was deployed. */
function configured({ KV_SYNC }: Env): Capabilities {
  const { overlay } = (KV_SYNC ?? {}) as Stamp;
  return { write: overlay?.write === true, rules: overlay?.rules === true };
}

/** The operations on the site, within what may be done. */
export function editsOf(env: Env, may: Capabilities): Edits {
  const listing = async () => {
    const { manifest } = (env.KV_SYNC ?? {}) as Stamp;
    if (!isRef(manifest))
      throw new EditError(503, "the version does not say what was deployed (KV_SYNC); deploy again");
    return readListing(env.KV_SYNC_BLOBS, site.meta.site, manifest);
  };
  return new Edits({ site, env, listing }, may);
}
