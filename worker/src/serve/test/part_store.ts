// A fake KV with blobs and parts, for tests inside workerd.

import { type Description, type EntryDescription, encodeManifest, sha256Hex } from "../../../test/encode";
import { encodeRoot, inParts, type RootDescription } from "../../../test/encode_parts";
import { openDeployed } from "../parted";
import { Site } from "../site";

export class PartStore {
  readonly values = new Map<string, Uint8Array<ArrayBuffer>>();
  reads: { key: string; cacheTtl: number }[] = [];
  /** Replaces the value of a read. An Error is thrown, and null means that there is no value. */
  fault: (key: string) => Uint8Array<ArrayBuffer> | null | Error | undefined = () => undefined;
  readonly kv = this as unknown as KVNamespace;
  readonly env = { KV_SYNC_BLOBS: this.kv };

  async get(key: string, { type, cacheTtl }: { type: string; cacheTtl: number }): Promise<unknown> {
    this.reads.push({ key, cacheTtl });
    await Promise.resolve();
    const fault = this.fault(key);
    const value = fault === undefined ? this.values.get(key) : fault;
    if (value instanceof Error) throw value;
    if (!value) return null;
    return type === "stream" ? new Response(value).body : value.slice().buffer;
  }

  /** Stores the parts of a root, and returns the root. */
  add(root: RootDescription): ArrayBuffer {
    const { bytes, parts } = encodeRoot(root);
    for (const [key, part] of parts) this.values.set(key, new Uint8Array(part));
    return new Uint8Array(bytes).buffer;
  }

  /** Returns the kinds of the keys that were read since the last call: "p" for a part, "b" for a blob. */
  taken(): string {
    const kinds = this.reads.map(({ key }) => key.split("/").at(-2)).join("");
    this.reads = [];
    return kinds;
  }
}

/** Returns two sites with the same files, one with a whole manifest and one in parts. */
export function bothForms(store: PartStore, manifest: Description, perPart: number): { whole: Site; parted: Site } {
  return {
    whole: new Site(openDeployed(new Uint8Array(encodeManifest(manifest)).buffer)),
    parted: new Site(openDeployed(store.add(inParts(manifest, perPart)))),
  };
}

const nonce = "0123456789abcdef";

/** The entry of a file whose content is its path. */
export function entry(path: string, more: Partial<EntryDescription> = {}): EntryDescription {
  const type = path.endsWith(".html") ? "text/html; charset=utf-8" : "text/plain; charset=utf-8";
  return { path, hash: sha256Hex(path), nonce, size: Buffer.byteLength(path), modified: 1_700_000_000, type, ...more };
}

/** Returns a store with the blobs of a site's files. The content of each is its path. */
export function filled(...manifests: Description[]): PartStore {
  const store = new PartStore();
  for (const { site, entries } of manifests)
    for (const { path, hash, nonce } of entries)
      store.values.set(`${site}/b/${hash}.${nonce}`, new Uint8Array(Buffer.from(path)));
  return store;
}

export const tree = [
  "/index.html",
  "/404.html",
  "/file.html",
  "/folder/index.html",
  "/folder/404.html",
  "/both.html",
  "/both/index.html",
  "/deep/er/page.html",
  "/odd/index",
  "/style.css",
  "/ünïcode/日本.html",
  "/\u{ff5e}.html",
  "/\u{1f642}.html",
  "/with space.html",
  "/bin",
  "/bin.html",
  "/app.3f2a9c1b.js",
];
/** The files of an earlier deployment. */
export const earlier = [
  "/old.css",
  "/folder.html",
  "/gone/index.html",
  "/file/index.html",
  "/404/index.html",
  "/app.0a1b2c3d.js",
];

/** Describes a site with these files. */
export function described(more: Partial<Description> = {}): Description {
  return {
    site: "blog",
    entries: [...tree.map((path) => entry(path)), ...earlier.map((path) => entry(path, { retired: true }))],
    redirects: [
      { from: "/moved", to: "/file", status: 301 },
      { from: "/proxied/*", to: "/:splat", status: 200 },
    ],
    headers: [{ path: "/folder/*", set: [["x-folder", "yes"]], unset: ["etag"] }],
    ...more,
  };
}

/** Returns what was logged during an action. */
export async function quietly(act: () => Promise<void>): Promise<string> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (...texts: unknown[]) => void lines.push(texts.join(" "));
  try {
    await act();
  } finally {
    console.error = error;
  }
  return lines.join("\n");
}
