// The interface of an asset binding.

import type { Problem } from "../rules/problem";
import type { AssetInfo } from "./asset_info";
import type { Authorship, OnlyIf, PutOptions } from "./edit_checks";
import type { AssetList } from "./edit_list";

/** A body to write. A string is encoded as UTF-8. A stream must yield bytes. A Blob cannot be sent over RPC. */
export type AssetBody = ReadableStream | ArrayBuffer | ArrayBufferView | string | Blob;

/** An asset with its bytes. */
export type AssetWithBody = AssetInfo & { body: ReadableStream };

/**
 * The result of a write. A failed condition is not an error. `notices` describe rules of a _redirects file that are
 * left out, because Cloudflare ignores them.
 */
export type WriteResult =
  /** The current asset; null if there is none. */
  | { ok: true; asset: AssetInfo | null; notices?: Problem[] }
  /** Nothing was written, because the condition failed. `current` is the current asset; null if there is none. */
  | { ok: false; current: AssetInfo | null };

/** One change of a publish. */
export type AssetChange =
  | { put: string; body: AssetBody; contentType?: string; headers?: Record<string, string>; onlyIf?: OnlyIf }
  | { delete: string; onlyIf?: OnlyIf };

/** The result of several changes: all were made, or none. `notices` are those of a {@link WriteResult}. */
export type PublishResult =
  /** The current assets, in the order of the changes. */
  | { ok: true; assets: (AssetInfo | null)[]; notices?: Problem[] }
  /** `failed` is the index of a change whose condition failed. `current` is the current asset at its path. */
  | { ok: false; failed: number; path: string; current: AssetInfo | null };

/** Options of a listing. */
export interface ListOptions {
  /** The prefix of the paths. */
  prefix?: string;
  /** The cursor of the previous page. */
  cursor?: string;
  /** From 1 to 1,000; the default is 1,000. */
  limit?: number;
}

/** What a binding may do. By default it can only read. */
export interface Capabilities {
  /** Whether the binding may write. */
  write?: boolean;
  /** Whether the binding may also write `_redirects` and `_headers`. */
  rules?: boolean;
  /** The author of all writes of the binding. It overrides the author in the options of a write. */
  author?: string;
}

/**
 * The assets of a site or a project. An asset that was written at run time hides the deployed asset at the same path. A
 * binding that may write sees all committed writes. A binding that can only read sees what is in KV.
 *
 * A refused call throws an Error with the reason and the fix.
 */
export interface ReadWriteAssets {
  /**
   * Answers a request as for a visitor.
   *
   * ```ts
   * return env.ASSETS.fetch(new Request("https://example.com/docs/"));
   * ```
   */
  fetch(request: Request): Promise<Response>;

  /**
   * Returns the asset at exactly this path, with its bytes, or null if there is none.
   *
   * ```ts
   * const page = await env.ASSETS.get("/docs/index.html");
   * const html = page && (await new Response(page.body).text());
   * ```
   */
  get(path: string): Promise<AssetWithBody | null>;

  /**
   * Returns the asset at exactly this path, without its bytes, or null if there is none.
   *
   * ```ts
   * const { etag, modified } = (await env.ASSETS.head("/docs/index.html"))!;
   * ```
   */
  head(path: string): Promise<AssetInfo | null>;

  /**
   * Writes an asset. When put resolves, the write is durable, and every binding that may write sees it.
   *
   * ```ts
   * const page = await env.ASSETS.head("/news.html");
   * const written = await env.ASSETS.put("/news.html", "<h1>News</h1>", {
   *   onlyIf: page ? { etagMatches: page.etag } : { etagDoesNotMatch: "*" },
   *   author: "Ada <ada@example.com>",
   * });
   * if (!written.ok) console.log("the asset was changed:", written.current);
   * ```
   */
  put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult>;

  /**
   * Deletes the asset at a path, even if it is a deployed one.
   *
   * ```ts
   * await env.ASSETS.delete("/old.html", { message: "the event is over" });
   * ```
   */
  delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult>;

  /**
   * Lists one page of assets, sorted by path, bytewise.
   *
   * ```ts
   * let cursor: string | undefined;
   * do {
   *   const page = await env.ASSETS.list({ prefix: "/docs/", ...(cursor && { cursor }) });
   *   for (const { path, layer } of page.assets) console.log(path, layer);
   *   cursor = page.cursor;
   * } while (cursor);
   * ```
   */
  list(options?: ListOptions): Promise<AssetList>;

  /**
   * Makes up to 1,000 changes in one step, all or none.
   *
   * ```ts
   * await env.ASSETS.publish(
   *   [
   *     { put: "/news.html", body: "<h1>News</h1>" },
   *     { put: "/feed.xml", body: "<feed/>", contentType: "application/atom+xml" },
   *     { delete: "/draft.html" },
   *   ],
   *   { message: "the news of today" },
   * );
   * ```
   */
  publish(changes: AssetChange[], by?: Authorship): Promise<PublishResult>;
}
