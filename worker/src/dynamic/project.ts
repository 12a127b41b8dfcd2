// Reads projects, and prepares them for the Worker Loader.

import { isProjectId, ProjectKeys } from "../format/project_keys";
import { LRU } from "../kv/lru";
import type { Capabilities } from "../overlay/read_write_assets";
import { type EncodedModule, ProjectError, readCurrent, readVersion, type VersionCode } from "./version";

/** The props of an asset binding: its project and its capabilities. */
export interface AssetBindingProps extends Capabilities {
  projectId: string;
  /**
   * The "hash.nonce" of the served manifest of a version. It gives a Dynamic Worker the assets of its own version.
   * Without it, the binding serves the active version.
   */
  served?: string;
  /** The incarnation of the project that has `served`; needed if an earlier project with the same id was deleted. */
  incarnation?: string;
}

/** The props of a binding that reads the assets of one version. */
export type ProjectProps = Required<Pick<AssetBindingProps, "projectId" | "served">> &
  Pick<AssetBindingProps, "incarnation">;

/** The active version of a project. */
export interface Project {
  /** The id for the Worker Loader. It changes only if code or assets change. */
  readonly id: string;
  /** The props of its asset binding. */
  readonly props: ProjectProps;
  /** Whether the project has code. Without code it has only assets. */
  readonly hasCode: boolean;
  /**
   * Returns the definition for the Worker Loader: the code and its variables. Members of `env` override variables.
   * Without `globalOutbound` the code has no network access. Rejects with a ProjectError if the project has no code.
   */
  code(env?: Record<string, unknown>, options?: CodeOptions): Promise<WorkerLoaderWorkerCode>;
}

/** What a platform allows a customer's code. */
export interface CodeOptions {
  /**
   * The service binding that receives the fetch() and connect() calls of the code. With null, the default, these calls
   * fail. (In the Worker Loader itself the default is the Internet, with the identity of the platform.)
   */
  globalOutbound?: Fetcher | null | undefined;
}

/** The part of an active version that is cached. It is enough to call a Dynamic Worker that is already running. */
interface CachedVersion {
  /** The time of the read, in milliseconds since 1970 UTC. */
  readAt: number;
  /** The number of failed reads of the code. */
  failures: number;
  version: string;
  loader: string;
  served: string;
  incarnation: string;
  hasCode: boolean;
}

/** The default cache time in seconds. It applies to the isolate's cache and to KV's cache, one after the other. */
const defaultTtl = 30;

/** The approximate size of a CachedVersion in memory. */
const cachedVersionBytes = 512;
const cachedVersionsBudget = 1 << 20;

/**
 * Cached versions by namespace. The cache has values, not promises: a request cannot await another request's promise.
 */
const cachedVersions = new WeakMap<KVNamespace, LRU<CachedVersion>>();

/**
 * Reads the active version of a project. Returns null if there is none. Throws if KV fails or the record is damaged.
 */
export async function readProject(projectId: string, kv: KVNamespace, ttl = defaultTtl): Promise<Project | null> {
  if (!isProjectId(projectId)) return null;
  const cache = cachedVersions.get(kv) ?? new LRU<CachedVersion>(cachedVersionsBudget);
  cachedVersions.set(kv, cache);
  const cached = cache.get(projectId);
  if (cached && Date.now() - cached.readAt < ttl * 1000) return new ActiveProject(kv, projectId, cached, undefined);

  const current = await readCurrent(kv, projectId, ttl);
  // A missing project is not cached, because clients can request any number of ids.
  if (!current) return null;
  const { loader, served, code } = current.version;
  const fresh: CachedVersion = {
    version: current.activations[0].version,
    loader,
    served,
    incarnation: current.incarnation,
    hasCode: code !== undefined,
    readAt: Date.now(),
    failures: cached?.loader === loader ? cached.failures : 0,
  };
  cache.set(projectId, fresh, cachedVersionBytes);
  return new ActiveProject(kv, projectId, fresh, code);
}

class ActiveProject implements Project {
  readonly id: string;
  readonly props: ProjectProps;
  readonly hasCode: boolean;
  readonly #kv: KVNamespace;
  readonly #cached: CachedVersion;
  readonly #code: VersionCode | undefined;

  constructor(kv: KVNamespace, projectId: string, cached: CachedVersion, code: VersionCode | undefined) {
    // The Worker Loader caches a failure by id. A new id makes it try again.
    this.id = cached.failures === 0 ? cached.loader : `${cached.loader}~${cached.failures}`;
    const { served, incarnation } = cached;
    this.props = { projectId, served, ...(incarnation !== "" && { incarnation }) };
    this.hasCode = cached.hasCode;
    this.#kv = kv;
    this.#cached = cached;
    this.#code = code;
  }

  async code(
    env: Record<string, unknown> = {},
    { globalOutbound = null }: CodeOptions = {},
  ): Promise<WorkerLoaderWorkerCode> {
    const { projectId } = this.props;
    if (!this.hasCode) throw new ProjectError(`project ${projectId} has no code; serve its assets`);
    const code = this.#code ?? (await this.#readCode());
    return {
      mainModule: code.main,
      modules: loaderModules(code.modules),
      compatibilityDate: code.compatibilityDate,
      compatibilityFlags: code.compatibilityFlags,
      env: Object.fromEntries([...code.env, ...Object.entries(env)]),
      globalOutbound,
    };
  }

  /** Reads the code, which is not cached, from the key of the version. */
  async #readCode(): Promise<VersionCode> {
    const { version: ref, loader, incarnation } = this.#cached;
    try {
      const version = await readVersion(this.#kv, new ProjectKeys(this.props.projectId, incarnation), ref);
      if (version?.code && version.loader === loader) return version.code;
      throw new ProjectError(
        `project ${this.props.projectId}: the version ${ref} is not in KV; try again, or deploy again`,
      );
    } catch (error) {
      this.#cached.failures++;
      throw error;
    }
  }
}

/** Converts modules for the Worker Loader. */
export function loaderModules(modules: Iterable<[string, EncodedModule]>): WorkerLoaderWorkerCode["modules"] {
  return Object.fromEntries(Array.from(modules, ([name, module]) => [name, decode(module)]));
}

function decode(module: EncodedModule): WorkerLoaderModule {
  if ("wasm" in module) return { wasm: bytes(module.wasm) };
  if ("data" in module) return { data: bytes(module.data) };
  return module;
}

function bytes(base64: string): ArrayBuffer {
  return Uint8Array.fromBase64(base64).buffer;
}
