// The router in front of a Worker that was written for Static Assets. It decides
// which requests the site answers and which the Worker gets, and gives the Worker
// the site as a binding. Only such Workers include it.

import { env } from "cloudflare:workers";
import { Glob } from "./rules/glob";
import type { Env } from "./serve/assets";
import { unstored, unstoredUnlessTimed, varying } from "./serve/caching";
import { site } from "./serve/deployed_site";
import { Target } from "./serve/target";

/** The settings in "assets" of the wrangler file. */
export interface Routing {
  /** The name of the site's binding in the Worker's env. */
  binding?: string;
  /** Patterns of pathnames that go to the site only. They take precedence over `worker`. */
  site?: string[];
  /** Patterns of pathnames that go to the Worker, even if the site has an asset there. */
  worker?: string[];
  /** When not_found_handling takes precedence over the Worker. The default is never. */
  notFound?: "always" | "navigation";
}

type Answer = (request: Request) => Response | Promise<Response>;

/** The part of a WorkerEntrypoint class that is used here. */
type Entrypoint = new (...args: never[]) => { fetch?(request: Request): Response | Promise<Response> };

/** The additions for a site with an overlay, from router_overlay.ts. */
export interface Overlay {
  /** The members of the binding, with their own fetch(). */
  assets: { fetch(request: Request): Promise<Response> };
  /** Answers before the site and the Worker; returns null for their requests. */
  first(request: Request): Promise<Response | null>;
}

const bindings = env as unknown as Env;

/** Browsers set it to "navigate" in requests for pages. */
const mode = "Sec-Fetch-Mode";

/** The number of redirects that fetch follows. */
const mostRedirects = 20;

/** Wraps the main module's default export. */
export function route(
  main: unknown,
  { binding, site: ours = [], worker: theirs = [], notFound }: Routing,
  overlay?: Overlay,
): unknown {
  // All exports, including Durable Objects, and importers of `env` share one env.
  if (binding !== undefined)
    (env as unknown as Record<string, unknown>)[binding] = bound(
      overlay?.assets ?? { fetch: (request) => site.fetch(request, bindings) },
    );

  const toSite = ours.map((pattern) => new Glob(pattern));
  const toWorker = theirs.map((pattern) => new Glob(pattern));

  async function answer(request: Request, worker: Answer): Promise<Response> {
    const edited = await overlay?.first(request);
    if (edited) return edited;
    const pathname = Target.parse(request.url)?.pathname ?? "";
    if (toSite.some((glob) => glob.matches(pathname))) return site.serve(request, bindings);
    if (toWorker.some((glob) => glob.matches(pathname))) return answerByCode(request, worker);
    const found = await site.offer(request, bindings, notFound === "always" ? "all" : "current");
    if (found) return found;
    if (notFound !== "navigation") return answerMissing(request, worker);
    const page = request.headers.get(mode) === "navigate" ? await site.offer(request, bindings, "all") : null;
    const response = page ?? (await answerMissing(request, worker));
    return site.isStored ? varying(response, mode) : response;
  }

  return typeof main === "function" ? routeClass(main as Entrypoint, answer) : routeObject(main, answer);
}

/** Answers by the Worker's code. Only the code decides how long caches store the response. */
async function answerByCode(request: Request, worker: Answer): Promise<Response> {
  const response = await worker(request);
  return site.isStored ? unstoredUnlessTimed(response) : response;
}

/** Answers a pathname without a current asset. A retired asset must not hide a page that the Worker makes. */
async function answerMissing(request: Request, worker: Answer): Promise<Response> {
  const response = await answerByCode(request, worker);
  if (response.status !== 404 || (request.method !== "GET" && request.method !== "HEAD")) return response;
  const earlier = await site.offer(request, bindings, "retained");
  if (!earlier) return response;
  await response.body?.cancel();
  return site.isStored ? unstored(earlier) : earlier;
}

/** If the Worker has no fetch, the site answers everything. */
function withoutFetch(request: Request): Promise<Response> {
  return site.serve(request, bindings);
}

/** Wraps a WorkerEntrypoint. All members except fetch are inherited. */
function routeClass(main: Entrypoint, answer: (request: Request, worker: Answer) => Promise<Response>): unknown {
  return class extends main {
    override fetch(request: Request): Promise<Response> {
      return answer(request, super.fetch ? (request) => super.fetch!(request) : withoutFetch);
    }
  };
}

/** Wraps an object of handlers. They are called on that object, which may be an instance with private state. */
function routeObject(main: unknown, answer: (request: Request, worker: Answer) => Promise<Response>): unknown {
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

/** The Worker's binding. Its fetch follows redirects within the site if the request allows it, as any fetch does. */
function bound(assets: Overlay["assets"]): object {
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
      if (redirects === mostRedirects) throw new TypeError("Too many redirects.");
      request = new Request(new URL(location, request.url), request);
    }
  }
  return { ...assets, fetch };
}
