// The handler: a request in, a Response out. What it needs to decide is in the
// files beside it, as functions of plain values.

import { readBlob } from "./blob";
import { isNotModified } from "./conditional";
import { HeaderRules } from "./headers";
import { resolvePathname } from "./html";
import { Manifest, type Asset } from "./manifest";
import { resolveNotFound } from "./not_found";
import { decodePathname, encodePathname } from "./pathname";
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

/** The client asks again before it uses its copy; a 304 is cheap. */
const revalidate = "public, max-age=0, must-revalidate";

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

class Site implements Assets {
  readonly #manifest: Manifest;
  #redirects: Redirects | undefined;
  #headers: HeaderRules | undefined;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      return await this.#answer(request, env);
    } catch (error) {
      // Without the query, which may hold what is nobody's business.
      console.error(`kv-sync: cannot answer ${request.method} ${request.url.replace(/\?.*/s, "")}:`, error);
      return unavailable(500);
    }
  }

  async #answer(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    const { meta } = this.#manifest;
    this.#redirects ??= new Redirects(meta.redirects);
    this.#headers ??= new HeaderRules(meta.headers);

    const redirection = this.#redirects.match(url);
    if (redirection && "location" in redirection) {
      return this.#finish(url, redirect(redirection.status, redirection.location));
    }
    const pathname = redirection ? redirection.pathname : url.pathname;
    const decoded = decodePathname(pathname);
    const resolution = this.#resolve(decoded);
    if (!resolution) return this.#finish(url, new Response(null, { status: 404 }));
    if (request.method !== "GET" && request.method !== "HEAD") {
      return this.#finish(url, new Response(null, { status: 405, headers: { Allow: "GET, HEAD" } }));
    }
    // Each pathname has one spelling; others lead there, in one step with those of html_handling.
    const canonical = encodePathname("redirect" in resolution ? resolution.redirect : decoded);
    if ("redirect" in resolution || canonical !== pathname) {
      return this.#finish(url, redirect(307, canonical + url.search));
    }
    return this.#serve(request, url, env, this.#manifest.asset(resolution.asset), resolution.status);
  }

  /**
   * What a pathname stands for. An asset of this deployment comes before one
   * that is retired, under whatever spelling, and a retired one before the
   * answer for what is not found.
   */
  #resolve(pathname: string): { asset: number; status: 200 | 404 } | { redirect: string } | undefined {
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
      (sawRetired ? resolvePathname(pathname, htmlHandling, any) : undefined);
    if (found) return "redirect" in found ? found : { asset: found.asset, status: 200 };
    return resolveNotFound(pathname, notFoundHandling, current);
  }

  async #serve(request: Request, url: URL, env: Env, asset: Asset, status: 200 | 404): Promise<Response> {
    const etag = `"${asset.hash}"`;
    const lastModified = status === 200 ? new Date(asset.modified * 1000).toUTCString() : undefined;
    const headers = new Headers({ "Content-Type": asset.type, ETag: etag });
    if (lastModified !== undefined) headers.set("Last-Modified", lastModified);
    // What is sent to one client only, or in part, is not for shared caches.
    if (!request.headers.has("authorization") && !request.headers.has("range")) {
      headers.set("Cache-Control", revalidate);
    }
    if (isNotModified(request.headers, etag, lastModified)) {
      return this.#finish(url, new Response(null, { status: 304, headers }));
    }
    if (request.method === "HEAD") {
      headers.set("Content-Length", String(asset.size));
      return this.#finish(url, new Response(null, { status, headers }));
    }

    let body: ReadableStream | null;
    try {
      body = await readBlob(env.KV_SYNC_BLOBS, asset.key);
    } catch (error) {
      console.error(`kv-sync: cannot read ${asset.key} for ${url.pathname}:`, error);
      return unavailable(503);
    }
    if (body) {
      headers.set("Content-Length", String(asset.size));
      return this.#finish(url, new Response(body, { status, headers }));
    }
    if (asset.retired) return new Response(null, { status: 404, headers: { "Cache-Control": "no-store" } });
    console.error(`kv-sync: ${asset.key} for ${url.pathname} is not in KV; run kv-sync verify`);
    return unavailable(503);
  }

  /** The site's own headers go on every answer, but not on failures: a rule could have those cached. */
  #finish(url: URL, response: Response): Response {
    this.#headers?.apply(url, response.headers);
    return response;
  }
}

function redirect(status: number, location: string): Response {
  return new Response(null, { status, headers: { Location: location } });
}

function unavailable(status: 500 | 503): Response {
  const headers: Record<string, string> = { "Cache-Control": "no-store" };
  if (status === 503) headers["Retry-After"] = retryAfterSeconds;
  return new Response(null, { status, headers });
}
