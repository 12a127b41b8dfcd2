// One state of a site: how it answers a request.

import { type File, readIndex } from "../format/chunks";
import { type Asset, ManifestError } from "../format/manifest";
import type { HeaderPair } from "../format/meta";
import { describeThrown } from "../format/one_line";
import { readBlob } from "../kv/blob";
import { HeaderRules, setHeaders } from "../rules/header_rules";
import { resolvePathname } from "../rules/html";
import { resolveNotFound } from "../rules/not_found";
import { decodePathname, encodePathname } from "../rules/pathname";
import { Redirects } from "../rules/redirects";
import type { Assets, Env } from "./assets";
import { type Body, openBody } from "./body";
import { cacheControl, isContentHashed, unstored } from "./caching";
import { isNotModified } from "./conditional";
import { EdgeCache } from "./edge_cache";
import { failed, failure } from "./failure";
import { httpDate } from "./http_date";
import type { Layers } from "./overlaid";
import { type Range, requestedRanges } from "./range";
import { Target } from "./target";

/** The compiled rules of a meta section. They are created at the first request. */
interface Rules {
  redirects: Redirects;
  headers: HeaderRules;
  edge: EdgeCache;
}

/**
 * A part of a site: "current" is the redirects and assets of this deployment, "retained" adds the assets of earlier
 * ones, and "all" adds not_found_handling.
 */
export type Share = "current" | "retained" | "all";

/** One state of a site. */
export class View implements Assets {
  readonly #layers: Layers;
  #made: Rules | undefined;

