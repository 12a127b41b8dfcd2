// The difference between what is live and what was uploaded, as a value.
// Planning writes nothing. It plans as the Go side does (sync/plan.go).

import { RefusedError } from "./problem";
import { comparePaths, type RetiredAsset, type StoredAsset, type StoredManifest } from "./stored";
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
  /** One file for each blob to be written. */
  uploads: UploadedFile[];
  added: number;
  changed: number;
  removed: number;
  unchanged: number;
}

/**
 * Content is carried over from the live manifest alone: nothing else is
 * believed to be in KV still.
 */
export function makePlan({ upload, live, left, repair, nonce, now, retain, grace }: PlanInput): Plan {
  const before = new Map(live?.assets.map((asset) => [asset.path, asset]));
  const carried = repair ? undefined : live;
  const nonces = new Map(carried?.assets.map((asset) => [asset.hash, asset.nonce]));
  const plan: Plan = { assets: [], retired: [], uploads: [], added: 0, changed: 0, removed: 0, unchanged: 0 };
  for (const file of upload.files) {
    const { path, hash, size, type } = file;
    const same = before.get(path);
    before.delete(path);
    const unchanged = same?.hash === hash && same.type === type;
    plan[!same ? "added" : unchanged ? "unchanged" : "changed"]++;
    if (!nonces.has(hash)) {
      nonces.set(hash, nonce); // the same bytes at another path need no second blob
      plan.uploads.push(file);
    }
    plan.assets.push({ path, hash, nonce: nonces.get(hash)!, size, type, modified: unchanged ? same.modified : now, oid: "" });
  }
  plan.removed = before.size;
  if (carried) plan.retired = retire(plan.assets, carried, left, { until: now + grace, left: retain - 1 }, now);
  return plan;
}

/**
 * What the live deployment serves and the new one does not, so that open tabs
 * still find it; so it is with the deployments that a rollback has left. It
 * stays listed as long as a deployment that names it is retained.
 */
function retire(
  assets: StoredAsset[],
  live: StoredManifest,
  left: StoredManifest[],
  term: Pick<RetiredAsset, "until" | "left">,
  now: number,
): RetiredAsset[] {
  const listed = new Set(assets.map(({ path }) => path));
  const retired: RetiredAsset[] = [];
  const add = (asset: RetiredAsset) => {
    if (listed.has(asset.path)) return;
    listed.add(asset.path);
    retired.push({ ...asset, oid: "" });
  };
  for (const manifest of [live, ...left]) {
    for (const asset of manifest.assets) add({ ...asset, ...term });
  }
  for (const asset of live.retired) {
    if (asset.left - 1 > 0 || asset.until > now) add({ ...asset, left: asset.left - 1 });
  }
  return retired.sort((a, b) => comparePaths(a.path, b.path));
}

/** Refuses an empty plan, and one that drops more than half of the files: more often a mistake than meant. */
export function checkShrink(plan: Plan, live: StoredManifest | undefined): void {
  const fix = "give allowShrink if that is meant";
  if (plan.assets.length === 0) throw new RefusedError([{ path: "files", reason: "there is no file to serve", fix }]);
  const before = live?.assets.length ?? 0;
  if (2 * plan.removed > before) {
    throw new RefusedError([{ path: "files", reason: `${plan.removed} of ${before} files would be removed`, fix }]);
  }
}
