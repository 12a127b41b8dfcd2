// Garbage of an overlay: blobs whose commit never came, and those that were
// replaced long enough ago that no reader has a manifest that names them.

import { nonceTime, youngestGarbage } from "./overlay_limits";
import type { OverlayStore } from "./overlay_store";

/** An invocation may call KV a thousand times; publishing needs a few. */
const mostDeletes = 500;
const mostPages = 100;

/**
 * Lists the overlay's blobs from a cursor on, and deletes what is garbage. It
 * returns where to go on, or null at the end.
 *
 * Nothing that is garbage becomes referenced again: a commit names blobs that
 * are younger, and of its own alone. So it does not matter how old a listing is.
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
      throw new Error(`KV listed ${prefix} without saying how it goes on`);
    for (const { name } of page.keys) {
      const [, blob, nonce] =
        /^([0-9a-f]{64}\.([0-9a-f]{16}))$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "") ?? [];
      if (blob === undefined || nonceTime(nonce!) >= before || !store.isGarbage(blob, before)) continue;
      // The page is listed again then, without what is gone.
      if (deletes++ === mostDeletes) return cursor ?? "";
      await kv.delete(name);
    }
    if (page.list_complete) return null;
    cursor = page.cursor;
  }
  return cursor;
}
