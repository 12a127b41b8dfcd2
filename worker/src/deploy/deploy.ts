// Deploys a project from inside a Worker, for platforms with their own upload API. It
// writes the same values as the Go side (docs/format.md). The order of the writes
// ensures that a visitor never sees parts of two deployments:
//
//	files ─► (streams) ─► manifest ─► plan ─► blobs ─► manifests and record ─► version ─► current
//
// Writing `current` is the switch. Before it, nothing is visible. A stream can be
// read only once, so its blobs are written before the plan is made.

import { type Current, ProjectError } from "../dynamic/version";
import { maxValueBytes } from "../format/chunks";
import { ManifestError } from "../format/manifest";
import { htmlHandlings, notFoundHandlings } from "../format/meta";
import { currentKey, isProjectId, ProjectKeys, siteOf } from "../format/project_keys";
import { everyRequest, type Routing, withoutCode } from "../format/routing";
import type { Serving, StoredManifest } from "../format/stored";
import { newNonce } from "../kv/blob_write";
import { reserveMemory } from "../kv/body_memory";
import { write, writeAll } from "../kv/kv_write";
import { type Problem, RefusedError } from "../rules/problem";
import { adopt, readOverlay } from "./adopt";
import { type EncodedCode, encodeCode, moduleContents } from "./code";
import { checkOptions, type DeployOptions, defaultGrace, defaultRetain } from "./deploy_options";
import { readDeployed, readRolledBack } from "./live";
import { checkShrink, makePlan } from "./plan";
import { makeRelease } from "./release";
import { readPointerToDeploy } from "./repair";
import { StaleError } from "./stale_error";
import { checkStart } from "./start_check";
import { contentsOf, hashUpload, type ProjectFiles, readUpload, sha256Hex, type Upload } from "./upload";
import { Uploader } from "./uploader";

export type { ModuleContent, ProjectCode, ProjectModule } from "./code";
export type { DeployOptions } from "./deploy_options";
export type { FileContent, ProjectFiles } from "./upload";

/** The result of a deploy. */
export interface DeployResult {
  /** The id of the live deployment: the new one, or the previous one if nothing changed. */
  deployment: string;
  /** The "hash.nonce" of the live version. */
  version: string;
  /** The id for the Worker Loader. */
  loader: string;
  /** The number of written blobs. */
  uploaded: number;
  /** The number of unchanged files. */
  unchanged: number;
  /** The number of removed files. */
  removed: number;
  /** The number of removed files that stay reachable for open tabs. */
  retired: number;
  /** Whether nothing changed, so that nothing was written. */
  noChange: boolean;
  /** The rules of _redirects that are left out, because Cloudflare ignores them. */
  notices: Problem[];
}

/** A request may call KV 1,000 times. This leaves 20 calls for the reads of a deploy. */
const defaultMaxWrites = 980;

/** Deploys files and code into a namespace. */
export async function deploy(
  projectId: string,
  files: ProjectFiles,
  kv: KVNamespace,
  options: DeployOptions,
): Promise<DeployResult> {
  checkOptions(options);
  if (!isProjectId(projectId))
    throw new RefusedError([
      {
        path: "project",
        reason: "invalid id",
        fix: "use at most 63 characters of a-z, 0-9, - and _, beginning with a letter or a digit",
      },
    ]);
  const memory = await reserveMemory([...contentsOf(files), ...moduleContents(options.code)], siteOf(projectId, ""));
  try {
    return await deployReserved(projectId, files, kv, options);
  } finally {
    memory.release();
  }
}

