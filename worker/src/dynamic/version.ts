// Reads the versions of a project, and the record of the active version. docs/format.md
// describes both under "Projects".

import { list, record, string } from "../format/meta";
import { currentKey, isIncarnation, isRef, type ProjectKeys, siteOf } from "../format/project_keys";
import { readBlob } from "../kv/blob";

const format = 1;
/** The format of a pointer with an incarnation. */
export const incarnatedFormat = 2;

/** Thrown if a record of a project is damaged, or was written by a newer kv-sync. */
export class ProjectError extends Error {
  override name = "ProjectError";

  /** Whether a newer kv-sync wrote the record. */
  get newer(): boolean {
    return this.cause instanceof NewerFormat;
  }
}

/** A format of a newer kv-sync. */
class NewerFormat extends Error {}

/** One module of a version's code. Bytes are in base64. */
export type EncodedModule = { js: string } | { text: string } | { wasm: string } | { data: string };

/** The part of a version's stamp that a deploy needs. */
export interface Stamp {
  deployment: string;
  /** The "hash.nonce" of the stored manifest. */
  manifest: string;
  source: string;
  worker: string;
  /** The start of the last prune, in seconds since 1970 UTC. */
  pruned: number;
}

/** A project's code and assets, which switch together. */
export interface Version {
  /** The id for the Worker Loader. */
  loader: string;
  /** The "hash.nonce" of the served manifest. */
  served: string;
  code: VersionCode | undefined;
  stamp: Stamp;
}

/** The code of a version. */
export interface VersionCode {
  main: string;
  compatibilityDate: string;
  compatibilityFlags: string[];
  modules: Map<string, EncodedModule>;
  env: Map<string, unknown>;
}

/** One entry of a project's history. */
export interface Activation {
  id: string;
  time: string;
  /** The "hash.nonce" of the version. */
  version: string;
  message: string;
  author: string | undefined;
}

/** The record of the active version and the earlier ones. */
export interface Current {
  /** The incarnation of the project, which is a part of its keys; see siteOf. */
  incarnation: string;
  /** The activations, newest first. There is at least one. */
  activations: [Activation, ...Activation[]];
  version: Version;
}

/** The value of a project's pointer. If `current` is null, nothing is live. */
export interface Pointer {
  /** The incarnation of the live project, or after a deletion that of the next project. */
  incarnation: string;
  current: Current | null;
  /** Whether the last project was deleted. */
  deleted: boolean;
}

/** The number of activations that a deploy keeps. */
export const maxActivations = 100;

/** The shortest cacheTtl that KV allows. */
const minTtl = 30;

/** Reads the pointer. It may be up to `ttl` seconds old. */
export async function readPointer(kv: KVNamespace, projectId: string, ttl: number): Promise<Pointer> {
  const text = await kv.get(currentKey(projectId), { type: "text", cacheTtl: Math.max(ttl, minTtl) });
  if (text === null) return { incarnation: "", current: null, deleted: false };
  // Without this key the incarnation would be lost, so the fix is not to delete it.
  const fix = `kv-sync deploy --project ${projectId} --repair replaces it`;
  return parse(projectId, "current", fix, text, (json) => parsePointer(json, projectId));
}

/** Reads the record of the active version, which may be up to `ttl` seconds old. Returns null if there is none. */
export async function readCurrent(kv: KVNamespace, projectId: string, ttl: number): Promise<Current | null> {
  return (await readPointer(kv, projectId, ttl)).current;
}

/** Reads a version from its own key. Returns null if it is missing. */
export async function readVersion(kv: KVNamespace, keys: ProjectKeys, ref: string): Promise<Version | null> {
  const blob = await readBlob(kv, keys.blob(ref));
  const projectId = keys.projectId;
  if (!blob) return null;
  const text = await new Response(blob).text();
  const fix = "delete the key and deploy again";
  return parse(projectId, `version ${ref}`, fix, text, (json) => parseVersion(json, projectId, keys.incarnation));
}

