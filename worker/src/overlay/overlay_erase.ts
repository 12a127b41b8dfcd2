// Erases the overlay of a deleted project: docs/format.md, "Projects".

import { currentKey, siteOf } from "../format/project_keys";
import { remove } from "../kv/kv_write";

/** The limits of one call. An invocation may call KV a thousand times. */
const mostDeletes = 500;

/** The head of a pointer has fewer bytes. The rest of it may have 25 MiB. */
const headBytes = 64;

/**
 * Whether the project of this site id was deleted, and its id is free or given away. An outdated pointer shows an
 * earlier incarnation, never a later one, so a live project is not taken for a deleted one. A site is never deleted so.
 */
export async function isDeleted(kv: KVNamespace, site: string): Promise<boolean> {
  const [, projectId, own = ""] = /^project\/([^/@]+)(?:@([0-9a-f]{16}))?$/.exec(site) ?? [];
  if (projectId === undefined || siteOf(projectId, own) !== site) return false;
  const body = await kv.get(currentKey(projectId), { type: "stream", cacheTtl: 30 });
  if (!body) return false;
  const [, incarnation = ""] = /^\{"format":2,"incarnation":"([0-9a-f]{16})"/.exec(await head(body)) ?? [];
  return incarnation > own; // they begin with the time
}

/** The first characters of a text, of which no more is read. */
async function head(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length >= headBytes) break;
  }
  return text;
}

/** Deletes the overlay's keys of a site. Returns whether none is left. */
export async function eraseKeys(kv: KVNamespace, site: string): Promise<boolean> {
  let deletes = 0;
  for (let cursor: string | null = null; ; ) {
    const page: KVNamespaceListResult<unknown> = await kv.list({ prefix: `${site}/o/`, cursor });
    for (const { name } of page.keys) {
      if (deletes++ === mostDeletes) return false;
      await remove(kv, name);
    }
    if (page.list_complete) return true;
    cursor = page.cursor;
  }
}
