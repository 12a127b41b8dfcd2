// @kv-sync/worker/dynamic: Dynamic Workers whose code and assets kv-sync put
// into Workers KV. docs/dynamic-workers.md tells how to build a platform on it.

import { env as workerEnv } from "cloudflare:workers";
import { failure } from "./serve/failure";
import { assetBinding, serveAssets } from "./dynamic/asset_binding";
import { unstored } from "./serve/caching";
import { deploy, type DeployOptions, type DeployResult, type ProjectFiles } from "./deploy/deploy";
import type { OverlayNamespace } from "./format/overlay_entry";
import type { Capabilities } from "./overlay/read_write_assets";
import { readProject, type AssetBindingProps, type CodeOptions, type Project } from "./dynamic/project";
import { ProjectError } from "./dynamic/version";

export { assetBinding, type AssetBindingClass } from "./dynamic/asset_binding";
export type {
  DeployOptions,
  DeployResult,
  FileContent,
  ModuleContent,
  ProjectCode,
  ProjectFiles,
  ProjectModule,
} from "./deploy/deploy";
export { BusyError } from "./kv/byte_budget";
export { ManifestError } from "./format/manifest";
export { RefusedError, type Problem } from "./rules/problem";
export type { AssetBindingProps, CodeOptions, Project } from "./dynamic/project";
export type { AssetInfo } from "./overlay/asset_info";
export type { Authorship, OnlyIf, PutOptions } from "./overlay/edit_checks";
export type { AssetList } from "./overlay/edit_list";
export type * from "./overlay/read_write_assets";
export { ProjectError } from "./dynamic/version";

/** The bindings of a platform whose Worker has them under these names. */
export interface DynamicEnv {
  /** The namespace of the projects. */
  KV_SYNC_BLOBS?: KVNamespace;
  LOADER?: WorkerLoader;
  /** The overlays' Durable Objects, where projects have overlays. */
  KV_SYNC_OVERLAY?: OverlayNamespace;
}

/**
 * The entrypoint that a platform's main module exports, and of which its
 * customers' Dynamic Workers get a stub. It reads KV_SYNC_BLOBS; assetBinding
 * makes one that reads another namespace.
 */
export const AssetBinding = assetBinding<DynamicEnv>({ kv: namespaceOf });

/** Where projects are read from and how fresh. */
export interface LoadOptions {
  /** The namespace of the projects; KV_SYNC_BLOBS where it is left out. */
  kv?: KVNamespace;
  /** For how many seconds what is active is taken for granted: 30 where it is left out. */
  ttl?: number;
}

/**
 * The project that is active under an id, or null where there is none, as for
 * an id that could be none. Throws where KV fails, and a ProjectError where
 * what lies there is damaged.
 */
export async function loadProject(projectId: string, options: LoadOptions = {}): Promise<Project | null> {
  return readProject(projectId, options.kv ?? namespaceOf(workerEnv as DynamicEnv), options.ttl);
}

/** What serveProject can be told. */
export interface ServeOptions extends LoadOptions, CodeOptions {
  /** LOADER where it is left out. */
  loader?: WorkerLoader;
  /** Bindings for the Dynamic Worker beside ASSETS. Like globalOutbound, limits and assets they are fixed when it starts. */
  env?: Record<string, unknown>;
  limits?: WorkerLoaderWorkerCode["limits"];
  /** What the Dynamic Worker may do with its assets; without it, read them. */
  assets?: Capabilities;
  /**
   * Change it with env, globalOutbound, limits or assets: a Dynamic Worker that runs is
   * used again as long as the project and this text are the same.
   */
  revision?: string;
}

/**
 * Answers a request as a project does: from its Dynamic Worker, whose env.ASSETS
 * are its assets, or where it has no code straight from its assets. Null where
 * there is no such project. What a customer's code throws is a 500 and a line
 * in the log; it does not throw, but where the platform's own bindings or its
 * export AssetBinding are missing. Workers Caching stores none of it, whatever
 * the customer's code says: its key has no project.
 */
export async function serveProject(
  request: Request,
  projectId: string,
  env: object,
  ctx: Pick<ExecutionContext, "exports">,
  options: ServeOptions = {},
): Promise<Response | null> {
  const {
    kv = namespaceOf(env),
    loader = (env as DynamicEnv).LOADER,
    ttl,
    revision = "",
    limits,
    globalOutbound,
    assets = {},
  } = options;
  const bind = (ctx.exports as Record<string, unknown>)["AssetBinding"] as
    | ((binding: { props: AssetBindingProps }) => Fetcher)
    | undefined;
  if (!loader)
    throw new TypeError("serveProject: there is no worker loader; bind one as LOADER, or give it as options.loader");
  if (!bind)
    throw new TypeError(
      'serveProject: the main module has no export AssetBinding; add: export { AssetBinding } from "@kv-sync/worker/dynamic"',
    );

  let project: Project | null;
  try {
    project = await readProject(projectId, kv, ttl);
  } catch (error) {
    console.error("kv-sync: cannot load a project:", error);
    return failure(error instanceof ProjectError ? 500 : 503);
  }
  if (!project) return null;
  const { id, props, hasCode } = project;
  if (!hasCode)
    return serveAssets(
      request,
      props,
      () => ({ KV_SYNC_BLOBS: kv, KV_SYNC_OVERLAY: (env as DynamicEnv).KV_SYNC_OVERLAY }),
      ttl,
    );
  let started = true;
  try {
    const worker = loader.get(id + revision, async () => {
      started = false;
      const code = await project.code(
        { ASSETS: bind({ props: { ...assets, ...props } }), ...options.env },
        { globalOutbound },
      );
      started = true;
      return limits ? { ...code, limits } : code;
    });
    return unstored(await worker.getEntrypoint().fetch(request));
  } catch (error) {
    console.error(`kv-sync: the Dynamic Worker of project ${projectId} failed:`, error);
    return failure(started ? 500 : 503);
  }
}

/**
 * Makes files, and code where some is given, what is active under an id. What
 * must not be deployed throws a RefusedError that lists all of it; where too
 * much is uploaded in this isolate at once, it throws a BusyError. Whatever is
 * thrown, visitors have what they had. docs/dynamic-workers.md says what a
 * platform has to take care of.
 */
export async function deployProject(
  projectId: string,
  files: ProjectFiles,
  options: DeployOptions = {},
): Promise<DeployResult> {
  return deploy(projectId, files, options?.kv ?? namespaceOf(workerEnv as DynamicEnv), options);
}

function namespaceOf(env: DynamicEnv): KVNamespace {
  if (!env.KV_SYNC_BLOBS)
    throw new TypeError("kv-sync: there is no KV namespace of projects; bind it as KV_SYNC_BLOBS, or give it as kv");
  return env.KV_SYNC_BLOBS;
}
