// Writes testdata/overlay/: `npm run vectors`. The files are committed, and
// `npm test` checks that they are up to date.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Description, encodeManifest, sha256Hex } from "../../../test/encode";
import type { OverlayContent, OverlayEntry } from "../overlay_entry";

/** The folder of the files, relative to worker/. */
export const overlayFolder = "../testdata/overlay";

/** An overlay in testdata/overlay/*.json. Undefined members are left out. */
export interface OverlayDescription {
  about: string;
  site: string;
  revision: number;
  /** The entries of the Durable Object. */
  entries: OverlayEntry[];
  lookups: {
    path: string;
    found:
      | null
      | { tombstone: true; nonce: string }
      | { key: string; size: number; modified: number; type: string; chunked: boolean; headers?: [string, string][] };
  }[];
}

const html = "text/html; charset=utf-8";
const text = "text/plain; charset=utf-8";
const begin = Date.UTC(2026, 10, 21);

function entry(path: string, nonce: string, content: Partial<OverlayContent> | undefined): OverlayEntry {
  const body = `content of ${path}\n`;
  return {
    path,
    nonce,
    content: content && {
      hash: sha256Hex(body),
      size: Buffer.byteLength(body),
      type: html,
      chunks: undefined,
      headers: [],
      rules: undefined,
      ...content,
    },
    time: begin + path.length * 1000 + 999,
    author: "Ada <ada@example.com>",
    message: undefined,
    was: [],
  };
}

const overlays: Record<
  string,
  { about: string; site: string; revision: number; entries: OverlayEntry[]; missing: string[] }
> = {
  empty: {
    about: "An overlay without entries, after all writes were undone.",
    site: "blog",
    revision: 7,
    entries: [],
    missing: ["/", "/index.html"],
  },
  pages: {
    about:
      "All features: entries in any order, tombstones, headers of single assets, a chunked " +
      "file, and rule files in several folders.",
    site: "project/shop",
    revision: 4_294_967_296,
    entries: [
      entry("/～.html", "0000000000000001", {
        headers: [
          ["X-Note", "<é>"],
          ["Link", "</a>"],
          ["Link", "</b>"],
        ],
      }),
      entry("/🙂.html", "0000000000000002", { headers: [["x-a", "b"]] }),
      entry("/gone.html", "0000000000000003", undefined),
      entry("/about/index.html", "0000000000000004", {}),
      entry("/note.txt", "ffffffffffffffff", { type: text, size: 0xffffffff, chunks: ["a.b", "c.d"] }),
      entry("/small", "0000000000000005", { type: text, chunks: ["a.b"] }),
      entry("/_redirects", "0000000000000006", {
        type: text,
        rules: { redirects: [{ from: "/old", to: "/new", status: 301 }] },
      }),
      entry("/_headers", "0000000000000007", {
        type: text,
        rules: { headers: [{ path: "/*", set: [["x-root", "1"]], unset: [] }] },
      }),
      entry("/docs/_headers", "0000000000000008", {
        type: text,
        rules: { headers: [{ path: "/docs/*", set: [], unset: ["x-root"] }] },
      }),
      entry("/docs/a/_redirects", "0000000000000009", {
        type: text,
        rules: { redirects: [{ from: "/docs/a/x", to: "/y", status: 302 }] },
      }),
      entry("/docs/_redirects", "000000000000000a", {
        type: text,
        rules: { redirects: [{ from: "/docs/*", to: "/", status: 302 }] },
      }),
      entry("/blog/_redirects", "000000000000000b", undefined),
    ],
    missing: ["/_redirects", "/docs/_headers", "/gone", "/constructor", "/__proto__"],
  },
};

