// @kv-sync/worker/read-write: the site of the version that this runs in, to be
// written as well as read. docs/read-write-assets.md tells how to use it.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { Env } from "./serve/assets";
import { site } from "./serve/deployed_site";
import { answerRPC, EditError } from "./overlay/edit_error";
import { Edits } from "./overlay/edits";
import { answerEdits } from "./overlay/edits_http";
import { readListing } from "./overlay/listing";
import { isRef } from "./format/project_keys";
import type {
  AssetBody, AssetChange, AssetWithBody, Capabilities, ListOptions, PublishResult, ReadWriteAssets, WriteResult,
} from "./overlay/read_write_assets";
import type { AssetInfo } from "./overlay/asset_info";
import type { Authorship, OnlyIf, PutOptions } from "./overlay/edit_checks";
import type { AssetList } from "./overlay/edit_list";

export type { AssetInfo } from "./overlay/asset_info";
export type { Authorship, OnlyIf, PutOptions } from "./overlay/edit_checks";
export type { AssetList } from "./overlay/edit_list";
export type * from "./overlay/read_write_assets";

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
  return edits(env, may);
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
  return answerEdits(request, () => edits(env, configured(env)), env.KV_SYNC_WRITE_TOKEN);
}

/**
 * The site's assets for other Workers, which bind it as a service with the
 * entrypoint `AssetBinding` and props. It may only read unless they say
 * `write: true`.
 */
export class AssetBinding extends WorkerEntrypoint<Env, Capabilities> implements ReadWriteAssets {
  /** Answers as visitors are answered. */
  override fetch(request: Request): Promise<Response> {
    return this.#edits.fetch(request);
  }

  /** The asset at exactly this path, with its bytes; null where there is none. */
  get(path: string): Promise<AssetWithBody | null> {
    return answerRPC(() => this.#edits.get(path));
  }

  /** What is known of the asset at exactly this path; null where there is none. */
  head(path: string): Promise<AssetInfo | null> {
    return answerRPC(() => this.#edits.head(path));
  }

  /** Writes an asset. */
  put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult> {
    return answerRPC(() => this.#edits.put(path, body, options));
  }

  /** Has nothing be at a path. */
  delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult> {
    return answerRPC(() => this.#edits.delete(path, options));
  }

  /** A page of what is there. */
  list(options?: ListOptions): Promise<AssetList> {
    return answerRPC(() => this.#edits.list(options));
  }

  /** Makes several changes in one step: all or none. */
  publish(changes: AssetChange[], by?: Authorship): Promise<PublishResult> {
    return answerRPC(() => this.#edits.publish(changes, by));
  }

  get #edits(): Edits {
    // A binding without props has none.
    return edits(this.env, (this.ctx.props as Capabilities | undefined) ?? {});
  }
}

/** What kv-sync.toml allowed when this version was deployed. */
function configured({ KV_SYNC }: Env): Capabilities {
  const { overlay } = (KV_SYNC ?? {}) as Stamp;
  return { write: overlay?.write === true, rules: overlay?.rules === true };
}

function edits(env: Env, may: Capabilities): Edits {
  const listing = async () => {
    const { manifest } = (env.KV_SYNC ?? {}) as Stamp;
    if (!isRef(manifest)) throw new EditError(503, "the version does not say what was deployed (KV_SYNC); deploy again");
    return readListing(env.KV_SYNC_BLOBS, site.meta.site, manifest);
  };
  return new Edits({ site, env, listing }, may);
}
