import { waitUntil } from "cloudflare:workers";
import type { Manifest } from "../format/manifest";
import type { Meta } from "../format/meta";
import { describeThrown } from "../format/one_line";
import { BlobCache, defaultCapacity } from "../kv/blob_cache";
import type { Assets, Env } from "./assets";
import { preventEdgeCaching } from "./caching";
import { failed } from "./failure";
import type { Deployed, Layers, Ordered } from "./layers";
import { LiveOverlay, openOverlay } from "./live_overlay";
import { Overlaid } from "./overlaid";
import { openDeployed } from "./parted";
import { type Scope, View } from "./view";

/** A site: a deployed manifest and, if the manifest says so, an overlay. */
export class Site implements Assets {
  readonly #manifest: Deployed;
  #blobs: BlobCache | undefined;
  #deployed: View | undefined;
  #live: LiveOverlay | undefined;
  #overlaid: { overlay: Manifest; view: View } | undefined;

  /** Without `blobs`, the site has a cache of its own, with the capacity in its manifest that parts do not use. */
  constructor(manifest: Deployed, blobs?: BlobCache) {
    this.#manifest = manifest;
    this.#blobs = blobs;
  }

  /**
   * Answers a request that comes from code. Workers Caching must not store the response, because the code may check the
   * client first.
   */
  async fetch(request: Request, env: Env): Promise<Response> {
    const response = await this.serve(request, env);
    return this.usesEdgeCache ? preventEdgeCaching(response) : response;
  }

  /** Answers a request that comes directly from a visitor, not from code. */
  serve(request: Request, env: Env): Promise<Response> {
    return this.serveIfFound(request, env) as Promise<Response>;
  }

  /** Whether Workers Caching is in front of the Worker. */
  get usesEdgeCache(): boolean {
    try {
      return this.#manifest.meta.edgeCache > 0;
    } catch {
      return true; // the manifest is damaged, so the response is a failure
    }
  }

  /** Like serve, but returns null if this part of the site has nothing at the pathname. */
  async serveIfFound(request: Request, env: Env, scope?: Scope): Promise<Response | null> {
    try {
      const view = this.#manifest.meta.overlay ? await this.view(env) : this.deployed;
      return await view.answer(request, env, scope);
    } catch (error) {
      return failed(request, error);
    }
  }

  /** The meta section of the deployed manifest. Throws a ManifestError if it is damaged. */
  get meta(): Meta {
    return this.#manifest.meta;
  }

  /** The deployed files with their paths, or undefined for a whole manifest. */
  get ordered(): Ordered | undefined {
    return this.#manifest.ordered;
  }

  /** The site without its overlay. Throws a ManifestError if the meta section is damaged. */
  get deployed(): View {
    this.#deployed ??= this.#open(this.#manifest);
    return this.#deployed;
  }

  #open(layers: Layers): View {
    const { meta, partMemory = 0 } = this.#manifest;
    this.#blobs ??= new BlobCache({ capacity: (meta.memoryCache ?? defaultCapacity) - partMemory });
    return new View(layers, this.#blobs);
  }

  /** The size of the site's manifests in memory. */
  get bytes(): number {
    return this.#manifest.bytes + (this.#live?.bytes ?? 0);
  }

  /**
   * Returns the site, with its overlay from KV if it has one. Throws an OverlayUnavailableError if the overlay cannot
   * be read and none is cached.
   */
  async view(env: Env): Promise<View> {
    const { meta } = this.#manifest;
    if (!meta.overlay) return this.deployed;
    this.#live ??= new LiveOverlay(meta.site);
    const overlay = await this.#live.get(env.KV_SYNC_BLOBS);
    if (!overlay) return this.deployed;
    if (this.#overlaid?.overlay !== overlay) {
      const layers = new Overlaid(overlay, this.#manifest);
      this.#overlaid = { overlay, view: this.#open(layers) };
      reportAdopted(layers, env);
    }
    return this.#overlaid.view;
  }

  /** Returns the site with the given overlay. Throws a ManifestError if it belongs to another site. */
  withOverlay(overlay: ArrayBuffer): View {
    return this.#open(new Overlaid(openOverlay(this.#manifest.meta.site, overlay), this.#manifest));
  }
}

/**
 * Asks the Durable Object to drop the run-time writes that the deployed manifest has adopted. Responses do not wait for
 * this, because serving already ignores these writes.
 */
function reportAdopted(layers: Overlaid, env: Env): void {
  const adopted = layers.adopted();
  const { site } = layers.meta;
  const overlays = env.KV_SYNC_OVERLAY;
  if (adopted.length === 0 || !overlays) return;
  const drop = async () => overlays.get(overlays.idFromName(site)).drop(site, adopted);
  waitUntil(
    drop().catch((error: unknown) =>
      console.error(
        `kv-sync: cannot drop adopted writes from the overlay of ${site}, trying again later:`,
        describeThrown(error),
      ),
    ),
  );
}

/**
 * Opens the assets of a manifest. Throws a ManifestError if it is invalid. Call it at start-up: then Cloudflare refuses
 * the version before any visitor sees it.
 */
export function createAssets(manifest: ArrayBuffer): Assets {
  return new Site(openDeployed(manifest));
}
