// Reads the pointer of a project for a deploy, also one that is damaged.

import { type Pointer, ProjectError, readPointer } from "../dynamic/version";
import { currentKey, isIncarnation, siteOf } from "../format/project_keys";
import { newNonce } from "../kv/blob_write";

/**
 * Reads the pointer. If it cannot be read and `repair` is set, it counts as absent, so that the switch replaces it. A
 * pointer of a newer release is never replaced.
 */
export async function readPointerToDeploy(
  kv: KVNamespace,
  projectId: string,
  { repair, now, random }: { repair: boolean; now: number; random: ((bytes: Uint8Array) => void) | undefined },
): Promise<Pointer> {
  try {
    return await readPointer(kv, projectId, 0);
  } catch (error) {
    if (!repair || !(error instanceof ProjectError) || error.newer) throw error;
    const incarnation = (await lastIncarnation(kv, projectId)) ?? newNonce(now, random);
    return { incarnation, current: null, deleted: false };
  }
}

/**
 * Returns the greatest incarnation that has keys. Without any key it returns undefined: the pointer may have been that
 * of a deleted project, and the next project must have no key in common with it.
 */
async function lastIncarnation(kv: KVNamespace, projectId: string): Promise<string | undefined> {
  let last: string | undefined;
  const site = siteOf(projectId, "");
  for (const prefix of [`${site}/`, `${site}@`]) {
    for (let cursor: string | null = null; ; ) {
      const page: KVNamespaceListResult<unknown> = await kv.list({ prefix, cursor });
      for (const { name } of page.keys) {
        const incarnation = prefix.endsWith("@") ? name.slice(prefix.length).split("/", 1)[0]! : "";
        if (name !== currentKey(projectId) && isIncarnation(incarnation) && incarnation >= (last ?? ""))
          last = incarnation;
      }
      if (page.list_complete) break;
      cursor = page.cursor;
    }
  }
  return last;
}
