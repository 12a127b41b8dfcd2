// What a deploy takes over of the overlay: docs/format.md, "Overlay record".

import { list, record, string } from "../format/meta";
import type { StoredManifest } from "../format/stored";

const format = 1;

/** What a deploy has to know of a write: its content's identity, or that it is a tombstone. */
export interface RecordedEntry {
  path: string;
  nonce: string;
  content: { hash: string; type: string; ownHeaders: boolean } | undefined;
}

/**
 * Reads what was written at run time: null where nothing ever was, undefined
 * where that is not to be made out. Throws where KV fails.
 */
export async function readOverlay(kv: KVNamespace, site: string): Promise<RecordedEntry[] | null | undefined> {
  const key = `${site}/o/record`;
  const text = await kv.get(key, { type: "text", cacheTtl: 30 });
  if (text === null) return null;
  try {
    const overlay = record(JSON.parse(text), "the record");
    const { format: found } = overlay;
    if (!Number.isSafeInteger(found) || (found as number) < 1 || (found as number) > format)
      throw new Error(`format ${String(found)} is not known here`);
    if (overlay["site"] !== site) throw new Error("it is another site's");
    return list(overlay["entries"], "entries").map(parseEntry);
  } catch (error) {
    // Nothing is lost by going on: the overlay stays as it is, and to refuse
    // would keep a fix from visitors for the sake of a list.
    console.warn(
      `kv-sync: ${key} is damaged, or of a newer kv-sync; which writes this deploy has already is not known:`,
      error,
    );
    return undefined;
  }
}

function parseEntry(json: unknown): RecordedEntry {
  const entry = record(json, "entries");
  const content =
    entry["hash"] === undefined
      ? undefined
      : {
          hash: string(entry["hash"], "hash"),
          type: string(entry["type"], "type"),
          ownHeaders: list(entry["headers"], "headers").length > 0,
        };
  return { path: string(entry["path"], "path"), nonce: string(entry["nonce"], "nonce"), content };
}

/**
 * The writes that a manifest with these assets already has, nonces by pathname:
 * those that the live manifest has adopted, and those that would change
 * nothing. A rule file is no asset, so none is equal to it. What was deleted at
 * run time is not retired: it must not come back for open tabs.
 */
export function adopt(
  entries: RecordedEntry[] | null | undefined,
  { assets, retired }: Pick<StoredManifest, "assets" | "retired">,
  before: Map<string, string> = new Map(),
): Pick<StoredManifest, "adopted" | "retired"> {
  if (!entries) return { adopted: entries === undefined ? before : new Map(), retired };
  const deployed = new Map(assets.map((asset) => [asset.path, asset]));
  const deleted = new Set<string>();
  const adopted = new Map<string, string>();
  for (const { path, nonce, content } of entries) {
    const asset = deployed.get(path);
    const equal = content
      ? asset?.hash === content.hash &&
        asset.type === content.type &&
        !content.ownHeaders &&
        !/\/_(?:redirects|headers)$/.test(path)
      : !asset;
    if (!equal && before.get(path) !== nonce) continue;
    adopted.set(path, nonce);
    if (!content) deleted.add(path);
  }
  return { adopted, retired: retired.filter(({ path }) => !deleted.has(path)) };
}
