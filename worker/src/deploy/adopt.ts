// A deploy adopts an overlay write if the deployed files contain the same content. The overlay then
// drops the write. docs/format.md describes this under "Overlay record".

import { list, record, string } from "../format/meta";
import { describeThrown } from "../format/one_line";
import type { StoredManifest } from "../format/stored";

const format = 1;

/** The part of an overlay entry that a deploy needs. An entry without content is a tombstone. */
export interface RecordedEntry {
  path: string;
  nonce: string;
  content: { hash: string; type: string; ownHeaders: boolean } | undefined;
}

/** Reads the overlay record. Returns null if there is none, and undefined if it is invalid. Throws if KV fails. */
export async function readOverlay(kv: KVNamespace, site: string): Promise<RecordedEntry[] | null | undefined> {
  const key = `${site}/o/record`;
  const text = await kv.get(key, { type: "text", cacheTtl: 30 });
  if (text === null) return null;
  try {
    const overlay = record(JSON.parse(text), "the record");
    const { format: version } = overlay;
    if (!Number.isSafeInteger(version) || (version as number) < 1 || (version as number) > format)
      throw new Error(`unknown format ${String(version)}`);
    if (overlay["site"] !== site) throw new Error("it belongs to another site");
    return list(overlay["entries"], "entries").map(parseEntry);
  } catch (error) {
    // Continuing is safe, because a deploy does not change the overlay. Refusing would delay a fix.
    console.warn(
      `kv-sync: ${key} is damaged or from a newer kv-sync; no further writes are adopted:`,
      describeThrown(error),
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
 * Returns the writes that a new manifest adopts (nonces by pathname), and its retired assets.
 *
 * A write is adopted if a new asset equals it, or if the live manifest has adopted it (`liveAdopted`). Rule files are
 * never adopted, because they are not assets. An asset that was deleted at run time is not retired: it must not become
 * reachable again.
 */
export function adopt(
  entries: RecordedEntry[] | null | undefined,
  { assets, retired }: Pick<StoredManifest, "assets" | "retired">,
  liveAdopted: Map<string, string> = new Map(),
): Pick<StoredManifest, "adopted" | "retired"> {
  if (!entries) return { adopted: entries === undefined ? liveAdopted : new Map(), retired };
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
    if (!equal && liveAdopted.get(path) !== nonce) continue;
    adopted.set(path, nonce);
    if (!content) deleted.add(path);
  }
  return { adopted, retired: retired.filter(({ path }) => !deleted.has(path)) };
}
