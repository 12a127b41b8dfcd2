// Encodes overlay manifests. docs/format.md describes the layout. manifest.ts reads both
// overlay manifests and deployed ones.

import { comparePaths } from "./compare_paths";
import type { HeaderRule, Redirect } from "./meta";
import type { OverlayEntry } from "./overlay_entry";
import { encodeManifest } from "./served";
import { encodeRules } from "./stored";

/** The must-understand flag of an overlay manifest. */
const flagOverlay = 1 << 0;

/**
 * Encodes the overlay manifest of a site ("blog" or "project/shop"). The entries may be in any order. _redirects and
 * _headers files are not entries of the manifest; it has their rules, ordered so that deeper folders take precedence.
 */
export function encodeOverlay(site: string, revision: number, entries: OverlayEntry[]): Uint8Array<ArrayBuffer> {
  const sorted = [...entries].sort((a, b) => comparePaths(a.path, b.path));
  const served = sorted.filter(({ content }) => !content?.rules);
  const ownHeaders = served.flatMap(({ path, content }) =>
    content && content.headers.length > 0 ? [[path, content.headers] as const] : [],
  );
  return encodeManifest(
    served.map(({ path, nonce, content, time }) => ({
      path,
      nonce,
      content: content && {
        hash: content.hash,
        size: content.size,
        type: content.type,
        modified: Math.floor(time / 1000),
        chunked: content.chunks !== undefined,
      },
    })),
    {
      flags: flagOverlay,
      meta: (types) => ({
        site: `${site}/o`,
        types,
        ...encodeRules(rulesOf(sorted)),
        revision,
        ...(ownHeaders.length > 0 && { own_headers: Object.fromEntries(ownHeaders) }),
      }),
    },
  );
}

/** Joins the rules of all rule files. The first matching redirect and the last matching header rule take precedence. */
function rulesOf(entries: OverlayEntry[]): { redirects: Redirect[]; headers: HeaderRule[] } {
  const depth = ({ path }: OverlayEntry) => path.split("/").length;
  const rules = [...entries].sort((a, b) => depth(a) - depth(b)).flatMap(({ content }) => content?.rules ?? []);
  return {
    redirects: rules.toReversed().flatMap((file) => ("redirects" in file ? file.redirects : [])),
    headers: rules.flatMap((file) => ("headers" in file ? file.headers : [])),
  };
}
