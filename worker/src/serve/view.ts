// Answers requests from the assets of a site.

import { type BlobSequence, readIndex } from "../format/chunks";
import { type Asset, ManifestError } from "../format/manifest";
import type { HeaderPair } from "../format/meta";
import { describeThrown } from "../format/one_line";
import { readBlob, readSmallBlob } from "../kv/blob";
import type { BlobCache } from "../kv/blob_cache";
import { HeaderRules, setHeaders } from "../rules/header_rules";
import { resolvePathname } from "../rules/html";
import { resolveNotFound } from "../rules/not_found";
import { decodePathname, encodePathname } from "../rules/pathname";
import { Redirects } from "../rules/redirects";
import type { Assets, Env } from "./assets";
import { type Body, openBody } from "./body";
import { cacheControl, isContentHashed, preventEdgeCaching } from "./caching";
import { isNotModified } from "./conditional";
import { EdgeCache } from "./edge_cache";
import { failed, failure } from "./failure";
import { httpDate } from "./http_date";
import type { Layers } from "./layers";
import { Lookups } from "./lookups";
import { type HeldParts, withParts } from "./parts";
import { type Range, requestedRanges } from "./range";
import { Target } from "./target";

/** The compiled rules of a site. */
interface Rules {
  redirects: Redirects;
  headers: HeaderRules;
  edge: EdgeCache;
}

/** An asset that answers a request, and how. */
interface Found {
  asset: Asset;
  status: 200 | 404;
  /** Whether the pathname has a hash of the content. */
  contentHashed: boolean;
}

/**
 * A part of a site. "current" has the redirects and assets of this deployment. "retained" adds the retired assets, and
 * "all" adds not_found_handling.
 */
export type Scope = "current" | "retained" | "all";

/** A site with fixed assets: a deployed manifest, alone or with one revision of an overlay. */
export class View implements Assets {
  readonly #layers: Layers;
  readonly #blobs: BlobCache;
  /** Created at the first request. */
  #compiled: Rules | undefined;