  constructor(layers: Layers) {
    this.#layers = layers;
  }

  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      return (await this.answer(request, env)) as Response;
    } catch (error) {
      return failed(request, error);
    }
  }

  /** The asset at exactly this decoded pathname, or null. Throws a ManifestError if it cannot be served. */
  look(pathname: string): Asset | null {
    const index = this.#layers.find(pathname);
    return index < 0 || this.#layers.isRetired(index) ? null : this.#layers.asset(index);
  }

  /** Whether there is a retired asset at this decoded pathname. */
  retires(pathname: string): boolean {
    const index = this.#layers.find(pathname);
    return index >= 0 && this.#layers.isRetired(index);
  }

  /** The bytes of an asset, or null if they are not in KV. Throws if KV fails. */
  async read(asset: Asset, kv: KVNamespace): Promise<ReadableStream | null> {
    if (!asset.chunked) return readBlob(kv, asset.key);
    const body = await openParts(asset, kv, undefined);
    return body?.stream ?? null;
  }

  get #rules(): Rules {
    if (this.#made === undefined) {
      const { meta } = this.#layers;
      this.#made = {
        redirects: new Redirects(meta.redirects),
        headers: new HeaderRules(meta.headers),
        edge: new EdgeCache(meta),
      };
    }
    return this.#made;
  }

  /** Answers a request, or returns null if this share has nothing at the pathname. Throws unexpected errors. */
  answer(request: Request, env: Env, share?: Share): Promise<Response> | Response | null {
    const target = Target.parse(request.url);
    if (!target) return failure(400); // an invalid Host
    const { redirects, edge } = this.#rules;
    const redirection = redirects.size > 0 ? redirects.match(target.url) : undefined;
    if (redirection && "location" in redirection) {
      const response = this.#short(target, redirection.status, { Location: redirection.location });
      return redirection.byHost && edge.other ? unstored(response) : response;
    }
    const pathname = redirection ? redirection.pathname : target.pathname;
    const decoded = decodePathname(pathname);
    // The site answers the target of its own redirect, even if nothing is there.
    const resolution = this.#resolve(decoded, redirection ? "all" : (share ?? "all"));
    if (!resolution) return share === undefined || redirection ? this.#short(target, 404, {}) : null;
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      return this.#short(target, 405, { Allow: "GET, HEAD" });
    }
    // Each pathname has one canonical form. Others redirect there, in one step with html_handling.
    const canonical = encodePathname("redirect" in resolution ? resolution.redirect : decoded);
    if ("redirect" in resolution || canonical !== pathname) {
      return this.#short(target, 307, { Location: canonical + target.url.search });
    }
    // An asset that is served at another pathname may be replaced by another asset.
    const asset = this.#layers.asset(resolution.asset);
    const contentHashed =
      !redirection &&
      asset.layer === "deployed" &&
      isContentHashed(decoded) &&
      this.#layers.find(decoded) === resolution.asset;
    return this.#serve(request, target, env, { asset, status: resolution.status, contentHashed });
  }

  /**
   * Resolves a pathname. An asset of this deployment takes precedence over a retired one, in any spelling, and a
   * retired one over not_found_handling.
   */
  #resolve(pathname: string, share: Share): { asset: number; status: 200 | 404 } | { redirect: string } | undefined {
    const layers = this.#layers;
    const { htmlHandling, notFoundHandling } = layers.meta;
    // Resolving looks up the same few pathnames several times.
    const asked: string[] = [];
    const found: number[] = [];
    const any = (path: string): number => {
      const known = asked.indexOf(path);
      if (known >= 0) return found[known]!;
      const index = layers.find(path);
      asked.push(path);
      found.push(index);
      return index;
    };
    let sawRetired = false;
    const current = (path: string): number => {
      const index = any(path);
      if (index < 0 || !layers.isRetired(index)) return index;
      sawRetired = true;
      return -1;
    };

    const resolution =
      resolvePathname(pathname, htmlHandling, current) ??
      (sawRetired && share !== "current" ? resolvePathname(pathname, htmlHandling, any) : undefined);
    if (resolution) return "redirect" in resolution ? resolution : { asset: resolution.asset, status: 200 };
    return share === "all" ? resolveNotFound(pathname, notFoundHandling, current) : undefined;
  }

  async #serve(
    { method, headers: asked }: Request,
    target: Target,
    env: Env,
    { asset, status, contentHashed }: { asset: Asset; status: 200 | 404; contentHashed: boolean },
  ): Promise<Response> {
    const etag = `"${asset.hash}"`;
    const exists = status === 200;
    const headers: Record<string, string> = { ETag: etag };
    // A response to an authorized client is not for shared caches.
    const { edge } = this.#rules;
    const isOneClients = asked.has("authorization");
    if (!isOneClients) headers["Cache-Control"] = cacheControl(contentHashed);
    Object.assign(headers, isOneClients ? edge.other : edge.asset);
    if (isNotModified(asked, etag, exists)) return this.#finish(target, null, 304, headers, asset.headers);

    headers["Content-Type"] = asset.type;
    // Caches use the date to decide by themselves, which is wrong if several versions of the file have it.
    if (exists && !isOneClients && !edge.other) headers["Last-Modified"] = httpDate(asset.modified);
    const isEncoded = this.#isEncoded(target, asset);
    const inParts = exists && !isEncoded;
    if (inParts) headers["Accept-Ranges"] = "bytes";
    if (method === "HEAD") {
      if (!isEncoded) headers["Content-Length"] = String(asset.size);
      return this.#finish(target, null, status, headers, asset.headers);
    }

    const ranges = inParts ? requestedRanges(asked, asset.size, etag) : undefined;
    if (ranges?.length === 0) return this.#short(target, 416, { "Content-Range": `bytes */${asset.size}` });
    let stream: ReadableStream | null | undefined;
    try {
      if (ranges || asset.chunked) {
        const body = await openParts(asset, env.KV_SYNC_BLOBS, ranges);
        Object.assign(headers, body?.headers);
        stream = body?.stream;
      } else {
        headers["Content-Length"] = String(asset.size);
        stream = await readBlob(env.KV_SYNC_BLOBS, asset.key);
      }
    } catch (error) {
      if (error instanceof ManifestError) throw error;
      console.error(`kv-sync: cannot read ${asset.key} for ${target.pathname}:`, describeThrown(error));
      return failure(503);
    }
    if (stream) return this.#finish(target, stream, ranges ? 206 : status, headers, asset.headers);
    if (asset.retired) return failure(404);
    console.error(`kv-sync: ${asset.key}, or a chunk of it, for ${target.pathname} is not in KV; run kv-sync verify`);
    return failure(503);
  }

  /**
   * Whether a rule or the asset sets Content-Encoding. The runtime then encodes the body. A range is one of the encoded
   * bytes (RFC 9110, 14.1.1), which are not known here, so the whole file is sent.
   */
  #isEncoded(target: Target, { headers: own }: Asset): boolean {
    const { headers: rules } = this.#rules;
    if (!rules.encodes && !own) return false;
    const headers = new Headers();
    if (rules.encodes) rules.apply(target.url, headers);
    if (own) setHeaders(headers, own);
    return headers.has("Content-Encoding");
  }

  /** A response without an asset and without a body. */
  #short(target: Target, status: number, headers: Record<string, string>): Response {
    return this.#finish(target, null, status, Object.assign(headers, this.#rules.edge.other));
  }

  /**
   * Applies the site's header rules and then the asset's own headers. Failures get none: a rule could cause caching.
   */
  #finish(
    target: Target,
    body: ReadableStream | null,
    status: number,
    headers: Record<string, string>,
    own?: HeaderPair[],
  ): Response {
    const response = new Response(body, { status, headers });
    const { headers: rules, edge } = this.#rules;
    if (rules.size > 0) rules.apply(target.url, response.headers);
    if (own) setHeaders(response.headers, own);
    return edge.limit(response);
  }
}

/**
 * The body of a chunked file or of ranges; null if the chunk index or the first blob is not in KV. (A whole file in one
 * blob is sent as KV's own stream, which costs the Worker nothing.)
 */
async function openParts(
  { key, site, hash, type, size, chunked }: Asset,
  kv: KVNamespace,
  ranges: Range[] | undefined,
): Promise<Body | null> {
  let file: File = { size, blobSize: size, key: () => key };
  if (chunked) {
    const index = await readBlob(kv, key);
    if (!index) return null;
    file = await readIndex(await new Response(index).arrayBuffer(), site, hash, size);
  }
  return openBody(kv, file, type, hash, ranges);
}
