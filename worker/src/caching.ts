// What responses say to caches.

import type { Meta } from "./meta";
import { namesHost } from "./pattern";

/** The client asks again before it uses its copy; a 304 is cheap. */
const revalidate = "public, max-age=0, must-revalidate";

/** The longest that caches honour. */
const immutable = "public, max-age=31536000, immutable";

/**
 * Whether a file's name holds a hash of its content, so that another content
 * has another name: 8 hexadecimal digits or more between dots, as in
 * /app.3f2a9c1b.js and /main.3f2a9c1b.chunk.css.
 *
 * People name files too, and a file that is wrongly taken for immutable stays
 * wrong in browsers for a year. So a date (report.20240131.pdf) is no hash, nor
 * is a word; and of the names that Vite and esbuild make (app-BxYz1234.js)
 * nothing tells photo-iPhone15.jpg apart. docs/serving.md says what to do there.
 */
export function isContentHashed(pathname: string): boolean {
  const hash = /\.([a-f0-9]{8,})(?:\.\w+){1,2}$/.exec(pathname)?.[1];
  return hash !== undefined && /[a-f]/.test(hash) && /\d/.test(hash);
}

/** The Cache-Control of an asset at its pathname. */
export function cacheControl(contentHashed: boolean): string {
  return contentHashed ? immutable : revalidate;
}

/** A write at run time makes no new version, so nothing else would end what is cached. In seconds. */
const longestOverlaid = 30;

/** What a site says to Workers Caching, which can answer without running the Worker. */
export class EdgeCache {
  /** For an asset, which is the same for every client; undefined where the site does not ask for it. */
  readonly asset: Record<string, string> | undefined;
  /** For anything else. */
  readonly other: Record<string, string> | undefined;

  constructor({ site, edgeCache, overlay, redirects, headers }: Meta) {
    if (edgeCache === 0) return;
    const seconds = overlay ? Math.min(edgeCache, longestOverlaid) : edgeCache;
    // Clients and other caches do not see it.
    const name = "Cloudflare-CDN-Cache-Control";
    this.other = { [name]: "no-store" };
    // That cache knows a response by its path and query alone: where a rule
    // names a host, one host's response would be sent to another.
    const byHost = redirects.some(({ from }) => namesHost(from)) || headers.some(({ path }) => namesHost(path));
    this.asset = byHost ? this.other : { [name]: `public, max-age=${seconds}`, "Cache-Tag": site };
  }
}
