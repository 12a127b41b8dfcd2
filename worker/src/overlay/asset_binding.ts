import { WorkerEntrypoint } from "cloudflare:workers";
import type { Env } from "../serve/assets";
import type { AssetInfo } from "./asset_info";
import type { Authorship, OnlyIf, PutOptions } from "./edit_checks";
import { answerRPC } from "./edit_error";
import type { AssetList } from "./edit_list";
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
import { editsOf } from "./site_edits";

/**
 * The site's assets for other Workers. Such a Worker has a service binding to this Worker, with the entrypoint
 * `AssetBinding`. The binding can only read, unless its props have `write: true`.
 */
export class AssetBinding extends WorkerEntrypoint<Env, Capabilities> implements ReadWriteAssets {
  /** Answers a request as for a visitor. */
  override fetch(request: Request): Promise<Response> {
    return this.#edits.fetch(request);
  }

  /** Returns the asset at exactly this path, with its bytes, or null if there is none. */
  get(path: string): Promise<AssetWithBody | null> {
    return answerRPC("this site", () => this.#edits.get(path));
  }

  /** Returns the asset at exactly this path, without its bytes, or null if there is none. */
  head(path: string): Promise<AssetInfo | null> {
    return answerRPC("this site", () => this.#edits.head(path));
  }

  /** Writes an asset. */
  put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult> {
    return answerRPC("this site", () => this.#edits.put(path, body, options));
  }

  /** Deletes an asset. */
  delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult> {
    return answerRPC("this site", () => this.#edits.delete(path, options));
  }

  /** Lists one page of assets. */
  list(options?: ListOptions): Promise<AssetList> {
    return answerRPC("this site", () => this.#edits.list(options));
  }

  /** Makes several changes in one step, all or none. */
  publish(changes: AssetChange[], by?: Authorship): Promise<PublishResult> {
    return answerRPC("this site", () => this.#edits.publish(changes, by));
  }

  get #edits(): Edits {
    // The props of a binding without props are undefined.
    return editsOf(this.env, (this.ctx.props as Capabilities | undefined) ?? {});
  }
}
