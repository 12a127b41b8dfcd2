import type { Meta } from "../format/meta";
import { namesHost } from "../rules/pattern";
import { edgeControl, hasDirective, overlaidControl, preventEdgeCaching, sharedMaxAge } from "./caching";

/** The maximum cache time of a site with an overlay, in seconds. After this time, visitors see a write. */
const maxOverlaidSeconds = 30;

/**
 * The headers of a site for Workers Caching. The key of that cache consists of path, query, Worker version and the
 * headers in Vary. It does not contain the host.
 */
export class EdgeCache {
  /** The headers of an asset, which is the same for all clients; undefined if the site does not use the cache. */
  readonly asset: Record<string, string> | undefined;
  /** The headers of all other responses; undefined if the site does not use the cache. */
  readonly other: Record<string, string> | undefined;
  /** Whether a rule names a host. Then no response may be stored, even if a header rule allows it. */
  readonly #byHost: boolean;
  /** The maximum cache time of a site with an overlay, in seconds; undefined for other sites. */
  readonly #maxSeconds: number | undefined;

  constructor({ site, edgeCache, overlay, redirects, headers }: Meta) {
    this.#byHost =
      edgeCache > 0 && (redirects.some(({ from }) => namesHost(from)) || headers.some(({ path }) => namesHost(path)));
    if (edgeCache === 0) return;
    this.other = { [edgeControl]: "no-store" };
    if (overlay) this.#maxSeconds = Math.min(edgeCache, maxOverlaidSeconds);
    const control = this.#maxSeconds === undefined ? `public, max-age=${edgeCache}` : overlaidControl(this.#maxSeconds);
    this.asset = this.#byHost ? this.other : { [edgeControl]: control, "Cache-Tag": site };
  }

  /**
   * Limits the caching that the site's header rules set. A rule may prevent caching. A rule cannot enable caching if
   * responses depend on the host. With an overlay it cannot extend the cache time, so that writes become visible.
   */
  limit(response: Response): Response {
    if (this.#byHost) return preventEdgeCaching(response);
    const maxSeconds = this.#maxSeconds;
    if (maxSeconds === undefined) return response;
    const control = response.headers.get(edgeControl) ?? "";
    if (!hasDirective(control, "no-store") && !hasDirective(control, "private"))
      response.headers.set(edgeControl, overlaidControl(Math.min(sharedMaxAge(control) ?? maxSeconds, maxSeconds)));
    return response;
  }
}
