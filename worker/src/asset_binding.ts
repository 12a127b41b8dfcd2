// What a customer's Dynamic Worker holds: a stub of an entrypoint that answers
// fetch() with its project's assets, and nothing else.

import { WorkerEntrypoint } from "cloudflare:workers";
import { failure, Site, type Env as SiteEnv } from "./assets";
import { readBlob } from "./blob";
import { LRU } from "./lru";
import { Manifest, ManifestError } from "./manifest";
import { readProject, type AssetBindingProps } from "./project";
import { isProjectId, isRef, ProjectKeys, siteOf } from "./project_keys";
import type { OverlayNamespace } from "./overlay_entry";
import { ProjectError } from "./version";

/** Opened manifests by namespace, as for the pointers in project.ts. */
const sites = new WeakMap<KVNamespace, LRU<Site>>();

/** Of manifests, which have 64 bytes a file. An isolate has 128 MiB for everything. */
const sitesBudget = 24 << 20;

/** The entrypoint class of asset bindings, for a loader's main module to export as `AssetBinding`. */
export type AssetBindingClass<Env> = new (
  ctx: ExecutionContext<AssetBindingProps>,
  env: Env,
) => WorkerEntrypoint<Env, AssetBindingProps> & { fetch(request: Request): Promise<Response> };

/**
 * Makes the class for a namespace of the platform's choice. Every method on its
 * prototype can be called by customers, so fetch is the only one.
 */
export function assetBinding<Env>(options: {
  /** The namespace of the projects. */
  kv: (env: Env) => KVNamespace;
  /** The overlays' Durable Objects; KV_SYNC_OVERLAY where it is left out. */
  overlay?: (env: Env) => OverlayNamespace | undefined;
  /** Seconds, for bindings whose props name no manifest. */
  ttl?: number;
}): AssetBindingClass<Env> {
  return class extends WorkerEntrypoint<Env, AssetBindingProps> {
    override fetch(request: Request): Promise<Response> {
      const { kv, overlay = overlayOf, ttl } = options;
      return serveAssets(request, this.ctx.props, () => ({ KV_SYNC_BLOBS: kv(this.env), KV_SYNC_OVERLAY: overlay(this.env) }), ttl);
    }
  };
}

function overlayOf(env: unknown): OverlayNamespace | undefined {
  return (env as Partial<SiteEnv>).KV_SYNC_OVERLAY;
}

/** Answers from a project's assets. It never throws, and what went wrong is in the log alone. */
export async function serveAssets(
  request: Request,
  { projectId, served }: Partial<AssetBindingProps>,
  bindings: () => SiteEnv,
  ttl?: number,
): Promise<Response> {
  try {
    if (!isProjectId(projectId)) throw new ProjectError("the props of an asset binding name no project; give it { props: project.props }");
    const env = bindings();
    const kv = env.KV_SYNC_BLOBS;
    const ref = served ?? (await readProject(projectId, kv, ttl))?.props.served;
    if (ref === undefined) return failure(404);
    const site = await openSite(kv, projectId, ref);
    if (site) {
      const response = await site.fetch(request, env);
      keep(kv, projectId, ref, site); // its overlay counts
      return response;
    }
    console.error(`kv-sync: the manifest ${ref} of project ${projectId} is not in KV; ask again, or deploy it again`);
    return failure(503);
  } catch (error) {
    console.error("kv-sync: cannot serve the assets of a project:", error);
    return failure(error instanceof ManifestError || error instanceof ProjectError || error instanceof TypeError ? 500 : 503);
  }
}

/** Opens the assets of a project by their manifest's hash.nonce; null if that is not in KV. Throws for what is none, or another project's. */
export async function openSite(kv: KVNamespace, projectId: string, ref: string): Promise<Site | null> {
  if (!isRef(ref)) throw new ProjectError("the props of an asset binding name no manifest; give it { props: project.props }");
  const key = new ProjectKeys(projectId).blob(ref);
  const site = sites.get(kv)?.get(key);
  if (site) return site;

  const blob = await readBlob(kv, key);
  if (!blob) return null;
  const manifest = new Manifest(await new Response(blob).arrayBuffer());
  // Blobs are what customers upload, so one of them may look like a manifest.
  if (manifest.meta.site !== siteOf(projectId)) throw new ManifestError(`project ${projectId}: the manifest ${ref} is another site's`);
  const opened = new Site(manifest);
  keep(kv, projectId, ref, opened);
  return opened;
}

function keep(kv: KVNamespace, projectId: string, ref: string, site: Site): void {
  let known = sites.get(kv);
  if (!known) sites.set(kv, (known = new LRU(sitesBudget)));
  known.set(new ProjectKeys(projectId).blob(ref), site, site.bytes);
}
