// Finds the files that the code of a deployment guards. If code gets a request before the
// site, it may decide who can read the file. Such a file must not stay reachable after it
// was removed. sync/manifest/routing.go does the same.

import type { Routing } from "../format/routing";
import { Glob } from "./glob";
import { encodePathname } from "./pathname";

/** Reports whether code may decide who can read the file at a path. */
export type Guards = (path: string) => boolean;

/** Compiles a routing. If the routing is unknown (undefined), every file counts as guarded. */
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

/**
 * Returns the pathnames at which a file is served, for all values of html_handling. Others redirect to one of these.
 */
function servedPathnames(path: string): string[] {
  if (!path.endsWith(".html")) return [path];
  const stem = path.slice(0, path.endsWith("/index.html") ? -"/index.html".length : -".html".length);
  return [path, stem, `${stem}/`];
}
