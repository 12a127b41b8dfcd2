// The asset binding of a customer's Dynamic Worker. It is a stub of an entrypoint, which
// reads the project's assets, and also writes them if its props allow it.

import { WorkerEntrypoint } from "cloudflare:workers";
import { ManifestError } from "../format/manifest";
import { describeThrown } from "../format/one_line";
import type { OverlayNamespace } from "../format/overlay_entry";
import { isIncarnation, isProjectId, isRef, ProjectKeys } from "../format/project_keys";
import { readBlob } from "../kv/blob";
import { BlobCache } from "../kv/blob_cache";
import { LRU } from "../kv/lru";
import type { AssetInfo } from "../overlay/asset_info";
import type { Authorship, OnlyIf, PutOptions } from "../overlay/edit_checks";
import { answerRPC, EditError } from "../overlay/edit_error";
import type { AssetList } from "../overlay/edit_list";
import { Edits } from "../overlay/edits";
import { readListing } from "../overlay/listing";
import type {
  AssetBody,
  AssetChange,
  AssetWithBody,
  ListOptions,
  PublishResult,
  ReadWriteAssets,
  WriteResult,
} from "../overlay/read_write_assets";
import type { Env as SiteEnv } from "../serve/assets";
import { preventEdgeCaching } from "../serve/caching";
import { failure } from "../serve/failure";
import { openDeployed } from "../serve/parted";
import { Site } from "../serve/site";
import { type AssetBindingProps, readProject } from "./project";
import { ProjectError, readCurrent, readVersion } from "./version";

/** The opened sites of a namespace, by the key of the manifest, and the small blobs of these sites. */
interface Cached {
  sites: LRU<Site>;
  blobs: BlobCache;
}

const caches = new WeakMap<KVNamespace, Cached>();

/** The memory for cached manifests, which have 64 bytes per file. An isolate has 128 MiB in total. */
const sitesBudget = 20 << 20;

/** The memory of one project for parts of its manifest. It counts in the memory for manifests. */
const partsBudget = 2 << 20;

/** The memory for blobs. A project may use a quarter of it. */
const blobsBudget = { capacity: 4 << 20, share: 1 / 4 };

/** The entrypoint class of asset bindings. The main module of a loader exports it as `AssetBinding`. */
export type AssetBindingClass<Env> = new (
  ctx: ExecutionContext<AssetBindingProps>,
  env: Env,
) => WorkerEntrypoint<Env, AssetBindingProps> & ReadWriteAssets;

/**
 * Creates the entrypoint class for a namespace. Customers can call every method of its prototype, so these are only the
 * methods of ReadWriteAssets. They use the project in the props, and write only if the props allow it.
 */
