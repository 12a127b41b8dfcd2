// The handler: a request in, a Response out. What it needs to decide is in the
// files beside it, as functions of plain values.

import { readBlob } from "./blob";
import { openBody, type Body, type File } from "./body";
import { cacheControl, EdgeCache, isContentHashed } from "./caching";
import { readIndex } from "./chunks";
import { isNotModified } from "./conditional";
import { HeaderRules } from "./headers";
import { resolvePathname } from "./html";
import { Manifest, ManifestError, type Asset } from "./manifest";
import { resolveNotFound } from "./not_found";
import { decodePathname, encodePathname } from "./pathname";
import { requestedRanges } from "./range";
import { Redirects } from "./redirects";

/** The bindings that kv-sync gives to a version that it deploys. */
export interface Env {
  /** The namespace that holds the blobs. */
  KV_SYNC_BLOBS: KVNamespace;
  /** What the version says of itself; serving does not need it. */
  KV_SYNC?: unknown;
}

/** A site's assets, to be asked like any service binding. */
export interface Assets {
  /** Answers a request. It never throws: what goes wrong is a 5xx and a line in the log. */
  fetch(request: Request, env: Env, ctx?: ExecutionContext): Promise<Response>;
}

/** Until a blob that was just written is visible everywhere, or KV is well again. */
const retryAfterSeconds = "5";

/**
 * The assets that a manifest lists. Throws a ManifestError for bytes that are
 * no manifest: at start-up, where Cloudflare refuses the version before any
 * visitor sees it.
 */
export function createAssets(manifest: ArrayBuffer): Assets {
  return new Site(new Manifest(manifest));
}

/** What a manifest's meta section says, made ready at the first request. */
interface Rules {
  redirects: Redirects;
  headers: HeaderRules;
  edge: EdgeCache;
}

/**
 * How much of a site is asked: the redirects and the assets of this deployment,
 * those of earlier ones too, or all, with what not_found_handling says.
 */
export type Share = "current" | "retained" | "all";

