// Which files visitors cannot read because a redirect answers at their pathname.
// sync/manifest/redirected.go does the same.

import type { Redirect } from "../format/meta";
import { canonicalPathname } from "./html";
import { encodePathname } from "./pathname";
import { isDynamic, matchesPath, namesHost } from "./pattern";

/** Whether a redirect answers at the pathname of a file, on all hosts. */
export function redirectedBy(redirects: Redirect[], handling: string): (path: string) => boolean {
  const everywhere = redirects.map(({ from }) => from).filter((from) => !namesHost(from));
  const fixed = new Set(everywhere.filter((from) => !isDynamic(from)));
  const dynamic = everywhere.filter(isDynamic);
  return (path) => {
    const pathname = encodePathname(handling === "none" ? path : canonicalPathname(path, handling));
    return fixed.has(pathname) || dynamic.some((from) => matchesPath(from, pathname));
  };
}
