// Implements not_found_handling, which decides the response for a pathname without an asset.

import type { NotFoundHandling } from "../format/meta";
import type { Find } from "./html";

/**
 * The maximum depth of directories that are searched for a 404.html. Without it, a pathname of 8 KiB of slashes would
 * cause thousands of look-ups.
 */
const max404Depth = 64;

/** Returns the asset for the response, and the status. Returns undefined for an empty 404. */
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
      for (let depth = Math.min(directories.length, max404Depth); depth > 0; depth--) {
        const asset = find(`${directories.slice(0, depth).join("/")}/404.html`);
        if (asset >= 0) return { asset, status: 404 };
      }
      return undefined;
    }
  }
}
