// Creates a deployed manifest and overlays for tests.

import { Manifest } from "../../format/manifest";
import type { OverlayEntry } from "../../format/overlay_entry";
import { encodeOverlay } from "../../format/overlay_manifest";
import { encodeServed } from "../../format/served";
import type { StoredManifest } from "../../format/stored";
import { openOverlay } from "../live_overlay";

export const site = "blog";
export const hash = (digit: string) => digit.repeat(64);
export const nonce = (digit: string) => digit.repeat(16);

export function overlayEntry(path: string, n: string, more: Partial<OverlayEntry> = {}): OverlayEntry {
  const content = { hash: hash(n), size: 1, type: "text/html", chunks: undefined, headers: [], rules: undefined };
  return { path, nonce: nonce(n), content, time: 5000, author: undefined, message: undefined, was: [], ...more };
}

export function deployedManifest(more: Partial<StoredManifest> = {}): Manifest {
  const asset = (path: string) => ({
    path,
    hash: hash("d"),
    nonce: nonce("d"),
    size: 9,
    type: "text/css",
    modified: 1,
    oid: "",
  });
  return new Manifest(
    encodeServed({
      site,
      origin: { kind: "", id: "", rules: "", dir: "", commit: "" },
      serving: { html_handling: "", not_found_handling: "", overlay: true },
      routing: undefined,
      redirects: [{ from: "/a", to: "/deployed", status: 301 }],
      headers: [{ path: "/*", set: [["x-from", "deployed"]], unset: [] }],
      assets: ["/a", "/b", "/c"].map(asset),
      directories: [],
      retired: [
        { ...asset("/old"), until: 0, left: 1 },
        { ...asset("/older"), until: 0, left: 1 },
      ],
      adopted: new Map(),
      ...more,
    }).buffer,
  );
}

export const overlayManifest = (revision: number, entries: OverlayEntry[]) =>
  openOverlay(site, encodeOverlay(site, revision, entries).buffer);
