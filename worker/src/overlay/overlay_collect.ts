// Deletes the garbage of an overlay: blobs that were never committed, and blobs that were
// replaced so long ago that no reader has a manifest with them.

import { minGarbageAge, nonceTime } from "./overlay_limits";
import type { OverlayStore } from "./overlay_store";

/** The maximum number of deletions per call. An invocation may call KV 1,000 times, and publishing needs some calls. */
const maxDeletes = 500;
const maxPages = 100;

/**
 * Lists the overlay's blobs from a cursor, and deletes garbage. Returns the next cursor, or null at the end.
 *
 * An outdated listing does no harm: garbage is never referenced again, because a commit refers only to its own blobs,
 * which are younger.
 */
export async function collect(
  kv: KVNamespace,
  store: OverlayStore,
  site: string,
  cursor: string | null,
  now: number,
): Promise<string | null> {
  const prefix = `${site}/o/b/`;
  const before = now - minGarbageAge;
  let deletes = 0;
  for (let pages = 0; pages < maxPages; pages++) {
    const page = await kv.list({ prefix, cursor });
    if (!Array.isArray(page.keys) || (!page.list_complete && !page.cursor))
      throw new Error(`incomplete KV listing of ${prefix}`);
    for (const { name } of page.keys) {
      const [, blob, nonce] =
        /^([0-9a-f]{64}\.([0-9a-f]{16}))$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "") ?? [];
      if (blob === undefined || nonceTime(nonce!) >= before || !store.isGarbage(blob, before)) continue;
      // The next call lists this page again, without the deleted keys.
      if (deletes++ === maxDeletes) return cursor ?? "";
      await kv.delete(name);
    }
    if (page.list_complete) return null;
    cursor = page.cursor;
  }
  return cursor;
}
