// What a deploy takes over of the overlay: docs/format.md, "Overlay record".

import { list, record, string } from "./meta";
import type { StoredManifest } from "./stored";
import { ProjectError } from "./version";

const format = 1;

/** What a deploy has to know of a write: its content's identity, or that it is a tombstone. */
export interface RecordedEntry {
  path: string;
  nonce: string;
  content: { hash: string; type: string; ownHeaders: boolean } | undefined;
}

/**
 * Reads what was written at run time; null where nothing ever was. Throws where
 * KV fails, and a ProjectError for what is damaged: a deploy that does not know
 * of a write must not happen.
 */
export async function readOverlay(kv: KVNamespace, site: string): Promise<RecordedEntry[] | null> {
  const key = `${site}/o/record`;
  const text = await kv.get(key, { type: "text", cacheTtl: 30 });
  if (text === null) return null;
  try {
    const overlay = record(JSON.parse(text), "the record");
    const { format: found } = overlay;
    if (!Number.isSafeInteger(found) || (found as number) < 1 || (found as number) > format) throw new Error(`format ${String(found)} is not known here`);
    if (overlay["site"] !== site) throw new Error("it is another site's");
    return list(overlay["entries"], "entries").map(parseEntry);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProjectError(`kv-sync: cannot read ${key}, what was written at run time: ${reason}; update kv-sync if a newer one wrote it, else write any page again at run time`, { cause });
  }
}

function parseEntry(json: unknown): RecordedEntry {
  const entry = record(json, "entries");
  const content =
    entry["hash"] === undefined
      ? undefined
      : { hash: string(entry["hash"], "hash"), type: string(entry["type"], "type"), ownHeaders: list(entry["headers"], "headers").length > 0 };
  return { path: string(entry["path"], "path"), nonce: string(entry["nonce"], "nonce"), content };
}

/**
 * The writes that a manifest with these assets already has, nonces by pathname:
 * those that the live manifest has adopted, and those that would change
 * nothing. A rule file is no asset, so none is equal to it; and a tombstone also
 * keeps a retired asset from coming back.
 */
export function adopt(
  entries: RecordedEntry[],
  { assets, retired }: Pick<StoredManifest, "assets" | "retired">,
  before: Map<string, string> = new Map(),
): Map<string, string> {
  const deployed = new Map(assets.map((asset) => [asset.path, asset]));
  const reachable = new Set(retired.map(({ path }) => path));
  const adopted = new Map<string, string>();
  for (const { path, nonce, content } of entries) {
    const asset = deployed.get(path);
    const equal = content
      ? asset?.hash === content.hash && asset.type === content.type && !content.ownHeaders && !/\/_(?:redirects|headers)$/.test(path)
      : !asset && !reachable.has(path);
    if (equal || before.get(path) === nonce) adopted.set(path, nonce);
  }
  return adopted;
}
