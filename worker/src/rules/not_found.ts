// not_found_handling: how to answer a pathname without an asset.

import type { NotFoundHandling } from "../format/meta";
import type { Find } from "./html";

/**
 * Directories below this depth are not searched for a 404.html. Without the limit, a pathname of 8 KiB of slashes would
 * cost thousands of look-ups.
 */
const deepest404 = 64;

/** The asset to answer with and its status; undefined for an empty 404. */
export function resolveNotFound(
  pathname: string,
  handling: NotFoundHandling,
  find: Find,
): { asset: number; status: 200 | 404 } | undefined {
  switch (handling) {
    case "none":
      return undefined;
    case "single-page-application": {
      const asset = find("/index.html");
      return asset < 0 ? undefined : { asset, status: 200 };
    }
    case "404-page": {
      const directories = pathname.split("/").slice(0, -1);
      for (let depth = Math.min(directories.length, deepest404); depth > 0; depth--) {
        const asset = find(`${directories.slice(0, depth).join("/")}/404.html`);
        if (asset >= 0) return { asset, status: 404 };
      }
      return undefined;
    }
  }
}
