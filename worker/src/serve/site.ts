// A site: the deployed manifest, and the overlay over it.

import { waitUntil } from "cloudflare:workers";
import { Manifest } from "../format/manifest";
import type { Meta } from "../format/meta";
import { describeThrown } from "../format/one_line";
import type { Assets, Env } from "./assets";
import { unstored } from "./caching";
import { failed } from "./failure";
import { LiveOverlay, openOverlay } from "./live_overlay";
import { Overlaid } from "./overlaid";
import { type Share, View } from "./view";

/** A deployed manifest, with an overlay if the manifest says so. */
export class Site implements Assets {
  readonly #manifest: Manifest;
  readonly #deployed: View;
  #live: LiveOverlay | undefined;
  #overlaid: { over: Manifest; view: View } | undefined;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    this.#deployed = new View(manifest);
  }

  /** Answers code. Workers Caching must not store the response: the code may have decided to request it. */
  async fetch(request: Request, env: Env): Promise<Response> {
    const response = await this.serve(request, env);
    return this.isStored ? unstored(response) : response;
  }

  /** Answers a visitor directly, without code. */
  serve(request: Request, env: Env): Promise<Response> {
    return this.offer(request, env) as Promise<Response>;
  }

  /** Whether Workers Caching is in front of the Worker. */
  get isStored(): boolean {
    try {
      return this.#manifest.meta.edgeCache > 0;
    } catch {
      return true; // a damaged manifest is answered with a failure
    }
  }

  /** Like serve, but returns null if this share of the site has nothing at the pathname. */
  async offer(request: Request, env: Env, share?: Share): Promise<Response | null> {
    try {
      const view = this.#manifest.meta.overlay ? await this.view(env) : this.#deployed;
      return await view.answer(request, env, share);
    } catch (error) {
      return failed(request, error);
    }
  }

  /** The meta section of the deployed manifest. Throws a ManifestError if it is damaged. */
  get meta(): Meta {
    return this.#manifest.meta;
  }

  /** The deployed assets only. */
  get deployed(): View {
    return this.#deployed;
  }

  /** The size of its manifests in memory. */
  get bytes(): number {
    return this.#manifest.bytes + (this.#live?.bytes ?? 0);
  }

  /**
   * The site with its overlay from KV, if it has one. Throws an OverlayUnavailableError if the overlay cannot be read
   * and none is cached.
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

  /** The site with an overlay from the Durable Object. Throws a ManifestError for bytes that are not of this site. */
  under(overlay: ArrayBuffer): View {
    return new View(new Overlaid(openOverlay(this.#manifest.meta.site, overlay), this.#manifest));
  }
}

/** Tells the overlay which of its writes the deployed manifest has adopted. Serving ignores these anyway. */
function drop(layers: Overlaid, env: Env): void {
  const adopted = layers.adopted();
  const { site } = layers.meta;
  const overlays = env.KV_SYNC_OVERLAY;
  if (adopted.length === 0 || !overlays) return;
  const dropped = async () => overlays.get(overlays.idFromName(site)).drop(site, adopted);
  waitUntil(
    dropped().catch((error: unknown) =>
      console.error(
        `kv-sync: cannot drop adopted writes from the overlay of ${site}, trying again later:`,
        describeThrown(error),
      ),
    ),
  );
}

/**
 * The assets of a manifest. Throws a ManifestError for invalid bytes. At start-up this makes Cloudflare refuse the
 * version before any visitor sees it.
 */
export function createAssets(manifest: ArrayBuffer): Assets {
  return new Site(new Manifest(manifest));
}
