// Deletes a project from inside a Worker. docs/format.md describes it under "Projects".
//
//	write a tombstone to current ─► erase the Durable Object ─► delete all other keys
//
// The tombstone takes the project offline. If a call is interrupted, the next call finishes the deletion.

import { incarnatedFormat, readPointer } from "../dynamic/version";
import type { OverlayNamespace } from "../format/overlay_entry";
import { currentKey, isProjectId, siteOf } from "../format/project_keys";
import { newNonce } from "../kv/blob_write";
import { remove, write, writeAll } from "../kv/kv_write";
import { RefusedError } from "../rules/problem";
import { checkKnown, isRecord } from "./options";

/** Options of deleteProject. */
export interface DeleteOptions {
  /** The namespace of the projects; the default is KV_SYNC_BLOBS. */
  kv?: KVNamespace;
  /** The Durable Objects of overlays; the default is KV_SYNC_OVERLAY. */
  overlay?: OverlayNamespace | undefined;
  /** The maximum number of KV calls; the default is 980. */
  mostCalls?: number;
  /** The clock, in milliseconds since 1970 UTC. */
  now?: () => number;
  /** The source of random bytes. */
  random?: (bytes: Uint8Array) => void;
}

/** The result of a deletion. */
export interface DeleteResult {
  /** The number of deleted keys. */
  deleted: number;
  /** True if no key is left. False if the limit of KV calls was reached; call again. */
  complete: boolean;
}

const defaultMaxCalls = 980;

/** Deletes a project, and all remaining keys of earlier projects with the same id. */
export async function deleteProject(
  projectId: string,
  kv: KVNamespace,
  overlay: OverlayNamespace | undefined,
  options: DeleteOptions,
): Promise<DeleteResult> {
  const { mostCalls = defaultMaxCalls } = options;
  if (!isProjectId(projectId))
    throw new RefusedError([{ path: "project", reason: "invalid id", fix: "use the id of a project" }]);
  const pointer = await readPointer(kv, projectId, 0);
  const next = pointer.deleted ? pointer.incarnation : nextIncarnation(pointer.incarnation, options);
  if (!pointer.deleted) {
    const deleted = new Date((options.now ?? Date.now)()).toISOString();
    await write(
      kv,
      currentKey(projectId),
      `{"format":${incarnatedFormat},"incarnation":"${next}","deleted":"${deleted}"}`,
    );
  }
  const { keys, complete, calls } = await remainingKeys(kv, projectId, next, mostCalls - 2);
  const sites = new Set(keys.filter((key) => key.includes("/o/")).map((key) => key.slice(0, key.indexOf("/o/"))));
  if (!pointer.deleted) sites.add(siteOf(projectId, pointer.incarnation));
  if (overlay) for (const site of sites) await overlay.get(overlay.idFromName(site)).erase(site);
  const toDelete = keys.slice(0, Math.max(0, mostCalls - 2 - calls));
  await writeAll(toDelete, (key) => remove(kv, key));
  return { deleted: toDelete.length, complete: complete && toDelete.length === keys.length };
}

/** Returns the incarnation of the next project. It sorts after the last one even if the clock was set back. */
function nextIncarnation(last: string, { now = Date.now, random }: DeleteOptions): string {
  const earliest = last === "" ? 0 : (parseInt(last.slice(0, 8), 16) + 1) * 1000;
  return newNonce(Math.max(now(), earliest), random);
}

/** Lists the keys of all incarnations before `next`. It leaves out the pointer, which all incarnations share. */
async function remainingKeys(
  kv: KVNamespace,
  projectId: string,
  next: string,
  mostCalls: number,
): Promise<{ keys: string[]; complete: boolean; calls: number }> {
  const keys: string[] = [];
  let calls = 0;
  const site = siteOf(projectId, "");
  for (const prefix of [`${site}/`, `${site}@`]) {
    for (let cursor: string | null = null; ; ) {
      if (calls++ === mostCalls || keys.length > mostCalls) return { keys, complete: false, calls };
      const page: KVNamespaceListResult<unknown> = await kv.list({ prefix, cursor });
      for (const { name } of page.keys) {
        if (!name.startsWith(prefix)) throw new Error(`the listing of ${prefix} has the key ${name}`);
        const incarnation = prefix.endsWith("@") ? name.slice(prefix.length).split("/", 1)[0]! : "";
        if (name !== currentKey(projectId) && incarnation < next) keys.push(name);
      }
      if (page.list_complete) break;
      cursor = page.cursor;
    }
  }
  return { keys, complete: true, calls };
}

const optionNames: (keyof DeleteOptions)[] = ["kv", "overlay", "mostCalls", "now", "random"];

/** Throws a TypeError for an unknown option, or one of the wrong type. */
export function checkDeleteOptions(given: DeleteOptions): void {
  const { mostCalls } = given ?? {};
  if (!isRecord(given)) throw new TypeError("deleteProject: the options are not an object");
  checkKnown("deleteProject", given, optionNames);
  if (mostCalls !== undefined && !(Number.isSafeInteger(mostCalls) && mostCalls >= 10))
    throw new TypeError("deleteProject: invalid mostCalls; use a number of KV calls, 10 or more, or leave it out");
}
