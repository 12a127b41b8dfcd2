// Which writes of the overlay a deploy adopts: docs/format.md, "Overlay record".

import { list, record, string } from "../format/meta";
import { describeThrown } from "../format/one_line";
import type { StoredManifest } from "../format/stored";

const format = 1;

/** A write as far as a deploy needs it. Without content it is a tombstone. */
export interface RecordedEntry {
  path: string;
  nonce: string;
  content: { hash: string; type: string; ownHeaders: boolean } | undefined;
}

/**
 * Reads the overlay record: null if there is none, undefined if it cannot be decoded. Throws if KV fails.
 */
export async function readOverlay(kv: KVNamespace, site: string): Promise<RecordedEntry[] | null | undefined> {
  const key = `${site}/o/record`;
  const text = await kv.get(key, { type: "text", cacheTtl: 30 });
  if (text === null) return null;
  try {
    const overlay = record(JSON.parse(text), "the record");
    const { format: found } = overlay;
    if (!Number.isSafeInteger(found) || (found as number) < 1 || (found as number) > format)
      throw new Error(`unknown format ${String(found)}`);
    if (overlay["site"] !== site) throw new Error("it is of another site");
    return list(overlay["entries"], "entries").map(parseEntry);
  } catch (error) {
    // It is safe to continue, because the overlay does not change. A refusal would
    // delay a fix for visitors.
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
 * The writes that a manifest with these assets adopts, nonces by pathname: those that the live manifest has adopted,
 * and those that equal the deployed assets. A rule file is not an asset, so it equals none. An asset that was deleted
 * at run time is not retired: it must not be reachable again for open tabs.
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
