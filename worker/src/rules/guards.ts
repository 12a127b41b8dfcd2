// Which files the code of a deployment guards. Code that gets a request before
// the site decides about access, so files that it guards must not stay reachable
// after they were removed. sync/manifest/routing.go does the same.

import type { Routing } from "../format/routing";
import { Glob } from "./glob";
import { encodePathname } from "./pathname";

/** Whether code decides who may read the file at a path. */
export type Guards = (path: string) => boolean;

/** Compiles a routing. An unknown (undefined) routing guards every file. */
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

/** The pathnames at which any html_handling serves a file. All other spellings redirect to one of these. */
function servedPathnames(path: string): string[] {
  if (!path.endsWith(".html")) return [path];
  const stem = path.slice(0, path.endsWith("/index.html") ? -"/index.html".length : -".html".length);
  return [path, stem, `${stem}/`];
}