function parse<T>(projectId: string, what: string, fix: string, text: string, reader: (json: unknown) => T): T {
  try {
    return reader(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = `update kv-sync if a newer one wrote it, else: ${fix}`;
    throw new ProjectError(`project ${projectId}: cannot read its ${what}: ${reason}; ${advice}`, { cause });
  }
}

function parsePointer(json: unknown, projectId: string): Pointer {
  const current = record(json, "current");
  checkFormat(current, incarnatedFormat);
  const { incarnation = "" } = current;
  if (!isIncarnation(incarnation) || (incarnation !== "") !== (current["format"] === incarnatedFormat))
    throw new Error("invalid incarnation");
  if (incarnation !== "" && current["deleted"] !== undefined) return { incarnation, current: null, deleted: true };
  const [first, ...more] = list(current["activations"], "activations").map(parseActivation);
  if (!first) throw new Error("activations is empty");
  const version = parseVersion(current["version"], projectId, incarnation);
  return { incarnation, current: { incarnation, activations: [first, ...more], version }, deleted: false };
}

function parseActivation(json: unknown): Activation {
  const { id, time, version, message, author } = record(json, "activations");
  return {
    id: string(id, "id"),
    time: string(time, "time"),
    version: ref(version, "version"),
    message: string(message, "message"),
    author: author === undefined ? undefined : string(author, "author"),
  };
}

function parseVersion(json: unknown, projectId: string, incarnation: string): Version {
  const version = record(json, "version");
  checkFormat(version);
  if (version["project"] !== projectId) throw new Error("it belongs to another project");
  const loader = string(version["loader"], "loader");
  // Two projects with the same loader id would share a Dynamic Worker.
  if (!loader.startsWith(`${projectId}:`) || !/^[0-9a-f]{32}$/.test(loader.slice(projectId.length + 1)))
    throw new Error("invalid loader id");
  return {
    loader,
    served: ref(version["served"], "served"),
    code: version["main"] === undefined ? undefined : parseCode(version),
    stamp: parseStamp(version["kv_sync"], siteOf(projectId, incarnation)),
  };
}

function parseCode(version: Record<string, unknown>): VersionCode {
  const main = string(version["main"], "main");
  const modules = new Map(
    Object.entries(record(version["modules"], "modules")).map(([name, module]) => [name, parseModule(module)]),
  );
  if (!modules.has(main)) throw new Error("main is not a module");
  return {
    main,
    modules,
    compatibilityDate: string(version["compatibility_date"], "compatibility_date"),
    compatibilityFlags: list(version["compatibility_flags"], "compatibility_flags").map((flag) =>
      string(flag, "compatibility_flags"),
    ),
    env: new Map(Object.entries(version["env"] === undefined ? {} : record(version["env"], "env"))),
  };
}

function parseModule(json: unknown): EncodedModule {
  const members = Object.entries(record(json, "modules"));
  const [kind, content] = members[0] ?? [];
  if (members.length !== 1 || !["js", "text", "wasm", "data"].includes(kind!))
    throw new Error("unknown kind in modules");
  return { [kind!]: string(content, "modules") } as EncodedModule;
}

function parseStamp(json: unknown, ownSite: string): Stamp {
  const { format, site, deployment, manifest, source, worker, pruned } = record(json, "kv_sync");
  checkFormat({ format });
  if (site !== ownSite) throw new Error("kv_sync belongs to another site");
  if (!Number.isSafeInteger(pruned)) throw new Error("pruned is not a time");
  return {
    deployment: string(deployment, "deployment"),
    manifest: ref(manifest, "manifest"),
    source: string(source, "source"),
    worker: string(worker, "worker"),
    pruned: pruned as number,
  };
}

function checkFormat({ format: found }: Record<string, unknown>, newest = format): void {
  if (Number.isSafeInteger(found) && (found as number) > newest) throw new NewerFormat(`unknown format ${found}`);
  if (!Number.isSafeInteger(found) || (found as number) < 1) {
    throw new Error(`unknown format ${String(found)}`);
  }
}

function ref(json: unknown, member: string): string {
  if (!isRef(json)) throw new Error(`${member} is not hash.nonce`);
  return json;
}
