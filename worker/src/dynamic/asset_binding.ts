// What a customer's Dynamic Worker holds: a stub of an entrypoint that reads, and
// where its props say so writes, its project's assets, and nothing else.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { AssetInfo } from "../overlay/asset_info";
import { type Env as SiteEnv } from "../serve/assets";
import { Site } from "../serve/site";
import { failure } from "../serve/failure";
import { readBlob } from "../kv/blob";
import { unstored } from "../serve/caching";
import { answerRPC, EditError } from "../overlay/edit_error";
import type { Authorship, OnlyIf, PutOptions } from "../overlay/edit_checks";
import type { AssetList } from "../overlay/edit_list";
import { Edits } from "../overlay/edits";
import { readListing } from "../overlay/listing";
import { LRU } from "../kv/lru";
import { Manifest, ManifestError } from "../format/manifest";
import { readProject, type AssetBindingProps } from "./project";
import { isProjectId, isRef, ProjectKeys, siteOf } from "../format/project_keys";
import type { OverlayNamespace } from "../format/overlay_entry";
import type {
  AssetBody,
  AssetChange,
  AssetWithBody,
  ListOptions,
  PublishResult,
  ReadWriteAssets,
  WriteResult,
} from "../overlay/read_write_assets";
import { ProjectError, readCurrent, readVersion } from "./version";

/** Opened manifests by namespace, as for the pointers in project.ts. */
const sites = new WeakMap<KVNamespace, LRU<Site>>();

/** Of manifests, which have 64 bytes a file. An isolate has 128 MiB for everything. */
const sitesBudget = 24 << 20;

/** The entrypoint class of asset bindings, for a loader's main module to export as `AssetBinding`. */
export type AssetBindingClass<Env> = new (
  ctx: ExecutionContext<AssetBindingProps>,
  env: Env,
) => WorkerEntrypoint<Env, AssetBindingProps> & ReadWriteAssets;

/**
 * Makes the class for a namespace of the platform's choice. Every method on its
 * prototype can be called by customers: they are those of ReadWriteAssets, which
 * work on the project in the props and write only where those say so.
 */
