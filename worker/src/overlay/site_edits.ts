// Reads and writes the assets of the site that this code runs in.

import { isRef } from "../format/project_keys";
import type { Env } from "../serve/assets";
import { site } from "../serve/deployed_site";
import { EditError } from "./edit_error";
import { Edits } from "./edits";
import { answerEdits } from "./edits_http";
import { readListing } from "./listing";
import type { Capabilities, ReadWriteAssets } from "./read_write_assets";

/** The bindings of a site with an overlay. A deploy sets all of them except the secret. */
export interface ReadWriteEnv extends Env {
  /** The secret of the HTTP interface, at least 16 characters long. Without it, the interface is disabled. */
  KV_SYNC_WRITE_TOKEN?: string;
}

/** The part of the version's stamp that is used here. */
interface Stamp {
  manifest?: unknown;
  overlay?: { write?: unknown; rules?: unknown };
}

/**
 * Returns the site's assets, for the site's own Worker. The default capabilities are those in kv-sync.toml, under
 * `[overlay]`.
 *
 * ```ts
 * const assets = readWriteAssets(env);
 * await assets.put("/hello.txt", "Hello!");
 * ```
 */
export function readWriteAssets(env: Env, capabilities: Capabilities = configuredCapabilities(env)): ReadWriteAssets {
  return editsOf(env, capabilities);
}

/**
 * Answers requests below `/_kv-sync/assets/`, the HTTP interface for reading and writing assets, and returns null for
 * all others. Without the secret `KV_SYNC_WRITE_TOKEN`, all responses are 404.
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
  return answerEdits(request, () => editsOf(env, configuredCapabilities(env)), env.KV_SYNC_WRITE_TOKEN);
}

/** Returns the capabilities in kv-sync.toml at the time of this version's deploy. */
function configuredCapabilities({ KV_SYNC }: Env): Capabilities {
  const { overlay } = (KV_SYNC ?? {}) as Stamp;
  return { write: overlay?.write === true, rules: overlay?.rules === true };
}

/** Returns the operations of a binding of the site. */
export function editsOf(env: Env, capabilities: Capabilities): Edits {
  const listing = async () => {
    const { manifest } = (env.KV_SYNC ?? {}) as Stamp;
    if (!isRef(manifest)) throw new EditError(503, "the version has no stored manifest (KV_SYNC); deploy again");
    return readListing(env.KV_SYNC_BLOBS, site.meta.site, manifest);
  };
  return new Edits({ site, env, listing }, capabilities);
}
