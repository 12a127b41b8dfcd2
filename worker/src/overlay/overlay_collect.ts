// Collects the garbage of an overlay: blobs that were never committed, and blobs
// that were replaced so long ago that no reader has a manifest with them.

import { nonceTime, youngestGarbage } from "./overlay_limits";
import type { OverlayStore } from "./overlay_store";

/** The limit of deletions. An invocation may call KV a thousand times; publishing needs a few. */
const mostDeletes = 500;
const mostPages = 100;

/**
 * Lists the overlay's blobs from a cursor, and deletes garbage. Returns the next cursor, or null at the end.
 *
 * Garbage is never referenced again, because a commit references only its own, younger blobs. So an outdated listing
 * does no harm.
 */
export async function collect(
  kv: KVNamespace,
  store: OverlayStore,
  site: string,
  cursor: string | null,
  now: number,
): Promise<string | null> {
  const prefix = `${site}/o/b/`;
  const before = now - youngestGarbage;
  let deletes = 0;
  for (let pages = 0; pages < mostPages; pages++) {
    const page = await kv.list({ prefix, cursor });
    if (!Array.isArray(page.keys) || (!page.list_complete && !page.cursor))
      throw new Error(`incomplete KV listing of ${prefix}`);
    for (const { name } of page.keys) {
      const [, blob, nonce] =
        /^([0-9a-f]{64}\.([0-9a-f]{16}))$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "") ?? [];
      if (blob === undefined || nonceTime(nonce!) >= before || !store.isGarbage(blob, before)) continue;
      // The page is then listed again without the deleted keys.
      if (deletes++ === mostDeletes) return cursor ?? "";
      await kv.delete(name);
    }
    if (page.list_complete) return null;
    cursor = page.cursor;
  }
  return cursor;
}
