// The router wraps a Worker that was written for Static Assets. It decides which requests
// the site answers and which go to the Worker, and it adds the site to the Worker's
// bindings. Other Workers do not include it.

import { env } from "cloudflare:workers";
import { Glob } from "./rules/glob";
import type { Env } from "./serve/assets";
import { preventEdgeCaching, preventEdgeCachingUnlessTimed, withVary } from "./serve/caching";
import { site } from "./serve/deployed_site";
import { Target } from "./serve/target";

/** The settings under "assets" in the wrangler file. */
export interface Routing {
  /** The name of the site's binding in the Worker's env. */
  binding?: string;
  /** Patterns of pathnames that go to the site only. They take precedence over `worker`. */
  site?: string[];
  /** Patterns of pathnames that go to the Worker, even if the site has an asset there. */
  worker?: string[];
  /** For which requests not_found_handling takes precedence over the Worker. The default is none. */
  notFound?: "always" | "navigation";
}

type Handler = (request: Request) => Response | Promise<Response>;

/** The part of a WorkerEntrypoint class that is used here. */
type Entrypoint = new (...args: never[]) => { fetch?(request: Request): Response | Promise<Response> };

/** The additions for a site with an overlay, from router_overlay.ts. */
export interface Overlay {
  /** The members of the assets binding. */
  assets: { fetch(request: Request): Promise<Response> };
  /** Gets each request first. Returns null for requests of the site and of the Worker. */
  first(request: Request): Promise<Response | null>;
}

const bindings = env as unknown as Env;

/** Browsers set this header to "navigate" in requests for pages. */
const modeHeader = "Sec-Fetch-Mode";

/** The maximum number of redirects that fetch() follows. */
const maxRedirects = 20;

/** Wraps the main module's default export. */
export function route(
  main: unknown,
  { binding, site: sitePatterns = [], worker: workerPatterns = [], notFound }: Routing,
  overlay?: Overlay,
): unknown {
  // All exports, including Durable Objects, and all modules that import `env` get the same object.
  if (binding !== undefined)
    (env as unknown as Record<string, unknown>)[binding] = assetsBinding(
      overlay?.assets ?? { fetch: (request) => site.fetch(request, bindings) },
    );

  const toSite = sitePatterns.map((pattern) => new Glob(pattern));
  const toWorker = workerPatterns.map((pattern) => new Glob(pattern));

  async function answer(request: Request, worker: Handler): Promise<Response> {
    const editResponse = await overlay?.first(request);
    if (editResponse) return editResponse;
    const pathname = Target.parse(request.url)?.pathname ?? "";
    if (toSite.some((glob) => glob.matches(pathname))) return site.serve(request, bindings);
    if (toWorker.some((glob) => glob.matches(pathname))) return answerByCode(request, worker);
    const found = await site.serveIfFound(request, bindings, notFound === "always" ? "all" : "current");
    if (found) return found;
    if (notFound !== "navigation") return answerMissing(request, worker);
    const page =
      request.headers.get(modeHeader) === "navigate" ? await site.serveIfFound(request, bindings, "all") : null;
    const response = page ?? (await answerMissing(request, worker));
    return site.usesEdgeCache ? withVary(response, modeHeader) : response;
  }

  return typeof main === "function" ? routeClass(main as Entrypoint, answer) : routeObject(main, answer);
}

/** Answers with the Worker's code. Only the code decides how long caches store the response. */
async function answerByCode(request: Request, worker: Handler): Promise<Response> {
  const response = await worker(request);
  return site.usesEdgeCache ? preventEdgeCachingUnlessTimed(response) : response;
}

/**
 * Answers a pathname without a current asset. The Worker takes precedence; if it answers 404, a retired asset is
 * served.
 */
async function answerMissing(request: Request, worker: Handler): Promise<Response> {
  const response = await answerByCode(request, worker);
  if (response.status !== 404 || (request.method !== "GET" && request.method !== "HEAD")) return response;
  const retired = await site.serveIfFound(request, bindings, "retained");
  if (!retired) return response;
  await response.body?.cancel();
  return site.usesEdgeCache ? preventEdgeCaching(retired) : retired;
}

/** Handles the requests of a Worker without fetch(): the site answers all of them. */
function withoutFetch(request: Request): Promise<Response> {
  return site.serve(request, bindings);
}

/** Wraps a WorkerEntrypoint. All members except fetch are inherited. */
function routeClass(main: Entrypoint, answer: (request: Request, worker: Handler) => Promise<Response>): unknown {
  return class extends main {
    override fetch(request: Request): Promise<Response> {
      return answer(request, super.fetch ? (request) => super.fetch!(request) : withoutFetch);
    }
  };
}

/**
 * Wraps an object of handlers. `this` of the handlers stays that object, which may be an instance with private members.
 */
function routeObject(main: unknown, answer: (request: Request, worker: Handler) => Promise<Response>): unknown {
  const handlers: Record<string, unknown> = {};
  for (let object = main; object && object !== Object.prototype; object = Object.getPrototypeOf(object) as unknown) {
    for (const name of Object.getOwnPropertyNames(object)) {
      const member = (main as Record<string, unknown>)[name];
      if (typeof member === "function" && name !== "constructor") handlers[name] ??= member.bind(main);
    }
  }
  const object = main as
    | { fetch?(request: Request, env: unknown, ctx: unknown): Response | Promise<Response> }
    | undefined;
  handlers["fetch"] = (request: Request, env: unknown, ctx: unknown) =>
    answer(request, object?.fetch ? (request) => object.fetch!(request, env, ctx) : withoutFetch);
  return handlers;
}

/**
 * Creates the assets binding of the Worker. Like any fetch(), its fetch() follows redirects if the request allows it.
 */
function assetsBinding(assets: Overlay["assets"]): object {
  async function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    let request =
      input instanceof Request && init === undefined
        ? input
        : new Request(input instanceof URL ? input.href : input, init);
    for (let redirects = 0; ; redirects++) {
      const response = await assets.fetch(request);
      const location = response.headers.get("Location");
      if (request.redirect !== "follow" || location === null || response.status < 300 || response.status > 399) {
        return Object.defineProperties(response, { url: { value: request.url }, redirected: { value: redirects > 0 } });
      }
      if (redirects === maxRedirects) throw new TypeError("Too many redirects.");
      request = new Request(new URL(location, request.url), request);
    }
  }
  return { ...assets, fetch };
}
