// What a site says to Workers Caching.

import type { Meta } from "../format/meta";
import { namesHost } from "../rules/pattern";
import { ageOf, edgeControl, has, overlaidControl, unstored } from "./caching";

/** A write at run time makes no new version, so nothing else would end what is cached. In seconds. */
const longestOverlaid = 30;

/**
 * What a site says to Workers Caching, which can answer without running the
 * Worker. That cache knows a response by the path and the query of its request,
 * by the version, and by the headers that its Vary names; not by the host.
 */
export class EdgeCache {
  /** For an asset, which is the same for every client; undefined where the site does not ask for it. */
  readonly asset: Record<string, string> | undefined;
  /** For anything else. */
  readonly other: Record<string, string> | undefined;
  /** Whether a rule names a host, so that nothing may be stored, whatever a rule says. */
  readonly #byHost: boolean;
  /** For how many seconds an answer of a site with an overlay may be stored; undefined for other sites. */
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
   * An answer of the site, after its rules had their say. Those may have it not
   * stored; they may not have it stored where the host decided it, nor beyond the
   * time for which a write at run time may go unseen.
   */
  settle(response: Response): Response {
    if (this.#byHost) return unstored(response);
    const longest = this.#longest;
    if (longest === undefined) return response;
    const control = response.headers.get(edgeControl) ?? "";
    if (!has(control, "no-store") && !has(control, "private"))
      response.headers.set(edgeControl, overlaidControl(Math.min(ageOf(control) ?? longest, longest)));
    return response;
  }
}
