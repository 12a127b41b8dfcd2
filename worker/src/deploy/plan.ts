// The difference between the live deployment and the upload, as a value. Planning
// writes nothing. The Go side plans the same (sync/plan.go).

import { comparePaths } from "../format/compare_paths";
import type { Routing } from "../format/routing";
import type { RetiredAsset, StoredAsset, StoredManifest } from "../format/stored";
import { nonceOf } from "../kv/blob_write";
import { guardsOf } from "../rules/guards";
import { RefusedError } from "../rules/problem";
import { redirectedBy } from "../rules/redirected";
import type { Upload, UploadedFile } from "./upload";

/** The input of a plan. */
export interface PlanInput {
  upload: Upload;
  /** The live manifest; undefined if nothing is live. */
  live: StoredManifest | undefined;
  /** The manifests of deployments that a rollback left for the live one. */
  left: StoredManifest[];
  /** Upload everything; carry over nothing. */
  repair: boolean;
  /** The routing of the new code. */
  routing: Routing;
  nonce: string;
  /** Seconds since 1970 UTC. */
  now: number;
  /** The number of retained deployments, including this one. */
  retain: number;
  /** The grace period in seconds. */
  grace: number;
}

/** The changes that a deploy makes. */
export interface Plan {
  assets: StoredAsset[];
  retired: RetiredAsset[];
  /** One file for each content to write. */
  uploads: UploadedFile[];
  added: number;
  changed: number;
  removed: number;
  unchanged: number;
}

/**
 * Identifies a content. The hash alone is not unique: a small file may contain the bytes over which a chunk index is
 * hashed.
 */
export function contentOf({ hash, size }: { hash: string; size: number }): string {
  return `${hash} ${size}`;
}

/** The nonces of existing blobs, by content. */
export function noncesOf(assets: StoredAsset[]): Map<string, string> {
  return new Map(assets.map((asset) => [contentOf(asset), asset.nonce]));
}

/**
 * Plans a deploy. Content is carried over only from the live manifest; other blobs may no longer be in KV.
 */
export function makePlan({ upload, live, left, repair, routing, nonce, now, retain, grace }: PlanInput): Plan {
  const before = new Map(live?.assets.map((asset) => [asset.path, asset]));
  const carried = repair ? undefined : live;
  const nonces = noncesOf(carried?.assets ?? []);
  for (const file of upload.streams) nonces.set(contentOf(file), file.nonce!);
  const plan: Plan = { assets: [], retired: [], uploads: [], added: 0, changed: 0, removed: 0, unchanged: 0 };
  for (const file of upload.files) {
    const { path, hash, size, type } = file;
    const same = before.get(path);
    before.delete(path);
    const content = contentOf(file);
    const unchanged = same !== undefined && contentOf(same) === content && same.type === type;
    plan[!same ? "added" : unchanged ? "unchanged" : "changed"]++;
    if (!nonces.has(content)) {
      nonces.set(content, nonceOf(size, nonce)); // the same bytes at another path need no second blob
      plan.uploads.push(file);
    }
    plan.assets.push({
      path,
      hash,
      nonce: nonces.get(content)!,
      size,
      type,
      modified: unchanged ? same.modified : now,
      oid: "",
    });
  }
  plan.removed = before.size;
  if (carried)
    plan.retired = retire(
      { assets: plan.assets, routing },
      carried,
      left,
      { until: now + grace, left: retain - 1 },
      now,
    );
  return plan;
}

/**
 * The retired assets: those of the live deployment, or of one that a rollback left, that the new one does not serve.
 * Open tabs can still load them. They stay listed while a deployment with them is retained. Assets that code of one of
 * these deployments guards are left out: removing a file, with or without its guard, must not publish it. Assets that a
 * redirect hid are left out too.
 */
function retire(
  { assets, routing }: Pick<StoredManifest, "assets" | "routing">,
  live: StoredManifest,
  left: StoredManifest[],
  term: Pick<RetiredAsset, "until" | "left">,
  now: number,
): RetiredAsset[] {
  const listed = new Set(assets.map(({ path }) => path));
  const guards = [routing, live.routing, ...left.map((manifest) => manifest.routing)].map(guardsOf);
  const retired: RetiredAsset[] = [];
  const add = (asset: RetiredAsset) => {
    if (listed.has(asset.path)) return;
    listed.add(asset.path);
    if (guards.some((guard) => guard(asset.path))) return;
    retired.push({ ...asset, oid: "" });
  };
  for (const { assets, redirects, serving } of [live, ...left]) {
    const isRedirected = redirectedBy(redirects, serving.html_handling);
    for (const asset of assets) {
      if (isRedirected(asset.path)) listed.add(asset.path);
      else add({ ...asset, ...term });
    }
  }
  for (const asset of live.retired) {
    if (asset.left - 1 > 0 || asset.until > now) add({ ...asset, left: asset.left - 1 });
  }
  return retired.sort((a, b) => comparePaths(a.path, b.path));
}

/**
 * Refuses an upload without files, or with less than half as many files as are live. Names do not matter, because a
 * build with hashes in its names renames all files. testdata/guards/shrink.json has cases.
 */
export function checkShrink({ files }: Pick<Upload, "files">, live: Pick<StoredManifest, "assets"> | undefined): void {
  const fix = "give allowShrink if that is meant";
  if (files.length === 0) throw new RefusedError([{ path: "files", reason: "there is no file to serve", fix }]);
  const before = live?.assets.length ?? 0;
  if (2 * files.length < before) {
    const noun = before === 1 ? "file" : "files";
    throw new RefusedError([{ path: "files", reason: `${files.length} of ${before} ${noun} would be left`, fix }]);
  }
}
