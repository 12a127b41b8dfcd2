// The headers of a site for Workers Caching.

import type { Meta } from "../format/meta";
import { namesHost } from "../rules/pattern";
import { ageOf, edgeControl, has, overlaidControl, unstored } from "./caching";

/** The longest cache time of a site with an overlay, in seconds: a write at run time does not create a new version. */
const longestOverlaid = 30;

/**
 * The headers of a site for Workers Caching, which answers without running the Worker. Its key consists of path, query,
 * version and the headers in Vary. It does not contain the host.
 */
export class EdgeCache {
  /** The headers of an asset, which is the same for every client; undefined if the site does not use the cache. */
  readonly asset: Record<string, string> | undefined;
  /** The headers of any other response. */
  readonly other: Record<string, string> | undefined;
  /** Whether a rule names a host. Then no response may be stored, even if a rule allows it. */
  readonly #byHost: boolean;
  /** The longest cache time of a site with an overlay, in seconds; undefined for other sites. */
  readonly #longest: number | undefined;

  constructor({ site, edgeCache, overlay, redirects, headers }: Meta) {
    this.#byHost =
      edgeCache > 0 && (redirects.some(({ from }) => namesHost(from)) || headers.some(({ path }) => namesHost(path)));
    if (edgeCache === 0) return;
    this.other = { [edgeControl]: "no-store" };
    if (overlay) this.#longest = Math.min(edgeCache, longestOverlaid);
    const control = this.#longest === undefined ? `public, max-age=${edgeCache}` : overlaidControl(this.#longest);
    this.asset = this.#byHost ? this.other : { [edgeControl]: control, "Cache-Tag": site };
  }

  /**
   * Limits the caching that a rule of the site sets. A rule may prevent caching. It cannot enable caching if responses
   * depend on the host. With an overlay it cannot extend the cache time, so that a write at run time becomes visible.
   */
  limit(response: Response): Response {
    if (this.#byHost) return unstored(response);
    const longest = this.#longest;
    if (longest === undefined) return response;
    const control = response.headers.get(edgeControl) ?? "";
    if (!has(control, "no-store") && !has(control, "private"))
      response.headers.set(edgeControl, overlaidControl(Math.min(ageOf(control) ?? longest, longest)));
    return response;
  }
}
