// Encodes overlay manifests. docs/format.md has their layout. manifest.ts reads
// them, as it reads deployed ones.

import { comparePaths } from "./compare_paths";
import type { HeaderRule, Redirect } from "./meta";
import type { OverlayEntry } from "./overlay_entry";
import { encodeManifest } from "./served";
import { encodeRules } from "./stored";

/** The must-understand flag of an overlay. */
const flagOverlay = 1 << 0;

/**
 * Encodes the overlay manifest of a site ("blog" or "project/shop") from its entries, in any order. A _redirects or
 * _headers file becomes its rules, in an order in which those of deeper folders decide.
 */
export function encodeOverlay(site: string, revision: number, entries: OverlayEntry[]): Uint8Array<ArrayBuffer> {
  const sorted = [...entries].sort((a, b) => comparePaths(a.path, b.path));
  const seen = sorted.filter(({ content }) => !content?.rules);
  const own = seen.flatMap(({ path, content }) =>
    content && content.headers.length > 0 ? [[path, content.headers] as const] : [],
  );
  return encodeManifest(
    seen.map(({ path, nonce, content, time }) => ({
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
        ...(own.length > 0 && { own_headers: Object.fromEntries(own) }),
      }),
    },
  );
}

/** The rules of all rule files. Of redirects the first match counts, of headers the last: those of deeper folders. */
function rulesOf(entries: OverlayEntry[]): { redirects: Redirect[]; headers: HeaderRule[] } {
  const depth = ({ path }: OverlayEntry) => path.split("/").length;
  const rules = [...entries].sort((a, b) => depth(a) - depth(b)).flatMap(({ content }) => content?.rules ?? []);
  return {
    redirects: rules.toReversed().flatMap((file) => ("redirects" in file ? file.redirects : [])),
    headers: rules.flatMap((file) => ("headers" in file ? file.headers : [])),
  };
}
