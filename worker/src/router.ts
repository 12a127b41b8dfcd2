// Stands before the Worker of a project that was made for Static Assets: decides
// which requests the site answers and which the Worker gets, and gives the
// Worker the site as a binding. Bundled only into such Workers.

import { env } from "cloudflare:workers";
import type { Env } from "./serve/assets";
import { unstored, unstoredUnlessTimed, varying } from "./serve/caching";
import { site } from "./serve/deployed_site";
import { Glob } from "./rules/glob";
import { Target } from "./serve/target";

/** What the wrangler file's "assets" says of the Worker. */
export interface Routing {
  /** The name under which the Worker's env has the site. */
  binding?: string;
  /** Patterns of pathnames that the site alone answers; they come before the Worker's. */
  site?: string[];
  /** Patterns of pathnames that go to the Worker, whatever the site has there. */
  worker?: string[];
  /** Whether not_found_handling comes before the Worker. Never where it is left out. */
  notFound?: "always" | "navigation";
}

type Answer = (request: Request) => Response | Promise<Response>;

/** The part of a WorkerEntrypoint class that is looked at. */
type Entrypoint = new (...args: never[]) => { fetch?(request: Request): Response | Promise<Response> };

/** What stands before a Worker whose site is written at run time: router_overlay.ts. */
export interface Overlay {
  /** Gives the binding more than fetch(), and a fetch() of its own. */
  assets: { fetch(request: Request): Promise<Response> };
  /** Answers before the site and the Worker do; null for what is theirs. */
  first(request: Request): Promise<Response | null>;
}

const bindings = env as unknown as Env;

/** Browsers say in it that a request is for a page. */
const mode = "Sec-Fetch-Mode";

/** As many as fetch follows. */
const mostRedirects = 20;

/** The main module's default export, behind the site. */
export function route(
  main: unknown,
  { binding, site: ours = [], worker: theirs = [], notFound }: Routing,
  overlay?: Overlay,
): unknown {
  // There is one env for all exports, Durable Objects too, and for who imports it.
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

/** What the Worker's code answers. How long a cache keeps that is for the code alone to say. */
async function answerByCode(request: Request, worker: Answer): Promise<Response> {
  const response = await worker(request);
  return site.isStored ? unstoredUnlessTimed(response) : response;
}

/** Where no asset of this deployment is. One of an earlier deployment must not hide a page that the Worker now makes. */
async function answerMissing(request: Request, worker: Answer): Promise<Response> {
  const response = await answerByCode(request, worker);
  if (response.status !== 404 || (request.method !== "GET" && request.method !== "HEAD")) return response;
  const earlier = await site.offer(request, bindings, "retained");
  if (!earlier) return response;
  await response.body?.cancel();
  return site.isStored ? unstored(earlier) : earlier;
}

/** Where a Worker has no fetch, the site answers everything. */
function withoutFetch(request: Request): Promise<Response> {
  return site.serve(request, bindings);
}

/** A WorkerEntrypoint: all but fetch is inherited. */
function routeClass(main: Entrypoint, answer: (request: Request, worker: Answer) => Promise<Response>): unknown {
  return class extends main {
    override fetch(request: Request): Promise<Response> {
      return answer(request, super.fetch ? (request) => super.fetch!(request) : withoutFetch);
    }
  };
}

/** An object of handlers: they are called on that object, which may be an instance with private state. */
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

/** The Worker's binding: a fetch that follows redirects, within the site, where the request wants that, and says so, as any fetch does. */
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
