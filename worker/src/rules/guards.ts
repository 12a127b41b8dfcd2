// Which requests a deployment's code gets before the site does. Code that gets a
// request decides about access to what is served there, so it decides which
// files may stay reachable after they were removed. sync/routing.go is the same.

import { Glob } from "./glob";
import { encodePathname } from "./pathname";
import type { Routing } from "../format/routing";

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
    servedPathnames(path)
      .map(encodePathname)
      .some((pathname) => !site(pathname) && worker(pathname));
}

/** The pathnames at which some html_handling serves a file. Every other spelling is redirected to one of these. */
function servedPathnames(path: string): string[] {
  if (!path.endsWith(".html")) return [path];
  const stem = path.slice(0, path.endsWith("/index.html") ? -"/index.html".length : -".html".length);
  return [path, stem, `${stem}/`];
}
