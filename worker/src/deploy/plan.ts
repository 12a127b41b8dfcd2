// The difference between what is live and what was uploaded, as a value.
// Planning writes nothing. It plans as the Go side does (sync/plan.go).

import { nonceOf } from "../kv/blob_write";
import { RefusedError } from "../rules/problem";
import { redirectedBy } from "../rules/redirected";
import { guardsOf } from "../rules/guards";
import { type Routing } from "../format/routing";
import { type RetiredAsset, type StoredAsset, type StoredManifest } from "../format/stored";
import { comparePaths } from "../format/compare_paths";
import type { Upload, UploadedFile } from "./upload";

/** What a plan goes by. */
export interface PlanInput {
  upload: Upload;
  /** The live manifest; undefined where nothing is live. */
  live: StoredManifest | undefined;
  /** Those of the deployments that a rollback left to come back to the live one. */
  left: StoredManifest[];
  /** Believe nothing of what is live: upload everything. */
  repair: boolean;
  /** Which requests the new code gets. */
  routing: Routing;
  nonce: string;
  /** Seconds since 1970 UTC. */
  now: number;
  /** How many deployments are kept, this one among them. */
  retain: number;
  /** For how many seconds, at least. */
  grace: number;
}

/** What a deploy will do. */
export interface Plan {
  assets: StoredAsset[];
  retired: RetiredAsset[];
  /** One file for each content to be written. */
  uploads: UploadedFile[];
  added: number;
  changed: number;
  removed: number;
  unchanged: number;
}

/**
 * What two files have in common whose bytes are the same. The hash alone would
 * not do: a small file may hold the very bytes that one in chunks is hashed by.
 */
export function contentOf({ hash, size }: { hash: string; size: number }): string {
  return `${hash} ${size}`;
}

/** The nonces of the blobs that there are, by content. */
export function noncesOf(assets: StoredAsset[]): Map<string, string> {
  return new Map(assets.map((asset) => [contentOf(asset), asset.nonce]));
}

/**
 * Content is carried over from the live manifest alone: nothing else is
 * believed to be in KV still.
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
 * What the live deployment serves and the new one does not, so that open tabs
 * still find it; so it is with the deployments that a rollback has left. It
 * stays listed as long as a deployment that names it is retained. What the code
 * of one of these deployments guards is left out: removing a file, alone or with
 * its guard, must not publish it. So is what nobody could read, because a redirect
 * answered in its place.
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
 * Refuses an upload without a file, and one that leaves less than half as many
 * files as are live. Names do not matter: a build with hashes in its names
 * renames all files. testdata/guards/shrink.json has cases.
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
