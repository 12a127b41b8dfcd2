// The assets of the site that this code runs in, for reading and writing.

import { isRef } from "../format/project_keys";
import type { Env } from "../serve/assets";
import { site } from "../serve/deployed_site";
import { EditError } from "./edit_error";
import { Edits } from "./edits";
import { answerEdits } from "./edits_http";
import { readListing } from "./listing";
import type { Capabilities, ReadWriteAssets } from "./read_write_assets";

/** The bindings of a site with an overlay. A deploy sets all but the secret. */
export interface ReadWriteEnv extends Env {
  /** The secret of the HTTP interface, which is off without it. At least 16 characters. */
  KV_SYNC_WRITE_TOKEN?: string;
}

/** The stamp of the version, as far as it is used here. */
interface Stamp {
  manifest?: unknown;
  overlay?: { write?: unknown; rules?: unknown };
}

/**
 * The site's assets for the site's own Worker. What it may do is set in kv-sync.toml under `[overlay]`, or by `may`.
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
 * Answers requests below `/_kv-sync/assets/`, the HTTP interface for reading and writing assets, and returns null for
 * all others. Every answer is a 404 until the secret `KV_SYNC_WRITE_TOKEN` is set.
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

/** What kv-sync.toml allows, as of the deploy of this version. */
function configured({ KV_SYNC }: Env): Capabilities {
  const { overlay } = (KV_SYNC ?? {}) as Stamp;
  return { write: overlay?.write === true, rules: overlay?.rules === true };
}

/** The operations of a binding of the site. */
export function editsOf(env: Env, may: Capabilities): Edits {
  const listing = async () => {
    const { manifest } = (env.KV_SYNC ?? {}) as Stamp;
    if (!isRef(manifest)) throw new EditError(503, "the version has no stored manifest (KV_SYNC); deploy again");
    return readListing(env.KV_SYNC_BLOBS, site.meta.site, manifest);
  };
  return new Edits({ site, env, listing }, may);
}