/** Deploys content whose memory is reserved. */
async function deployReserved(
  projectId: string,
  files: ProjectFiles,
  kv: KVNamespace,
  options: DeployOptions,
): Promise<DeployResult> {
  const {
    now = Date.now,
    retain = defaultRetain,
    grace = defaultGrace,
    repair = false,
    mostWrites = defaultMaxWrites,
    retire = [],
  } = options;
  const started = now();
  const { handling, code, upload } = await check(projectId, files, options);
  await hashUpload(upload);
  const routing = code ? everyRequest(retire) : withoutCode;
  const workerWith = (overlay: boolean) => workerOf(handling, code, routing, overlay);

  const { random } = options;
  const { current, incarnation } = await readPointerToDeploy(kv, projectId, { repair, now: started, random });
  const keys = new ProjectKeys(projectId, incarnation);
  checkAfter(projectId, options.after, current?.activations[0].version);
  const liveStamp = current?.version.stamp;
  const acceptedWorkers =
    options.overlay === undefined
      ? [await workerWith(false), await workerWith(true)]
      : [await workerWith(options.overlay)];
  const isUnchanged = (source: string) =>
    liveStamp !== undefined && liveStamp.source === source && acceptedWorkers.includes(liveStamp.worker) && !repair;
  if (current && upload.streams.length === 0 && isUnchanged(await sourceOf(upload))) return noChange(current, upload);

  const live = current ? await readLive(kv, keys, current, repair) : undefined;
  const configuredOverlay = options.overlay ?? live?.serving.overlay;
  const record = configuredOverlay === false ? null : await readOverlay(kv, keys.site);
  const overlay = configuredOverlay ?? record !== null;
  const worker = await workerWith(overlay);
  const rolledBack = current && !repair ? await readRolledBack(kv, keys, current, retain) : [];
  if (!options.allowShrink) checkShrink(upload, live);
  if (code && options.start && liveStamp?.worker !== worker) await checkStart(options.start, code);

  const nonce = newNonce(started, options.random);
  const seconds = Math.floor(started / 1000);
  const uploader = new Uploader(kv, keys.site, nonce, repair ? undefined : live, mostWrites);
  await uploader.uploadStreams(upload);
  const source = await sourceOf(upload);
  if (current && isUnchanged(source)) return noChange(current, upload);
  const plan = makePlan({ upload, live, rolledBack, repair, routing, nonce, now: seconds, retain, grace });
  uploader.checkCalls(plan.uploads);

  const manifest: StoredManifest = {
    site: keys.site,
    origin: { kind: "upload", id: source, rules: "", dir: "", commit: "" },
    serving: { ...handling, overlay },
    routing,
    redirects: upload.redirects,
    headers: upload.headers,
    assets: plan.assets,
    directories: [],
    ...adopt(record, plan, live?.adopted),
  };
  const release = await makeRelease({ keys, manifest, plan, code, worker, nonce, seconds, current, options });

  await writeAll(plan.uploads, (file) => uploader.write(file));
  for (const { key, value } of release.values) await write(kv, key, value);
  // A prune deletes unreferenced blobs that are older than the grace period. The uploads may take half of that time, so
  // that the other half is left for the switch.
  if (now() - started > Math.max(grace * 500, 1000))
    throw new ProjectError(
      `project ${projectId}: the uploads took longer than half the grace period; deploy again, or use a longer one`,
    );
  await write(kv, currentKey(projectId), release.current);
  return {
    deployment: release.deployment,
    version: release.version,
    loader: release.loader,
    uploaded: uploader.written,
    unchanged: plan.unchanged,
    removed: plan.removed,
    retired: manifest.retired.length,
    noChange: false,
    notices: upload.notices,
  };
}

/** Returns the id of a version's code and settings. */
async function workerOf(
  { html_handling, not_found_handling }: Omit<Serving, "overlay">,
  code: EncodedCode | undefined,
  { retire }: Routing,
  overlay: boolean,
): Promise<string> {
  const parts = [
    "project 1",
    html_handling,
    not_found_handling,
    code ?? null,
    ...(overlay ? ["overlay"] : []),
    ...(retire.length > 0 ? [{ retire }] : []),
  ];
  return (await sha256Hex(JSON.stringify(parts))).slice(0, 32);
}

/** Throws a StaleError if KV does not show the version that the caller expects. */
function checkAfter(projectId: string, after: string | undefined, active: string | undefined): void {
  if (after !== undefined && after !== active) throw new StaleError(projectId, after, active ?? null);
}

function noChange({ version, activations }: Current, { files, notices }: Upload): DeployResult {
  return {
    deployment: version.stamp.deployment,
    version: activations[0].version,
    loader: version.loader,
    uploaded: 0,
    unchanged: files.length,
    removed: 0,
    retired: 0,
    noChange: true,
    notices,
  };
}

/** Checks the files and the options. Throws a RefusedError that lists all problems. */
async function check(
  projectId: string,
  files: ProjectFiles,
  options: DeployOptions,
): Promise<{ handling: Omit<Serving, "overlay">; code: EncodedCode | undefined; upload: Upload }> {
  const { html_handling = "auto-trailing-slash", not_found_handling = "404-page" } = options;
  const problems: Problem[] = [];
  if (!htmlHandlings.includes(html_handling))
    problems.push({ path: "html_handling", reason: "unknown value", fix: `use ${htmlHandlings.join(", ")}` });
  if (!notFoundHandlings.includes(not_found_handling))
    problems.push({
      path: "not_found_handling",
      reason: "unknown value",
      fix: `use ${notFoundHandlings.join(", ")}`,
    });
  const code = options.code === undefined ? undefined : encodeCode(options.code, problems);
  const upload = await readUpload(files, { htmlHandling: html_handling, tenant: siteOf(projectId, "") }, problems);
  if (problems.length > 0) throw new RefusedError(problems);
  return { handling: { html_handling, not_found_handling }, code, upload };
}

/** Returns the source id of an upload. Equal ids mean equal assets and rules. */
async function sourceOf({ files, redirects, headers }: Upload): Promise<string> {
  // The hash of a large file is the hash of its chunk index. A small file with the bytes of that index has the same
  // hash, so the id also contains the size of large files.
  const lines = files.map(({ path, hash, type, size }) =>
    JSON.stringify([path, hash, type, ...(size > maxValueBytes ? [size] : [])]),
  );
  return `upload:${await sha256Hex([...lines, JSON.stringify([redirects, headers])].join("\n"))}`;
}

async function readLive(
  kv: KVNamespace,
  keys: ProjectKeys,
  { version }: Current,
  repair: boolean,
): Promise<StoredManifest | undefined> {
  try {
    return await readDeployed(kv, keys, version);
  } catch (error) {
    if (repair && error instanceof ManifestError) return undefined;
    throw error;
  }
}