/** The assets of an opened manifest. */
export class Site implements Assets {
  readonly #manifest: Manifest;
  #made: Rules | undefined;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  fetch(request: Request, env: Env): Promise<Response> {
    return this.offer(request, env) as Promise<Response>;
  }

  /** Answers as fetch does, or with null where the site has nothing within this share of it. */
  async offer(request: Request, env: Env, share?: Share): Promise<Response | null> {
    try {
      return await this.#answer(request, env, share);
    } catch (error) {
      // Without the query, which may hold what is nobody's business.
      console.error(`kv-sync: cannot answer ${request.method} ${request.url.replace(/\?.*/s, "")}:`, error);
      return failure(500);
    }
  }

  get #rules(): Rules {
    if (this.#made === undefined) {
      const { meta } = this.#manifest;
      this.#made = { redirects: new Redirects(meta.redirects), headers: new HeaderRules(meta.headers), edge: new EdgeCache(meta) };
    }
    return this.#made;
  }

  #answer(request: Request, env: Env, share: Share | undefined): Promise<Response> | Response | null {
    const url = URL.parse(request.url);
    if (!url) return failure(400); // a Host that is none
    const redirection = this.#rules.redirects.match(url);
    if (redirection && "location" in redirection) {
      return this.#short(url, redirection.status, { Location: redirection.location });
    }
    const pathname = redirection ? redirection.pathname : url.pathname;
    const decoded = decodePathname(pathname);
    // Where a redirect leads is the site's affair, whatever is there.
    const resolution = this.#resolve(decoded, redirection ? undefined : share);
    if (!resolution) return share === undefined || redirection ? this.#short(url, 404, {}) : null;
    if (request.method !== "GET" && request.method !== "HEAD") {
      return this.#short(url, 405, { Allow: "GET, HEAD" });
    }
    // Each pathname has one spelling; others lead there, in one step with those of html_handling.
    const canonical = encodePathname("redirect" in resolution ? resolution.redirect : decoded);
    if ("redirect" in resolution || canonical !== pathname) {
      return this.#short(url, 307, { Location: canonical + url.search });
    }
    // What answers for another name may be another content tomorrow.
    const contentHashed =
      !redirection && isContentHashed(decoded) && this.#manifest.find(decoded) === resolution.asset;
    return this.#serve(request, url, env, this.#manifest.asset(resolution.asset), resolution.status, contentHashed);
  }

  /**
   * What a pathname stands for. An asset of this deployment comes before one
   * that is retired, under whatever spelling, and a retired one before the
   * answer for what is not found.
   */
  #resolve(pathname: string, share: Share = "all"): { asset: number; status: 200 | 404 } | { redirect: string } | undefined {
    const manifest = this.#manifest;
    const { htmlHandling, notFoundHandling } = manifest.meta;
    // The same few pathnames are asked for again and again on the way.
    const known = new Map<string, number>();
    const any = (path: string): number => {
      const index = known.get(path) ?? manifest.find(path);
      known.set(path, index);
      return index;
    };
    let sawRetired = false;
    const current = (path: string): number => {
      const index = any(path);
      if (index < 0 || !manifest.isRetired(index)) return index;
      sawRetired = true;
      return -1;
    };

    const found =
      resolvePathname(pathname, htmlHandling, current) ??
      (sawRetired && share !== "current" ? resolvePathname(pathname, htmlHandling, any) : undefined);
    if (found) return "redirect" in found ? found : { asset: found.asset, status: 200 };
    return share === "all" ? resolveNotFound(pathname, notFoundHandling, current) : undefined;
  }

  async #serve(
    request: Request,
    url: URL,
    env: Env,
    asset: Asset,
    status: 200 | 404,
    contentHashed: boolean,
  ): Promise<Response> {
    const etag = `"${asset.hash}"`;
    const lastModified = status === 200 ? new Date(asset.modified * 1000).toUTCString() : undefined;
    const headers: Record<string, string> = { ETag: etag };
    // What is sent to one client only is not for shared caches.
    if (!request.headers.has("authorization")) {
      headers["Cache-Control"] = cacheControl(contentHashed);
      Object.assign(headers, this.#rules.edge.asset);
    }
    if (isNotModified(request.headers, etag, lastModified)) return this.#finish(url, null, 304, headers);

    headers["Content-Type"] = asset.type;
    if (lastModified !== undefined) {
      headers["Last-Modified"] = lastModified;
      headers["Accept-Ranges"] = "bytes";
    }
    if (request.method === "HEAD") {
      headers["Content-Length"] = String(asset.size);
      return this.#finish(url, null, status, headers);
    }

    const ranges = lastModified === undefined ? undefined : requestedRanges(request.headers, asset.size, etag, lastModified);
    if (ranges?.length === 0) return this.#short(url, 416, { "Content-Range": `bytes */${asset.size}` });
    let body: Body | null;
    try {
      const file = await this.#file(asset, env.KV_SYNC_BLOBS);
      body = file && (await openBody(env.KV_SYNC_BLOBS, file, asset.type, asset.hash, ranges));
    } catch (error) {
      if (error instanceof ManifestError) throw error;
      console.error(`kv-sync: cannot read ${asset.key} for ${url.pathname}:`, error);
      return failure(503);
    }
    if (body) return this.#finish(url, body.stream, ranges ? 206 : status, Object.assign(headers, body.headers));
    if (asset.retired) return failure(404);
    console.error(`kv-sync: ${asset.key}, or a chunk of it, for ${url.pathname} is not in KV; run kv-sync verify`);
    return failure(503);
  }

  /** Where the bytes of an asset lie, or null if its index is not in KV. */
  async #file({ key, hash, size, chunked }: Asset, kv: KVNamespace): Promise<File | null> {
    if (!chunked) return { size, blobSize: size, key: () => key };
    const index = await readBlob(kv, key);
    return index && readIndex(await new Response(index).arrayBuffer(), this.#manifest.meta.site, hash, size);
  }

  /** An answer that is no asset and has no body. */
  #short(url: URL, status: number, headers: Record<string, string>): Response {
    return this.#finish(url, null, status, Object.assign(headers, this.#rules.edge.other));
  }

  /** The site's own headers go on every answer, but not on failures: a rule could have those cached. */
  #finish(url: URL, body: ReadableStream | null, status: number, headers: Record<string, string>): Response {
    const response = new Response(body, { status, headers });
    this.#rules.headers.apply(url, response);
    return response;
  }
}

/** An answer that says nothing and that no cache keeps. */
export function failure(status: 400 | 404 | 500 | 503): Response {
  const headers: Record<string, string> = { "Cache-Control": "no-store" };
  if (status === 503) headers["Retry-After"] = retryAfterSeconds;
  return new Response(null, { status, headers });
}