  constructor(layers: Layers, blobs: BlobCache) {
    this.#layers = layers;
    this.#blobs = blobs;
  }

  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      return (await this.answer(request, env)) as Response;
    } catch (error) {
      return failed(request, error);
    }
  }

  /**
   * Returns the asset at exactly this decoded pathname, or null, and then whether there is a retired one. Throws a
   * ManifestError if the entry is invalid, and a PartUnavailableError if a part of the manifest cannot be read.
   */
  async lookUp(pathname: string, kv: KVNamespace): Promise<{ asset: Asset | null; retired: boolean }> {
    return withParts(kv, (held) => {
      const lookups = new Lookups(this.#layers, held);
      const index = lookups.current(pathname);
      if (index >= 0) return { asset: this.#layers.asset(index, held), retired: false };
      return { asset: null, retired: lookups.retained(pathname) >= 0 };
    });
  }

  /** Returns the bytes of an asset, or null if they are not in KV. Throws if KV fails. */
  async read(asset: Asset, kv: KVNamespace): Promise<ReadableStream | null> {
    if (!asset.chunked) return readBlob(kv, asset.key);
    const body = await openParts(asset, kv, undefined);
    return body?.stream ?? null;
  }

  get #rules(): Rules {
    if (this.#compiled === undefined) {
      const { meta } = this.#layers;
      this.#compiled = {
        redirects: new Redirects(meta.redirects),
        headers: new HeaderRules(meta.headers),
        edge: new EdgeCache(meta),
      };
    }
    return this.#compiled;
  }

  /**
   * Answers a request. Returns null if this part of the site has nothing at the pathname. Unexpected errors are thrown.
   */
  answer(request: Request, env: Env, scope?: Scope): Promise<Response | null> | Response | null {
    return withParts(env.KV_SYNC_BLOBS, (held) => this.#answer(request, env, scope, held));
  }

  #answer(
    request: Request,
    env: Env,
    scope: Scope | undefined,
    held: HeldParts | undefined,
  ): Promise<Response> | Response | null {
    const target = Target.parse(request.url);
    if (!target) return failure(400); // an invalid Host
    const { redirects, edge } = this.#rules;
    const redirection = redirects.size > 0 ? redirects.match(target.url) : undefined;
    if (redirection && "location" in redirection) {
      const response = this.#bodiless(target, redirection.status, { Location: redirection.location });
      return redirection.byHost && edge.other ? preventEdgeCaching(response) : response;
    }
    const pathname = redirection ? redirection.pathname : target.pathname;
    const decoded = decodePathname(pathname);
    // A redirect with the status 200 takes precedence over code, even if its target has no asset.
    const lookups = new Lookups(this.#layers, held);
    const resolution = this.#resolve(decoded, redirection ? "all" : (scope ?? "all"), lookups);
    if (!resolution) return scope === undefined || redirection ? this.#bodiless(target, 404, {}) : null;
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      return this.#bodiless(target, 405, { Allow: "GET, HEAD" });
    }
    // Each pathname has one canonical form. Other forms redirect to it, in the same step as html_handling.
    const canonical = encodePathname("redirect" in resolution ? resolution.redirect : decoded);
    if ("redirect" in resolution || canonical !== pathname) {
      return this.#bodiless(target, 307, { Location: canonical + target.url.search });
    }
    // The asset is immutable only at the pathname that has its hash. Other pathnames may get another asset later.
    const asset = this.#layers.asset(resolution.asset, held);
    const contentHashed =
      !redirection &&
      asset.layer === "deployed" &&
      isContentHashed(decoded) &&
      lookups.found(decoded) === resolution.asset;
    return this.#serve(request, target, env, { asset, status: resolution.status, contentHashed });
  }

  /**
   * Resolves a pathname. An asset of this deployment takes precedence over a retired one, even if html_handling has to
   * redirect to it. A retired asset takes precedence over not_found_handling.
   */
  #resolve(
    pathname: string,
    scope: Scope,
    lookups: Lookups,
  ): { asset: number; status: 200 | 404 } | { redirect: string } | undefined {
    const { htmlHandling, notFoundHandling } = this.#layers.meta;
    const resolution =
      resolvePathname(pathname, htmlHandling, lookups.current) ??
      (scope !== "current" && lookups.mayBeRetired
        ? resolvePathname(pathname, htmlHandling, lookups.retained)
        : undefined);
    if (resolution) return "redirect" in resolution ? resolution : { asset: resolution.asset, status: 200 };
    return scope === "all" ? resolveNotFound(pathname, notFoundHandling, lookups.current) : undefined;
  }

  #serve(request: Request, target: Target, env: Env, found: Found): Promise<Response> | Response {
    const { asset, status, contentHashed } = found;
    const { method, headers: requestHeaders } = request;
    const etag = `"${asset.hash}"`;
    const exists = status === 200;
    const headers: Record<string, string> = { ETag: etag };
    // The response to a client with credentials must not be stored by shared caches.
    const { edge } = this.#rules;
    const isAuthorized = requestHeaders.has("authorization");
    if (!isAuthorized) headers["Cache-Control"] = cacheControl(contentHashed);
    Object.assign(headers, isAuthorized ? edge.other : edge.asset);
    if (isNotModified(requestHeaders, etag, exists)) return this.#finish(target, null, 304, headers, asset.headers);

    headers["Content-Type"] = asset.type;
    // A cache compares dates on its own, which is wrong if several versions of a file have the same date.
    if (exists && !isAuthorized && !edge.other) headers["Last-Modified"] = httpDate(asset.modified);
    const isEncoded = this.#isEncoded(target, asset);
    const allowsRanges = exists && !isEncoded;
    if (allowsRanges) headers["Accept-Ranges"] = "bytes";
    if (method === "HEAD") {
      if (!isEncoded) headers["Content-Length"] = String(asset.size);
      return this.#finish(target, null, status, headers, asset.headers);
    }

    const ranges = allowsRanges ? requestedRanges(requestHeaders, asset.size, etag) : undefined;
    if (ranges?.length === 0) return this.#bodiless(target, 416, { "Content-Range": `bytes */${asset.size}` });
    if (!ranges && !asset.chunked) headers["Content-Length"] = String(asset.size);
    // A retired asset must answer 404 once its blob is pruned.
    const isKept = !ranges && !asset.chunked && !asset.retired;
    const kept = isKept ? this.#blobs.get(this.#layers.meta.site, asset.key) : undefined;
    if (this.#layers.meta.cacheStatus) headers["Cache-Status"] = this.#blobs.status(kept !== undefined);
    if (kept) return this.#finish(target, kept, status, headers, asset.headers);
    return this.#serveFromKV(target, env, found, { headers, ranges, isKept });
  }

  async #serveFromKV(
    target: Target,
    { KV_SYNC_BLOBS: kv }: Env,
    { asset, status }: Found,
    { headers, ranges, isKept }: { headers: Record<string, string>; ranges: Range[] | undefined; isKept: boolean },
  ): Promise<Response> {
    let body: ReadableStream | ArrayBuffer | null | undefined;
    try {
      if (ranges || asset.chunked) {
        const parts = await openParts(asset, kv, ranges);
        Object.assign(headers, parts?.headers);
        body = parts?.stream;
      } else {
        body = await this.#readWhole(asset, kv, isKept);
      }
    } catch (error) {
      if (error instanceof ManifestError) throw error;
      console.error(`kv-sync: cannot read ${asset.key} for ${target.pathname}:`, describeThrown(error));
      return failure(503);
    }
    if (body) return this.#finish(target, body, ranges ? 206 : status, headers, asset.headers);
    if (asset.retired) return failure(404);
    console.error(`kv-sync: ${asset.key}, or a chunk of it, for ${target.pathname} is not in KV; run kv-sync verify`);
    return failure(503);
  }

  /** Reads a file that is one blob. KV's stream costs the least CPU time. A blob that is to be kept comes whole. */
  async #readWhole(
    { key, size }: Asset,
    kv: KVNamespace,
    isKept: boolean,
  ): Promise<ReadableStream | ArrayBuffer | null> {
    if (!isKept || !this.#blobs.admits(key, size)) return readBlob(kv, key);
    const blob = await readSmallBlob(kv, key);
    if (blob && blob.byteLength !== size) throw new Error(`it has ${blob.byteLength} bytes, not ${size}`);
    if (blob) this.#blobs.add(this.#layers.meta.site, key, blob);
    return blob;
  }

  /**
   * Whether a rule or the asset sets Content-Encoding. Then the runtime encodes the body, and ranges would have to
   * count encoded bytes (RFC 9110, 14.1.1). These are not known here, so the response is the whole file.
   */
  #isEncoded(target: Target, { headers: own }: Asset): boolean {
    const { headers: rules } = this.#rules;
    if (!rules.encodes && !own) return false;
    const headers = new Headers();
    if (rules.encodes) rules.apply(target.url, headers);
    if (own) setHeaders(headers, own);
    return headers.has("Content-Encoding");
  }

  /** Returns a response without a body for something that is not an asset: a redirect or an error. */
  #bodiless(target: Target, status: number, headers: Record<string, string>): Response {
    return this.#finish(target, null, status, Object.assign(headers, this.#rules.edge.other));
  }

  /**
   * Creates a response, and applies the site's header rules and then the asset's own headers. It is not used for
   * failures, because a header rule could make caches store them.
   */
  #finish(
    target: Target,
    body: ReadableStream | ArrayBuffer | null,
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
 * Opens the body of a chunked file, or of ranges. Returns null if the chunk index or the first blob is not in KV. (A
 * whole file in one blob does not need this: KV's stream is the body, and costs no CPU time.)
 */
async function openParts(
  { key, site, hash, type, size, chunked }: Asset,
  kv: KVNamespace,
  ranges: Range[] | undefined,
): Promise<Body | null> {
  let file: BlobSequence = { size, blobSize: size, key: () => key };
  if (chunked) {
    const index = await readBlob(kv, key);
    if (!index) return null;
    file = await readIndex(await new Response(index).arrayBuffer(), site, hash, size);
  }
  return openBody(kv, file, type, hash, ranges);
}
