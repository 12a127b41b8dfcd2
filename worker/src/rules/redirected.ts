// Finds the files that visitors cannot read because a redirect applies to their pathname.
// sync/manifest/redirected.go does the same.

import type { Redirect } from "../format/meta";
import { canonicalPathname } from "./html";
import { encodePathname } from "./pathname";
import { isDynamic, matchesPath, namesHost } from "./pattern";

/** Returns a function that reports whether a redirect applies to the pathname of a file, on every host. */
export function redirectedBy(redirects: Redirect[], handling: string): (path: string) => boolean {
  const onEveryHost = redirects.map(({ from }) => from).filter((from) => !namesHost(from));
  const fixed = new Set(onEveryHost.filter((from) => !isDynamic(from)));
  const dynamic = onEveryHost.filter(isDynamic);
  return (path) => {
    const pathname = encodePathname(handling === "none" ? path : canonicalPathname(path, handling));
    return fixed.has(pathname) || dynamic.some((from) => matchesPath(from, pathname));
  };
}