export function assetBinding<Env>(options: {
  /** The namespace of the projects. */
  kv: (env: Env) => KVNamespace;
  /** The Durable Objects of overlays; the default is KV_SYNC_OVERLAY. */
  overlay?: (env: Env) => OverlayNamespace | undefined;
  /** The cache time in seconds, for bindings whose props do not name a manifest. */
  ttl?: number;
}): AssetBindingClass<Env> {
  const { kv, overlay = overlayOf, ttl } = options;
  return class extends WorkerEntrypoint<Env, AssetBindingProps> implements ReadWriteAssets {
    override fetch(request: Request): Promise<Response> {
      return serveAssets(request, this.ctx.props, this.#bindings, ttl);
    }

    get(path: string): Promise<AssetWithBody | null> {
      return this.#call((edits) => edits.get(path));
    }

    head(path: string): Promise<AssetInfo | null> {
      return this.#call((edits) => edits.head(path));
    }

    put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult> {
      return this.#call((edits) => edits.put(path, body, options));
    }

    delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult> {
      return this.#call((edits) => edits.delete(path, options));
    }

    list(options?: ListOptions): Promise<AssetList> {
      return this.#call((edits) => edits.list(options));
    }

    publish(changes: AssetChange[], by?: Authorship): Promise<PublishResult> {
      return this.#call((edits) => edits.publish(changes, by));
    }

    readonly #bindings = (): SiteEnv => ({ KV_SYNC_BLOBS: kv(this.env), KV_SYNC_OVERLAY: overlay(this.env) });

    #call<T>(act: (edits: Edits) => Promise<T>): Promise<T> {
      return answerRPC(projectName(this.ctx.props), async () => {
        const edits = await openEdits(this.ctx.props, this.#bindings(), ttl);
        if (!edits) throw new EditError(503, "the project is not deployed; deploy it, or try again in a minute");
        return act(edits);
      });
    }
  };
}

/** Names the project of a binding, for the log. A faulty platform may pass any props. */
function projectName({ projectId }: Partial<AssetBindingProps>): string {
  return isProjectId(projectId) ? `project ${projectId}` : "a binding without a project";
}

function overlayOf(env: unknown): OverlayNamespace | undefined {
  return (env as Partial<SiteEnv>).KV_SYNC_OVERLAY;
}

/**
 * Answers a request with a project's assets. It never throws: an error is logged, and the response is a failure.
 * Workers Caching does not store the response, because its key has neither the project nor the host.
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
    const { site, keys, ref } = opened;
    const response =
      props.write === true ? await editsOf(opened, env, props).fetch(request) : await site.fetch(request, env);
    cacheSite(env.KV_SYNC_BLOBS, keys, ref, site); // updates the size, which now includes the overlay
    return preventEdgeCaching(response);
  } catch (error) {
    console.error(`kv-sync: cannot serve the assets of ${projectName(props)}:`, describeThrown(error));
    return failure(
      error instanceof ManifestError || error instanceof ProjectError || error instanceof TypeError ? 500 : 503,
    );
  }
}

/** Returns the operations of a binding with these props, or null if its project is not deployed. */
async function openEdits(props: Partial<AssetBindingProps>, env: SiteEnv, ttl?: number): Promise<Edits | null> {
  const opened = await openProject(props, env.KV_SYNC_BLOBS, ttl);
  return opened && editsOf(opened, env, props);
}

function editsOf({ site, keys, ref }: OpenedProject, env: SiteEnv, props: Partial<AssetBindingProps>): Edits {
  const kv = env.KV_SYNC_BLOBS;
  const listing = async () => readListing(kv, keys.site, await storedRef(kv, keys, ref));
  return new Edits({ site, env, listing }, props);
}

/** A project's assets, and the "hash.nonce" of its served manifest. */
interface OpenedProject {
  site: Site;
  keys: ProjectKeys;
  ref: string;
}

/**
 * Opens the project of a binding. Returns null if it is not deployed. Throws if KV fails, or does not have the
 * manifest.
 */
async function openProject(
  props: Partial<AssetBindingProps>,
  kv: KVNamespace,
  ttl?: number,
): Promise<OpenedProject | null> {
  const { projectId } = props;
  if (!isProjectId(projectId))
    throw new ProjectError("the props of an asset binding have no project; use { props: project.props }");
  const version = props.served === undefined ? (await readProject(projectId, kv, ttl))?.props : props;
  if (version?.served === undefined) return null;
  const { served: ref, incarnation = "" } = version;
  if (!isIncarnation(incarnation))
    throw new ProjectError("the props of an asset binding have no incarnation; use { props: project.props }");
  const keys = new ProjectKeys(projectId, incarnation);
  const site = await openSite(kv, keys, ref);
  if (!site) throw new Error(`the manifest ${ref} of project ${projectId} is not in KV; try again, or deploy again`);
  return { site, keys, ref };
}

/** The number of earlier versions that are searched. Dynamic Workers of older ones are unlikely to run still. */
const maxEarlierVersions = 10;

/** Finds the stored manifest of the version that has this served manifest. Returns its "hash.nonce". */
async function storedRef(kv: KVNamespace, keys: ProjectKeys, served: string): Promise<string> {
  const { projectId } = keys;
  const current = await readCurrent(kv, projectId, 0);
  if (current?.incarnation !== keys.incarnation) throw new ProjectError(`project ${projectId} is no longer deployed`);
  if (current.version.served === served) return current.version.stamp.manifest;
  for (const { version } of current.activations.slice(1, maxEarlierVersions)) {
    const earlier = await readVersion(kv, keys, version);
    if (earlier?.served === served) return earlier.stamp.manifest;
  }
  // KV does not show the switch at this location yet. The live manifest is a good approximation.
  return current.version.stamp.manifest;
}

/** Opens a served manifest by its "hash.nonce". Returns null if it is not in KV. Throws if it is invalid. */
export async function openSite(kv: KVNamespace, keys: ProjectKeys, ref: string): Promise<Site | null> {
  if (!isRef(ref))
    throw new ProjectError("the props of an asset binding have no manifest; use { props: project.props }");
  const key = keys.blob(ref);
  const { sites, blobs } = cachedOf(kv);
  const site = sites.get(key);
  if (site) return site;

  const blob = await readBlob(kv, key);
  if (!blob) return null;
  const manifest = openDeployed(await new Response(blob).arrayBuffer(), partsBudget);
  // A customer may upload a file with the bytes of a manifest, and so choose its site.
  if (manifest.meta.site !== keys.site)
    throw new ManifestError(`project ${keys.projectId}: the manifest ${ref} belongs to another site`);
  const opened = new Site(manifest, blobs);
  cacheSite(kv, keys, ref, opened);
  return opened;
}

function cacheSite(kv: KVNamespace, keys: ProjectKeys, ref: string, site: Site): void {
  cachedOf(kv).sites.set(keys.blob(ref), site, site.bytes);
}

function cachedOf(kv: KVNamespace): Cached {
  let cached = caches.get(kv);
  if (!cached) {
    cached = { sites: new LRU(sitesBudget), blobs: new BlobCache(blobsBudget) };
    caches.set(kv, cached);
  }
  return cached;
}
