// A site: the deployed manifest, and the overlay over it.

import { waitUntil } from "cloudflare:workers";
import { unstored } from "./caching";
import { Overlaid } from "./overlaid";
import { LiveOverlay, openOverlay } from "./live_overlay";
import { Manifest } from "../format/manifest";
import type { Meta } from "../format/meta";
import { failed } from "./failure";
import { type Share, View } from "./view";
import type { Assets, Env } from "./assets";

/** A deployed manifest, and over it what was written at run time, where the manifest says that there may be such. */
export class Site implements Assets {
  readonly #manifest: Manifest;
  readonly #deployed: View;
  #live: LiveOverlay | undefined;
  #overlaid: { over: Manifest; view: View } | undefined;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    this.#deployed = new View(manifest);
  }

  /** Answers code, which may have had a reason to ask: Workers Caching is not to answer in its place. */
  async fetch(request: Request, env: Env): Promise<Response> {
    const response = await this.serve(request, env);
    return this.isStored ? unstored(response) : response;
  }

  /** Answers a visitor whose request no code sees. */
  serve(request: Request, env: Env): Promise<Response> {
    return this.offer(request, env) as Promise<Response>;
  }

  /** Whether Workers Caching stands before the Worker. */
  get isStored(): boolean {
    try {
      return this.#manifest.meta.edgeCache > 0;
    } catch {
      return true; // what is damaged is answered by a failure
    }
  }

  /** Answers as serve does, or with null where the site has nothing within this share of it. */
  async offer(request: Request, env: Env, share?: Share): Promise<Response | null> {
    try {
      const view = this.#manifest.meta.overlay ? await this.view(env) : this.#deployed;
      return await view.answer(request, env, share);
    } catch (error) {
      return failed(request, error);
    }
  }

  /** What the deployed manifest says beside its assets. Throws a ManifestError where that is damaged. */
  get meta(): Meta {
    return this.#manifest.meta;
  }

  /** What a deploy put there, and nothing else. */
  get deployed(): View {
    return this.#deployed;
  }

  /** How many bytes it holds. */
  get bytes(): number {
    return this.#manifest.bytes + (this.#live?.bytes ?? 0);
  }

  /**
   * The site with its overlay as KV shows it here, if it has one. Throws an
   * OverlayUnavailableError where KV fails and no overlay is known.
   */
  async view(env: Env): Promise<View> {
    const { meta } = this.#manifest;
    if (!meta.overlay) return this.#deployed;
    this.#live ??= new LiveOverlay(meta.site);
    const over = await this.#live.get(env.KV_SYNC_BLOBS);
    if (!over) return this.#deployed;
    if (this.#overlaid?.over !== over) {
      const layers = new Overlaid(over, this.#manifest);
      this.#overlaid = { over, view: new View(layers) };
      drop(layers, env);
    }
    return this.#overlaid.view;
  }

  /** The site with an overlay that is given, as the Durable Object gives it. Throws a ManifestError for bytes that are not this site's. */
  under(overlay: ArrayBuffer): View {
    return new View(new Overlaid(openOverlay(this.#manifest.meta.site, overlay), this.#manifest));
  }
}

/** Tells the overlay which of its entries are deployed by now. Serving does not depend on it: they are not looked at. */
function drop(layers: Overlaid, env: Env): void {
  const adopted = layers.adopted();
  const { site } = layers.meta;
  const overlays = env.KV_SYNC_OVERLAY;
  if (adopted.length === 0 || !overlays) return;
  const dropped = async () => overlays.get(overlays.idFromName(site)).drop(site, adopted);
  waitUntil(
    dropped().catch((error: unknown) =>
      console.error(`kv-sync: cannot drop what was adopted from the overlay of ${site}; it is tried again:`, error),
    ),
  );
}

/**
 * The assets that a manifest lists. Throws a ManifestError for bytes that are
 * no manifest: at start-up, where Cloudflare refuses the version before any
 * visitor sees it.
 */
export function createAssets(manifest: ArrayBuffer): Assets {
  return new Site(new Manifest(manifest));
}
