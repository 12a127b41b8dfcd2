// Encodes and publishes an overlay. docs/format.md describes the formats under "Overlay".

import type { OverlayEntry } from "../format/overlay_entry";
import { encodeOverlay } from "../format/overlay_manifest";
import { type OverlayState, type OverlayStore, recordEntry } from "./overlay_store";

/** Encodes the overlay manifest. */
export function makeManifest(store: OverlayStore, { site, revision }: OverlayState): Uint8Array<ArrayBuffer> {
  const entries: OverlayEntry[] = [];
  for (const entry of store.walk()) entries.push({ ...entry, author: undefined, message: undefined, was: [] });
  return encodeOverlay(site, revision, entries);
}

/** Encodes the overlay record, entry by entry. Encoding it as one text would need two to four times the memory. */
export function makeRecord(store: OverlayStore, { site, revision }: OverlayState): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts = [encoder.encode(`{"format":1,"site":${JSON.stringify(site)},"revision":${revision},"entries":[`)];
  for (const entry of store.walk())
    parts.push(encoder.encode(`${parts.length > 1 ? "," : ""}${JSON.stringify(recordEntry(entry))}`));
  parts.push(encoder.encode("]}"));

  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Writes manifest and record to KV. The manifest is first, so that every revision in the record is visible to readers.
 */
export async function publish(
  kv: KVNamespace,
  site: string,
  manifest: Uint8Array<ArrayBuffer>,
  record: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await kv.put(`${site}/o/current`, manifest);
  await kv.put(`${site}/o/record`, record);
}
