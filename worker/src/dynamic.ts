// @kv-sync/worker/dynamic deploys and serves Dynamic Workers whose code and assets are in
// Workers KV. docs/dynamic-workers.md describes how to build a platform with it.

import { env as workerEnv } from "cloudflare:workers";
import { checkDeleteOptions, type DeleteOptions, type DeleteResult, deleteProject as erase } from "./deploy/delete";
import { type DeployOptions, type DeployResult, deploy, type ProjectFiles } from "./deploy/deploy";
import { assetBinding, serveAssets } from "./dynamic/asset_binding";
import { type AssetBindingProps, type CodeOptions, type Project, readProject } from "./dynamic/project";
import type { ProjectLogProps } from "./dynamic/project_log";
import { ProjectError } from "./dynamic/version";
import { describeThrown } from "./format/one_line";
import type { OverlayNamespace } from "./format/overlay_entry";
import type { Capabilities } from "./overlay/read_write_assets";
import { preventEdgeCaching } from "./serve/caching";
import { failure } from "./serve/failure";

export type { DeleteOptions, DeleteResult } from "./deploy/delete";
export type {
  DeployOptions,
  DeployResult,
  FileContent,
  ModuleContent,
  ProjectCode,
  ProjectFiles,
  ProjectModule,
} from "./deploy/deploy";
export { StaleError } from "./deploy/stale_error";
export { type AssetBindingClass, assetBinding } from "./dynamic/asset_binding";
export type { AssetBindingProps, CodeOptions, Project } from "./dynamic/project";
export { ProjectLog, type ProjectLogProps } from "./dynamic/project_log";
export { ProjectError } from "./dynamic/version";
export { ManifestError } from "./format/manifest";
export { BusyError } from "./kv/byte_budget";
export type { AssetInfo } from "./overlay/asset_info";
export type { Authorship, OnlyIf, PutOptions } from "./overlay/edit_checks";
export type { AssetList } from "./overlay/edit_list";
export type * from "./overlay/read_write_assets";
export { type Problem, RefusedError } from "./rules/problem";

/** The bindings of a platform's Worker. */
export interface DynamicEnv {
  /** The namespace of the projects. */
  KV_SYNC_BLOBS?: KVNamespace;
  LOADER?: WorkerLoader;
  /** The Durable Objects of overlays, if projects have overlays. */
  KV_SYNC_OVERLAY?: OverlayNamespace;
}

/**
 * The entrypoint that a platform's main module exports. A customer's Dynamic Worker gets a stub of it as env.ASSETS. It
 * reads KV_SYNC_BLOBS. assetBinding creates an entrypoint for another namespace.
 */
export const AssetBinding = assetBinding<DynamicEnv>({ kv: namespaceOf });

/** Options for reading projects. */
export interface LoadOptions {
  /** The namespace of the projects; the default is KV_SYNC_BLOBS. */
  kv?: KVNamespace;
  /** How long the active version is cached, in seconds; the default is 30. */
  ttl?: number;
}

/**
 * Loads the active version of a project. Returns null if there is none, or if the id is invalid. Throws if KV fails,
 * and throws a ProjectError if a record is damaged.
 */
export async function loadProject(projectId: string, options: LoadOptions = {}): Promise<Project | null> {
  return readProject(projectId, options.kv ?? namespaceOf(workerEnv as DynamicEnv), options.ttl);
}

/** Options of serveProject. */
export interface ServeOptions extends LoadOptions, CodeOptions {
  /** The worker loader; the default is the binding LOADER. */
  loader?: WorkerLoader;
  /** More bindings of the Dynamic Worker. A running Dynamic Worker keeps the bindings that it started with. */
  env?: Record<string, unknown>;
  limits?: WorkerLoaderWorkerCode["limits"];
  /** What the Dynamic Worker may do with its assets. By default it can only read them. */
  assets?: Capabilities;
  /**
   * Any text. Change it whenever env, globalOutbound, limits or assets change: a running Dynamic Worker is reused while
   * the project's version and this text stay the same.
   */
  revision?: string;
}

/** The exports of a platform's main module that serveProject uses. */
interface Exports {
  AssetBinding?: (binding: { props: AssetBindingProps }) => Fetcher;
  ProjectLog?: (binding: { props: ProjectLogProps }) => Fetcher;
}

/**
 * Answers a request for a project. If the project has code, its Dynamic Worker answers, with the assets as env.ASSETS.
 * Otherwise the response is an asset. Returns null if the project does not exist.
 *
 * An error of a customer's code is logged, and the response is a 500. The console output of the code is logged if the
 * main module exports ProjectLog. Throws only if the platform's bindings or its export AssetBinding are missing. No
 * response is stored by Workers Caching, even if the customer's code requests it: the cache key has no project.
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
  const { AssetBinding: bind, ProjectLog: log } = ctx.exports as Exports;
  if (!loader) throw new TypeError("serveProject: no worker loader; bind one as LOADER, or set options.loader");
  if (!bind)
    throw new TypeError(
      "serveProject: the main module does not export AssetBinding; " +
        'add: export { AssetBinding } from "@kv-sync/worker/dynamic"',
    );

  let project: Project | null;
  try {
    project = await readProject(projectId, kv, ttl);
  } catch (error) {
    console.error(`kv-sync: cannot load project ${projectId}:`, describeThrown(error));
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
      return {
        ...code,
        ...(limits && { limits }),
        ...(log && { tails: [log({ props: { projectId } })] }),
      };
    });
    return preventEdgeCaching(await worker.getEntrypoint().fetch(request));
  } catch (error) {
    console.error(`kv-sync: the Dynamic Worker of project ${projectId} failed:`, describeThrown(error));
    return failure(started ? 500 : 503);
  }
}

/**
 * Deploys files, and optionally code, as the active version of a project. docs/dynamic-workers.md lists what the
 * platform must ensure.
 *
 * Throws a RefusedError that lists all problems if something must not be deployed, a BusyError if the isolate has too
 * many uploads at once, and a StaleError if KV shows another version than `after`. After any error, visitors still get
 * the previous version.
 */
export async function deployProject(
  projectId: string,
  files: ProjectFiles,
  options: DeployOptions = {},
): Promise<DeployResult> {
  return deploy(projectId, files, options?.kv ?? namespaceOf(workerEnv as DynamicEnv), options);
}

/**
 * Deletes a project: takes it offline, and deletes its files, its versions and its overlay. A later project with the
 * same id cannot see anything of it. Call again until the result is complete. A deletion cannot be undone.
 */
export async function deleteProject(projectId: string, options: DeleteOptions = {}): Promise<DeleteResult> {
  checkDeleteOptions(options);
  const env = workerEnv as DynamicEnv;
  return erase(projectId, options.kv ?? namespaceOf(env), options.overlay ?? env.KV_SYNC_OVERLAY, options);
}

function namespaceOf(env: DynamicEnv): KVNamespace {
  if (!env.KV_SYNC_BLOBS)
    throw new TypeError("kv-sync: no KV namespace; bind it as KV_SYNC_BLOBS, or set the option kv");
  return env.KV_SYNC_BLOBS;
}
