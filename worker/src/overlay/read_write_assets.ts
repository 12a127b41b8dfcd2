// What a binding of assets can do, for who holds one.

import type { AssetInfo } from "./asset_info";
import type { Authorship, OnlyIf, PutOptions } from "./edit_checks";
import type { AssetList } from "./edit_list";

/** A body to write; a text becomes UTF-8, a stream gives bytes and is read once. Over RPC a Blob cannot be sent. */
export type AssetBody = ReadableStream | ArrayBuffer | ArrayBufferView | string | Blob;

/** An asset with its bytes. */
export type AssetWithBody = AssetInfo & { body: ReadableStream };

/** What became of a write: a condition that failed is no error. */
export type WriteResult =
  /** What is there now; null for nothing. */
  | { ok: true; asset: AssetInfo | null }
  /** Nothing was written, for this is there; null for nothing. */
  | { ok: false; current: AssetInfo | null };

/** One of several changes that are made together. */
export type AssetChange =
  | { put: string; body: AssetBody; contentType?: string; headers?: Record<string, string>; onlyIf?: OnlyIf }
  | { delete: string; onlyIf?: OnlyIf };

/** What became of several changes: all were made, or none. */
export type PublishResult =
  /** What is there now, in the order of the changes. */
  | { ok: true; assets: (AssetInfo | null)[] }
  /** Which change's condition failed, counted from 0, and what is there. */
  | { ok: false; failed: number; path: string; current: AssetInfo | null };

/** Which part of a listing is wanted. */
export interface ListOptions {
  /** What the paths begin with. */
  prefix?: string;
  /** That of the page before. */
  cursor?: string;
  /** From 1 to 1,000, which it is where it is left out. */
  limit?: number;
}

/** What a binding may do: the least where a member is left out. */
export interface Capabilities {
  /** Whether it may write. */
  write?: boolean;
  /** Whether it may write `_redirects` and `_headers` too. */
  rules?: boolean;
  /** Who writes through it, whatever a write says. */
  author?: string;
}

/**
 * The assets of a site or a project: what was deployed, and over it what was
 * written at run time. Through a binding that may write, all operations see what
 * was written by now; through one that may only read, what KV shows.
 *
 * What is refused throws an Error that says what to do.
 */
export interface ReadWriteAssets {
  /**
   * Answers as visitors are answered.
   *
   * ```ts
   * return env.ASSETS.fetch(new Request("https://example.com/docs/"));
   * ```
   */
  fetch(request: Request): Promise<Response>;

  /**
   * The asset at exactly this path, with its bytes; null where there is none.
   *
   * ```ts
   * const page = await env.ASSETS.get("/docs/index.html");
   * const html = page && (await new Response(page.body).text());
   * ```
   */
  get(path: string): Promise<AssetWithBody | null>;

  /**
   * What is known of the asset at exactly this path; null where there is none.
   *
   * ```ts
   * const { etag, modified } = (await env.ASSETS.head("/docs/index.html"))!;
   * ```
   */
  head(path: string): Promise<AssetInfo | null>;

  /**
   * Writes an asset. Once it resolves, the asset is written for good, and every
   * binding that may write sees it.
   *
   * ```ts
   * const page = await env.ASSETS.head("/news.html");
   * const written = await env.ASSETS.put("/news.html", "<h1>News</h1>", {
   *   onlyIf: page ? { etagMatches: page.etag } : { etagDoesNotMatch: "*" },
   *   author: "Ada <ada@example.com>",
   * });
   * if (!written.ok) console.log("somebody was faster:", written.current);
   * ```
   */
  put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult>;

  /**
   * Has nothing be at a path, also where something is deployed there.
   *
   * ```ts
   * await env.ASSETS.delete("/old.html", { message: "the event is over" });
   * ```
   */
  delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult>;

  /**
   * A page of what is there, in bytewise order of the paths.
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
   * Makes several changes in one step, at most 1,000: all or none.
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
