// Which requests a deployment's code gets before the site does. Code that gets a
// request decides about access to what is served there, so it decides which
// files may stay reachable after they were removed. sync/manifest/routing.go is the same.

import { Glob } from "./glob";
import { list, record, string } from "../format/meta";
import { encodePathname } from "./pathname";

/** The routing of a deployment. One without patterns is that of a deployment without code. */
export interface Routing {
  /** Patterns of pathnames that go to the code; "*" stands for any text. */
  worker: string[];
  /** Patterns of pathnames that the site alone answers; they come before the code's. */
  site: string[];
  /** Patterns of files that everyone may read although the code gets their requests. */
  retire: string[];
}

/** That of assets alone. */
export const withoutCode: Routing = { worker: [], site: [], retire: [] };

/** That of a Dynamic Worker, which gets every request. */
export function everyRequest(retire: string[]): Routing {
  return { worker: ["*"], site: [], retire };
}

/** Whether code decides who may read the file at a path. A routing that is not known guards every file. */
export type Guards = (path: string) => boolean;

/** Compiles a routing; undefined is not known. */
export function guardsOf(routing: Routing | undefined): Guards {
  if (!routing) return () => true;
  const [worker, site, retire] = [routing.worker, routing.site, routing.retire].map((patterns) => {
    const globs = patterns.map((pattern) => new Glob(pattern));
    return (text: string) => globs.some((glob) => glob.matches(text));
  }) as [Guards, Guards, Guards];
  return (path) =>
    routing.worker.length > 0 &&
    !retire(path) &&
    servedPathnames(path).map(encodePathname).some((pathname) => !site(pathname) && worker(pathname));
}

/** The pathnames at which some html_handling serves a file. Every other spelling is redirected to one of these. */
function servedPathnames(path: string): string[] {
  if (!path.endsWith(".html")) return [path];
  const stem = path.slice(0, path.endsWith("/index.html") ? -"/index.html".length : -".html".length);
  return [path, stem, `${stem}/`];
}

/** What a routing is in JSON: what is not known is left out, and what is empty. */
export function encodeRouting(routing: Routing | undefined): object {
  if (!routing) return {};
  const { worker, site, retire } = routing;
  return { routing: { ...(worker.length > 0 && { worker }), ...(site.length > 0 && { site }), ...(retire.length > 0 && { retire }) } };
}

/** Reads what encodeRouting wrote as the member `routing`. */
export function parseRouting(json: unknown): Routing | undefined {
  if (json === undefined || json === null) return undefined;
  const routing = record(json, "routing");
  const patterns = (member: string) => list(routing[member], member).map((pattern) => string(pattern, member));
  return { worker: patterns("worker"), site: patterns("site"), retire: patterns("retire") };
}
