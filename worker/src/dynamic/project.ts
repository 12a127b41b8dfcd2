// Reads projects for the Worker Loader.

import { isProjectId, ProjectKeys } from "../format/project_keys";
import { LRU } from "../kv/lru";
import type { Capabilities } from "../overlay/read_write_assets";
import { type EncodedModule, ProjectError, readCurrent, readVersion, type VersionCode } from "./version";

/** The props of an asset binding: its project, and what it may do. */
export interface AssetBindingProps extends Capabilities {
  projectId: string;
  /**
   * The "hash.nonce" of the served manifest, so that a Dynamic Worker has the assets of its own version. Without it the
   * binding serves the active version.
   */
  served?: string;
  /** The incarnation of the project, if another one of its id was deleted before. It belongs to `served`. */
  incarnation?: string;
}

/** The props of a binding that reads the assets of one version. */
export type ProjectProps = Required<Pick<AssetBindingProps, "projectId" | "served">> &
  Pick<AssetBindingProps, "incarnation">;

/** The active version of a project. */
export interface Project {
  /** The id for the Worker Loader. It changes only with code or assets. */
  readonly id: string;
  /** The props of its asset binding. */
  readonly props: ProjectProps;
  /** Whether the project has code. Without code it has only assets. */
  readonly hasCode: boolean;
  /**
   * The definition for the Worker Loader: the code, its variables (`env` overrides them), and no network access without
   * `globalOutbound`. Rejects with a ProjectError for a project without code.
   */
  code(env?: Record<string, unknown>, options?: CodeOptions): Promise<WorkerLoaderWorkerCode>;
}

/** What a platform allows a customer's code. */
export interface CodeOptions {
  /**
   * The target of its fetch() and connect(): a service binding that answers them, or null, the default, which refuses
   * them. (The Worker Loader's own default is the Internet, in the platform's name.)
   */
  globalOutbound?: Fetcher | null | undefined;
}

/** The cached part of an active version: enough to call a running Dynamic Worker. */
interface Pointer {
  /** When it was read, in milliseconds since 1970 UTC. */
  read: number;
  /** How many reads of the code failed. */
  failures: number;
  version: string;
  loader: string;
  served: string;
  incarnation: string;
  hasCode: boolean;
}

/** The default cache time in seconds, of the isolate and again of KV. */
const defaultTtl = 30;

/** The approximate size of a Pointer. */
const pointerBytes = 512;
const pointersBudget = 1 << 20;

/**
 * Cached pointers by namespace. Only values are cached: a request cannot await the promise of another one.
 */
const pointers = new WeakMap<KVNamespace, LRU<Pointer>>();

/** The active version of a project, or null if there is none. Throws if KV fails or its record is damaged. */
export async function readProject(projectId: string, kv: KVNamespace, ttl = defaultTtl): Promise<Project | null> {
  if (!isProjectId(projectId)) return null;
  const known = pointers.get(kv) ?? new LRU<Pointer>(pointersBudget);
  pointers.set(kv, known);
  const pointer = known.get(projectId);
  if (pointer && Date.now() - pointer.read < ttl * 1000) return new ActiveProject(kv, projectId, pointer, undefined);

  const current = await readCurrent(kv, projectId, ttl);
  // A missing project is not cached: clients can request any number of ids.
  if (!current) return null;
  const { loader, served, code } = current.version;
  const fresh: Pointer = {
    version: current.activations[0].version,
    loader,
    served,
    incarnation: current.incarnation,
    hasCode: code !== undefined,
    read: Date.now(),
    failures: pointer?.loader === loader ? pointer.failures : 0,
  };
  known.set(projectId, fresh, pointerBytes);
  return new ActiveProject(kv, projectId, fresh, code);
}

class ActiveProject implements Project {
  readonly id: string;
  readonly props: ProjectProps;
  readonly hasCode: boolean;
  readonly #kv: KVNamespace;
  readonly #pointer: Pointer;
  readonly #code: VersionCode | undefined;

  constructor(kv: KVNamespace, projectId: string, pointer: Pointer, code: VersionCode | undefined) {
    // The Worker Loader caches a failure by id, so after a failure the id must change.
    this.id = pointer.failures === 0 ? pointer.loader : `${pointer.loader}~${pointer.failures}`;
    const { served, incarnation } = pointer;
    this.props = { projectId, served, ...(incarnation !== "" && { incarnation }) };
    this.hasCode = pointer.hasCode;
    this.#kv = kv;
    this.#pointer = pointer;
    this.#code = code;
  }

  async code(
    env: Record<string, unknown> = {},
    { globalOutbound = null }: CodeOptions = {},
  ): Promise<WorkerLoaderWorkerCode> {
    const { projectId } = this.props;
    if (!this.hasCode) throw new ProjectError(`project ${projectId} has no code; serve its assets`);
    const code = this.#code ?? (await this.#read());
    return {
      mainModule: code.main,
      modules: loaderModules(code.modules),
      compatibilityDate: code.compatibilityDate,
      compatibilityFlags: code.compatibilityFlags,
      env: Object.fromEntries([...code.env, ...Object.entries(env)]),
      globalOutbound,
    };
  }

  /** Reads the code from the key of the version, because only the pointer is cached. */
  async #read(): Promise<VersionCode> {
    const { version: ref, loader, incarnation } = this.#pointer;
    try {
      const version = await readVersion(this.#kv, new ProjectKeys(this.props.projectId, incarnation), ref);
      if (version?.code && version.loader === loader) return version.code;
      throw new ProjectError(
        `project ${this.props.projectId}: the version ${ref} is not in KV; try again, or deploy again`,
      );
    } catch (error) {
      this.#pointer.failures++;
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
