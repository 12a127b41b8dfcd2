// Erases the overlay of a deleted project. docs/format.md describes it under "Projects".

import { currentKey, siteOf } from "../format/project_keys";
import { remove } from "../kv/kv_write";

/** The maximum number of deletions per call. An invocation may call KV 1,000 times. */
const maxDeletes = 500;

/** The bytes of a pointer that are read. They contain its incarnation. The whole pointer may have 25 MiB. */
const headBytes = 64;

/**
 * Whether the project with this site id was deleted. Its project id may already belong to a new project. KV may return
 * an outdated pointer, but that has an earlier incarnation, so a live project never counts as deleted. For a site that
 * is not a project, the result is false.
 */
export async function isDeleted(kv: KVNamespace, site: string): Promise<boolean> {
  const [, projectId, own = ""] = /^project\/([^/@]+)(?:@([0-9a-f]{16}))?$/.exec(site) ?? [];
  if (projectId === undefined || siteOf(projectId, own) !== site) return false;
  const body = await kv.get(currentKey(projectId), { type: "stream", cacheTtl: 30 });
  if (!body) return false;
  const [, incarnation = ""] = /^\{"format":2,"incarnation":"([0-9a-f]{16})"/.exec(await head(body)) ?? [];
  return incarnation > own; // incarnations sort by time
}

/** Reads only the first characters of a text. */
async function head(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length >= headBytes) break;
  }
  return text;
}

/** Deletes the keys of a site's overlay. Returns false if the limit was reached before all keys were deleted. */
export async function eraseKeys(kv: KVNamespace, site: string): Promise<boolean> {
  let deletes = 0;
  for (let cursor: string | null = null; ; ) {
    const page: KVNamespaceListResult<unknown> = await kv.list({ prefix: `${site}/o/`, cursor });
    for (const { name } of page.keys) {
      if (deletes++ === maxDeletes) return false;
      await remove(kv, name);
    }
    if (page.list_complete) return true;
    cursor = page.cursor;
  }
}
