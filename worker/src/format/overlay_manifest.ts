// Writes overlay manifests: docs/format.md gives their layout. They are read as
// any served manifest is, by manifest.ts.

import type { HeaderRule, Redirect } from "./meta";
import type { OverlayEntry } from "./overlay_entry";
import { encodeManifest } from "./served";
import { encodeRules } from "./stored";
import { comparePaths } from "./compare_paths";

/** The must-understand flag of an overlay. */
const flagOverlay = 1 << 0;

/**
 * Writes the overlay manifest of a site, "blog" or "project/shop", from the
 * entries that it has, in any order. _redirects and _headers files go into the
 * manifest as the rules that they hold; those of a deeper folder come first.
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

/** The rules of all rule files, deeper folders first. */
function rulesOf(entries: OverlayEntry[]): { redirects: Redirect[]; headers: HeaderRule[] } {
  const depth = ({ path }: OverlayEntry) => path.split("/").length;
  const redirects: Redirect[] = [];
  const headers: HeaderRule[] = [];
  for (const { content } of [...entries].sort((a, b) => depth(b) - depth(a))) {
    if (!content?.rules) continue;
    if ("redirects" in content.rules) redirects.push(...content.rules.redirects);
    else headers.push(...content.rules.headers);
  }
  return { redirects, headers };
}
