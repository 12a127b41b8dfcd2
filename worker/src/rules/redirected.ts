// Which files nobody could read, because a redirect answered in their place.
// sync/manifest/redirected.go is the same.

import { canonicalPathname } from "./html";
import type { Redirect } from "../format/meta";
import { encodePathname } from "./pathname";
import { isDynamic, matchesPath, namesHost } from "./pattern";

/** Whether redirects answer at the pathname of a file. Those of some hosts only do not count. */
export function redirectedBy(redirects: Redirect[], handling: string): (path: string) => boolean {
  const everywhere = redirects.map(({ from }) => from).filter((from) => !namesHost(from));
  const fixed = new Set(everywhere.filter((from) => !isDynamic(from)));
  const dynamic = everywhere.filter(isDynamic);
  return (path) => {
    const pathname = encodePathname(handling === "none" ? path : canonicalPathname(path, handling));
    return fixed.has(pathname) || dynamic.some((from) => matchesPath(from, pathname));
  };
}
