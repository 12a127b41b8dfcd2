// A project on its way into the Worker Loader.

import { LRU } from "../kv/lru";
import { isProjectId } from "../format/project_keys";
import type { Capabilities } from "../overlay/read_write_assets";
import { ProjectError, readCurrent, readVersion, type EncodedModule, type VersionCode } from "./version";

/** What an asset binding has to know of its project, and what it may do there. */
export interface AssetBindingProps extends Capabilities {
  projectId: string;
  /**
   * The "hash.nonce" of the served manifest, so that a Dynamic Worker has the
   * assets that were switched together with its code. Without it the binding
   * serves what is active.
   */
  served?: string;
}

/** The props of a binding that may read the very assets of a version. */
export type ProjectProps = Required<Pick<AssetBindingProps, "projectId" | "served">>;

/** A project as it is active. */
export interface Project {
  /** For the Worker Loader: it changes with what the project is, and only then. */
  readonly id: string;
  /** For its asset binding. */
  readonly props: ProjectProps;
  /** Whether there is a Dynamic Worker to start; else its assets are all there is. */
  readonly hasCode: boolean;
  /**
   * What the Worker Loader is to be given: the project's code, its variables
   * with those of `env` over them, and no network unless `globalOutbound` is
   * given. Rejects with a ProjectError for a project without code.
   */
  code(env?: Record<string, unknown>, options?: CodeOptions): Promise<WorkerLoaderWorkerCode>;
}

/** What a platform may allow a customer's code beyond its own bindings. */
export interface CodeOptions {
  /**
   * Where its fetch() and connect() lead: a service binding, which sees and
   * answers each, or null, the default, which refuses them. (The Worker Loader
   * itself would lead them to the Internet, in the platform's name.)
   */
  globalOutbound?: Fetcher | null | undefined;
}

/** What is remembered of what is active: enough to call a Dynamic Worker that runs. */
interface Pointer {
  /** When it was read, in milliseconds since 1970 UTC. */
  read: number;
  /** How often the code could not be read. */
  failures: number;
  version: string;
  loader: string;
  served: string;
  hasCode: boolean;
}

/** For how many seconds an isolate takes what is active for granted, and KV's cache beside it once more. */
const defaultTtl = 30;

/** About what a Pointer takes. */
const pointerBytes = 512;
const pointersBudget = 1 << 20;

/**
 * What isolates remember, by namespace. Values only: a promise of one request
 * cannot be waited for in another.
 */
const pointers = new WeakMap<KVNamespace, LRU<Pointer>>();

/** The project that is active under an id, or null where there is none. Throws where KV fails or holds what is damaged. */
export async function readProject(projectId: string, kv: KVNamespace, ttl = defaultTtl): Promise<Project | null> {
  if (!isProjectId(projectId)) return null;
  let known = pointers.get(kv);
  if (!known) pointers.set(kv, (known = new LRU(pointersBudget)));
  const pointer = known.get(projectId);
  if (pointer && Date.now() - pointer.read < ttl * 1000) return new ActiveProject(kv, projectId, pointer, undefined);

  const current = await readCurrent(kv, projectId, ttl);
  // That there is none is not remembered: anybody can ask for ids that are none.
  if (!current) return null;
  const { loader, served, code } = current.version;
  const fresh: Pointer = {
    version: current.activations[0].version,
    loader,
    served,
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
    // The Worker Loader keeps an id whose code it could not get as one that fails.
    this.id = pointer.failures === 0 ? pointer.loader : `${pointer.loader}~${pointer.failures}`;
    this.props = { projectId, served: pointer.served };
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
    if (!this.hasCode) throw new ProjectError(`project ${projectId} has no code; serve its assets instead`);
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

  /** The isolate remembered what is active, and not its code: that lies under a key of its own, which never changes. */
  async #read(): Promise<VersionCode> {
    const { version: ref, loader } = this.#pointer;
    try {
      const version = await readVersion(this.#kv, this.props.projectId, ref);
      if (version?.code && version.loader === loader) return version.code;
      throw new ProjectError(
        `project ${this.props.projectId}: its version ${ref} is not in KV; ask again, or deploy it again`,
      );
    } catch (error) {
      this.#pointer.failures++;
      throw error;
    }
  }
}

/** Modules as the Worker Loader takes them. */
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
