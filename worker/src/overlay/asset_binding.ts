// What other Workers bind of a site.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { Env } from "../serve/assets";
import { answerRPC } from "./edit_error";
import type { Edits } from "./edits";
import type {
  AssetBody,
  AssetChange,
  AssetWithBody,
  Capabilities,
  ListOptions,
  PublishResult,
  ReadWriteAssets,
  WriteResult,
} from "./read_write_assets";
import type { AssetInfo } from "./asset_info";
import type { Authorship, OnlyIf, PutOptions } from "./edit_checks";
import type { AssetList } from "./edit_list";
import { editsOf } from "./site_edits";

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
    return editsOf(this.env, (this.ctx.props as Capabilities | undefined) ?? {});
  }
}
