// Computes the difference between the live deployment and the upload. Planning writes
// nothing. The Go side computes the same difference (sync/layout/content).

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
  /** The manifests of the deployments that the last rollbacks replaced. */
  rolledBack: StoredManifest[];
  /** Whether to upload everything, and to carry over nothing from the live deployment. */
  repair: boolean;
  /** The routing of the new code. */
  routing: Routing;
  nonce: string;
  /** The time of the deploy, in seconds since 1970 UTC. */
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
  /** One file for each content that must be written. */
  uploads: UploadedFile[];
  added: number;
  changed: number;
  removed: number;
  unchanged: number;
}

/**
 * Returns a key that identifies a content. The hash alone is not unique: the hash of a large file is the hash of its
 * chunk index, and a small file may consist of the bytes of that index.
 */
export function contentOf({ hash, size }: { hash: string; size: number }): string {
  return `${hash} ${size}`;
}

/** Returns the nonces of existing blobs, by content. */
export function noncesOf(assets: StoredAsset[]): Map<string, string> {
  return new Map(assets.map((asset) => [contentOf(asset), asset.nonce]));
}

/** Plans a deploy. Content is carried over only from the live manifest: other blobs may no longer be in KV. */
export function makePlan({ upload, live, rolledBack, repair, routing, nonce, now, retain, grace }: PlanInput): Plan {
  const remaining = new Map(live?.assets.map((asset) => [asset.path, asset]));
  const carried = repair ? undefined : live;
  const nonces = noncesOf(carried?.assets ?? []);
  for (const file of upload.streams) nonces.set(contentOf(file), file.nonce!);
  const plan: Plan = { assets: [], retired: [], uploads: [], added: 0, changed: 0, removed: 0, unchanged: 0 };
  for (const file of upload.files) {
    const { path, hash, size, type } = file;
    const liveAsset = remaining.get(path);
    remaining.delete(path);
    const content = contentOf(file);
    const unchanged = liveAsset !== undefined && contentOf(liveAsset) === content && liveAsset.type === type;
    plan[!liveAsset ? "added" : unchanged ? "unchanged" : "changed"]++;
    if (!nonces.has(content)) {
      nonces.set(content, nonceOf(size, nonce)); // another file with the same content shares this blob
      plan.uploads.push(file);
    }
    plan.assets.push({
      path,
      hash,
      nonce: nonces.get(content)!,
      size,
      type,
      modified: unchanged ? liveAsset.modified : now,
      oid: "",
    });
  }
  plan.removed = remaining.size;
  if (carried)
    plan.retired = retire(
      { assets: plan.assets, routing },
      carried,
      rolledBack,
      { until: now + grace, left: retain - 1 },
      now,
    );
  return plan;
}

/**
 * Returns the retired assets, which open tabs can still load. They come from the live deployment and from the
 * deployments that the last rollbacks replaced. The new deployment does not serve them. An asset stays retired while a
 * deployment with it is retained.
 *
 * An asset is left out if code of one of these deployments guards it: removing a file, with or without its guard, must
 * not publish it. An asset is also left out if a redirect hid it.
 */
function retire(
  { assets, routing }: Pick<StoredManifest, "assets" | "routing">,
  live: StoredManifest,
  rolledBack: StoredManifest[],
  term: Pick<RetiredAsset, "until" | "left">,
  now: number,
): RetiredAsset[] {
  const seen = new Set(assets.map(({ path }) => path));
  const guards = [routing, live.routing, ...rolledBack.map((manifest) => manifest.routing)].map(guardsOf);
  const retired: RetiredAsset[] = [];
  const add = (asset: RetiredAsset) => {
    if (seen.has(asset.path)) return;
    seen.add(asset.path);
    if (guards.some((guard) => guard(asset.path))) return;
    retired.push({ ...asset, oid: "" });
  };
  for (const { assets, redirects, serving } of [live, ...rolledBack]) {
    const isRedirected = redirectedBy(redirects, serving.html_handling);
    for (const asset of assets) {
      if (isRedirected(asset.path)) seen.add(asset.path);
      else add({ ...asset, ...term });
    }
  }
  for (const asset of live.retired) {
    if (asset.left - 1 > 0 || asset.until > now) add({ ...asset, left: asset.left - 1 });
  }
  return retired.sort((a, b) => comparePaths(a.path, b.path));
}

/**
 * Refuses an upload without files, or with less than half as many files as are live. It does not compare names, because
 * a build that puts hashes into names renames all files. testdata/guards/shrink.json has cases.
 */
export function checkShrink({ files }: Pick<Upload, "files">, live: Pick<StoredManifest, "assets"> | undefined): void {
  const fix = "give allowShrink if that is intended";
  if (files.length === 0) throw new RefusedError([{ path: "files", reason: "there is no file to serve", fix }]);
  const before = live?.assets.length ?? 0;
  if (2 * files.length < before) {
    const noun = before === 1 ? "file" : "files";
    throw new RefusedError([{ path: "files", reason: `${files.length} of ${before} ${noun} would be left`, fix }]);
  }
}