export function assetBinding<Env>(options: {
  /** The namespace of the projects. */
  kv: (env: Env) => KVNamespace;
  /** The overlays' Durable Objects; KV_SYNC_OVERLAY where it is left out. */
  overlay?: (env: Env) => OverlayNamespace | undefined;
  /** Seconds, for bindings whose props name no manifest. */
  ttl?: number;
}): AssetBindingClass<Env> {
  const { kv, overlay = overlayOf, ttl } = options;
  return class extends WorkerEntrypoint<Env, AssetBindingProps> implements ReadWriteAssets {
    override fetch(request: Request): Promise<Response> {
      return serveAssets(request, this.ctx.props, this.#bindings, ttl);
    }

    get(path: string): Promise<AssetWithBody | null> {
      return this.#ask((edits) => edits.get(path));
    }

    head(path: string): Promise<AssetInfo | null> {
      return this.#ask((edits) => edits.head(path));
    }

    put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult> {
      return this.#ask((edits) => edits.put(path, body, options));
    }

    delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult> {
      return this.#ask((edits) => edits.delete(path, options));
    }

    list(options?: ListOptions): Promise<AssetList> {
      return this.#ask((edits) => edits.list(options));
    }

    publish(changes: AssetChange[], by?: Authorship): Promise<PublishResult> {
      return this.#ask((edits) => edits.publish(changes, by));
    }

    readonly #bindings = (): SiteEnv => ({ KV_SYNC_BLOBS: kv(this.env), KV_SYNC_OVERLAY: overlay(this.env) });

    #ask<T>(act: (edits: Edits) => Promise<T>): Promise<T> {
      return answerRPC(async () => {
        const edits = await openEdits(this.ctx.props, this.#bindings(), ttl);
        if (!edits)
          throw new EditError(503, "the project has nothing deployed here; deploy it, or try again in a minute");
        return act(edits);
      });
    }
  };
}

function overlayOf(env: unknown): OverlayNamespace | undefined {
  return (env as Partial<SiteEnv>).KV_SYNC_OVERLAY;
}

/**
 * Answers from a project's assets. It never throws, and what went wrong is in the
 * log alone. Workers Caching does not store it: before a loader its key is the
 * same for all projects, and before the binding the same for all hosts.
 */
export async function serveAssets(
  request: Request,
  props: Partial<AssetBindingProps>,
  bindings: () => SiteEnv,
  ttl?: number,
): Promise<Response> {
  try {
    const env = bindings();
    const opened = await openProject(props, env.KV_SYNC_BLOBS, ttl);
    if (!opened) return failure(404);
    const { site, projectId, ref } = opened;
    const response =
      props.write === true ? await editsOf(opened, env, props).fetch(request) : await site.fetch(request, env);
    keep(env.KV_SYNC_BLOBS, projectId, ref, site); // its overlay counts
    return unstored(response);
  } catch (error) {
    console.error("kv-sync: cannot serve the assets of a project:", error);
    return failure(
      error instanceof ManifestError || error instanceof ProjectError || error instanceof TypeError ? 500 : 503,
    );
  }
}

/** The operations of a binding with these props; null where its project has nothing deployed. */
async function openEdits(props: Partial<AssetBindingProps>, env: SiteEnv, ttl?: number): Promise<Edits | null> {
  const opened = await openProject(props, env.KV_SYNC_BLOBS, ttl);
  return opened && editsOf(opened, env, props);
}

function editsOf({ site, projectId, ref }: OpenedProject, env: SiteEnv, props: Partial<AssetBindingProps>): Edits {
  const kv = env.KV_SYNC_BLOBS;
  const listing = async () => readListing(kv, siteOf(projectId), await storedRef(kv, projectId, ref));
  return new Edits({ site, env, listing }, props);
}

/** A project's assets, and the hash.nonce of their manifest. */
interface OpenedProject {
  site: Site;
  projectId: string;
  ref: string;
}

/** Opens what a binding's props name; null where nothing is deployed. Throws where KV fails or does not have it. */
async function openProject(
  { projectId, served }: Partial<AssetBindingProps>,
  kv: KVNamespace,
  ttl?: number,
): Promise<OpenedProject | null> {
  if (!isProjectId(projectId))
    throw new ProjectError("the props of an asset binding name no project; give it { props: project.props }");
  const ref = served ?? (await readProject(projectId, kv, ttl))?.props.served;
  if (ref === undefined) return null;
  const site = await openSite(kv, projectId, ref);
  if (!site) throw new Error(`the manifest ${ref} of project ${projectId} is not in KV; ask again, or deploy it again`);
  return { site, projectId, ref };
}

/** How many versions back a Dynamic Worker may be that still runs. */
const mostVersionsBack = 10;

/** The stored manifest of the version that has a served one. */
async function storedRef(kv: KVNamespace, projectId: string, served: string): Promise<string> {
  const current = await readCurrent(kv, projectId, 0);
  if (!current) throw new ProjectError(`project ${projectId}: nothing is deployed any more`);
  if (current.version.served === served) return current.version.stamp.manifest;
  for (const { version } of current.activations.slice(1, mostVersionsBack)) {
    const earlier = await readVersion(kv, projectId, version);
    if (earlier?.served === served) return earlier.stamp.manifest;
  }
  // A switch that KV does not show here yet: what is deployed hardly differs.
  return current.version.stamp.manifest;
}

/** Opens the assets of a project by their manifest's hash.nonce; null if that is not in KV. Throws for what is none, or another project's. */
export async function openSite(kv: KVNamespace, projectId: string, ref: string): Promise<Site | null> {
  if (!isRef(ref))
    throw new ProjectError("the props of an asset binding name no manifest; give it { props: project.props }");
  const key = new ProjectKeys(projectId).blob(ref);
  const site = sites.get(kv)?.get(key);
  if (site) return site;

  const blob = await readBlob(kv, key);
  if (!blob) return null;
  const manifest = new Manifest(await new Response(blob).arrayBuffer());
  // Blobs are what customers upload, so one of them may look like a manifest.
  if (manifest.meta.site !== siteOf(projectId))
    throw new ManifestError(`project ${projectId}: the manifest ${ref} is another site's`);
  const opened = new Site(manifest);
  keep(kv, projectId, ref, opened);
  return opened;
}

function keep(kv: KVNamespace, projectId: string, ref: string, site: Site): void {
  let known = sites.get(kv);
  if (!known) sites.set(kv, (known = new LRU(sitesBudget)));
  known.set(new ProjectKeys(projectId).blob(ref), site, site.bytes);
}