/** The expected manifests of the overlays above, described without the encoder. */
const described: Record<string, (overlay: (typeof overlays)[string]) => Description> = {
  empty: ({ site, revision }) => ({ site: `${site}/o`, flags: 1, entries: [], revision }),
  pages: ({ site, revision, entries }) => ({
    site: `${site}/o`,
    flags: 1,
    revision,
    entries: entries
      .filter(({ path }) => path === "/blog/_redirects" || !/_(?:headers|redirects)$/.test(path))
      .map(({ path, nonce, content, time }) =>
        content
          ? {
              path,
              nonce,
              hash: content.hash,
              size: content.size,
              type: content.type,
              modified: (time - 999) / 1000,
              chunked: content.chunks !== undefined,
            }
          : { path, nonce, hash: "0".repeat(64), size: 0, type: "", modified: 0, tombstone: true },
      ),
    redirects: [
      { from: "/docs/a/x", to: "/y", status: 302 },
      { from: "/docs/*", to: "/", status: 302 },
      { from: "/old", to: "/new", status: 301 },
    ],
    headers: [
      { path: "/*", set: [["x-root", "1"]] },
      { path: "/docs/*", unset: ["x-root"] },
    ],
    own_headers: {
      "/～.html": [
        ["X-Note", "<é>"],
        ["Link", "</a>"],
        ["Link", "</b>"],
      ],
      "/🙂.html": [["x-a", "b"]],
    },
  }),
};

/** Returns the generated files of testdata/overlay/ by name. */
export function overlayFiles(): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const [name, overlay] of Object.entries(overlays)) {
    const { missing, ...rest } = overlay;
    const manifest = described[name]!(overlay);
    const lookups: OverlayDescription["lookups"] = [
      ...manifest.entries.map(({ path, hash, nonce, size, modified, type, chunked, tombstone }) => {
        const headers = manifest.own_headers?.[path];
        return tombstone
          ? { path, found: { tombstone, nonce } as const }
          : {
              path,
              found: {
                key: `${manifest.site}/b/${hash}.${nonce}`,
                size,
                modified,
                type,
                chunked: chunked!,
                ...(headers && { headers }),
              },
            };
      }),
      ...missing.map((path) => ({ path, found: null })),
    ];
    files.set(
      `${name}.json`,
      Buffer.from(`${JSON.stringify({ ...rest, lookups } satisfies OverlayDescription, null, 1)}\n`),
    );
    files.set(`${name}.bin`, encodeManifest(manifest));
  }
  const reasons: Record<string, string> = {};
  for (const { name, reason, bytes } of refused()) {
    reasons[name] = reason;
    files.set(`refused/${name}.bin`, bytes);
  }
  files.set("refused.json", Buffer.from(`${JSON.stringify(reasons, null, 1)}\n`));
  return files;
}

/** Overlay manifests that a reader of project/shop must refuse when it opens them. */
function refused(): { name: string; reason: string; bytes: Buffer }[] {
  const good = described["pages"]!(overlays["pages"]!);
  const bytes = (change: Partial<Description>) => encodeManifest({ ...good, ...change });
  const damaged = (damage: (bytes: Buffer) => void) => {
    const copy = bytes({});
    damage(copy);
    return copy;
  };
  return [
    { name: "empty-file", reason: "no header", bytes: Buffer.alloc(0) },
    {
      name: "deployed",
      reason: "a deployed manifest, without the must-understand flag of an overlay",
      bytes: bytes({ flags: 0 }),
    },
    {
      name: "flags",
      reason: "an unknown must-understand flag, in addition to that of an overlay",
      bytes: bytes({ flags: 3 }),
    },
    { name: "other-site", reason: "another site's overlay", bytes: bytes({ site: "project/other/o" }) },
    {
      name: "no-overlay-site",
      reason: "the site of a deployed manifest",
      bytes: bytes({ site: "project/shop" }),
    },
    { name: "revision", reason: "a revision that is not a whole number", bytes: bytes({ revision: 0.5 }) },
    {
      name: "own-headers",
      reason: "a header without a value",
      bytes: bytes({ own_headers: { "/🙂.html": [["x-a"] as never] } }),
    },
    { name: "meta", reason: "a meta section that is not JSON", bytes: damaged((b) => (b[b.length - 1] = 0)) },
    { name: "truncated", reason: "the last byte is missing", bytes: bytes({}).subarray(0, -1) },
    { name: "entries-many", reason: "2³²-1 entries", bytes: damaged((b) => b.writeUInt32LE(0xffffffff, 8)) },
  ];
}

if (process.argv[1]?.endsWith("overlay_vectors.mjs")) {
  for (const [name, bytes] of overlayFiles()) {
    const path = join(overlayFolder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}
