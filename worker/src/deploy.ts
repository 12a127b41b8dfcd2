// A deploy out of a Worker, for platforms that take uploads through an API of
// their own. It writes what the Go side writes (docs/format.md), in the order
// that keeps visitors on one whole deployment or the other:
//
//	files ─► manifest ─► plan ─► blobs ─► manifests and record ─► version ─► current
//
// Until `current` is written nobody sees anything of it.

import { largestValue } from "./chunks";
import { encodeCode, type EncodedCode, type ProjectCode } from "./code";
import { write, writeAll } from "./kv_write";
import { readLeft, readStored } from "./live";
import { ManifestError } from "./manifest";
import { htmlHandlings, notFoundHandlings, type HTMLHandling, type NotFoundHandling } from "./meta";
import { adopt, readOverlay } from "./adopt";
import { checkShrink, makePlan, type Plan } from "./plan";
import { RefusedError, type Problem } from "./problem";
import { isProjectId, ProjectKeys, siteOf } from "./project_keys";
import { encodeServed } from "./served";
import { encodeStored, type Serving, type StoredManifest } from "./stored";
import { hashUpload, readUpload, sha256Hex, type ProjectFiles, type Upload } from "./upload";
import { mostActivations, ProjectError, readCurrent, type Current, type Stamp } from "./version";

export type { ProjectCode, ProjectModule } from "./code";
export type { FileContent, ProjectFiles } from "./upload";

/** How to deploy; all may be left out. */
export interface DeployOptions {
  /** The namespace of the projects; KV_SYNC_BLOBS where it is left out. */
  kv?: KVNamespace;
  /** The project's Worker; without it its assets are all there is. */
  code?: ProjectCode;
  /** Who deploys, and why: for the history. */
  actor?: string;
  subject?: string;
  html_handling?: HTMLHandling;
  not_found_handling?: NotFoundHandling;
  /**
   * Whether what is written at run time lies over the files: as it was, where
   * it is left out.
   */
  overlay?: boolean;
  /** For how many deployments, this one among them, and for how many seconds at least what is gone stays reachable. */
  retain?: number;
  grace?: number;
  /** Lets a deploy be empty, or drop more than half of the files. */
  allowShrink?: boolean;
  /** Uploads everything under new keys, believing nothing of what is live. */
  repair?: boolean;
  /**
   * The `version` that the last deploy returned: where KV still shows an older
   * one here, or somebody else's, nothing is written.
   */
  after?: string;
  /** The most KV writes that a run may plan. */
  mostWrites?: number;
  /** The clock, in milliseconds, and the source of random bytes. */
  now?: () => number;
  random?: (bytes: Uint8Array) => void;
}

/** What a deploy did. */
export interface DeployResult {
  /** What is live now: the new deployment, or where nothing changed the one that was. */
  deployment: string;
  /** Its version, as hash.nonce. */
  version: string;
  /** The id that the Worker Loader gets. */
  loader: string;
  /** The number of blobs that were written. */
  uploaded: number;
  /** The number of files that are as they were, and that are gone. */
  unchanged: number;
  removed: number;
  /** Everything was live already, and nothing was written. */
  noChange: boolean;
}

/** A Worker may call KV a thousand times for a request, and a run reads too. */
const mostWritesByDefault = 980;

/** The five values of a deploy that are no file's: two manifests, record, version, current. */
const otherWrites = 5;

/** Deploys files and code into a namespace. */
export async function deploy(projectId: string, files: ProjectFiles, kv: KVNamespace, options: DeployOptions): Promise<DeployResult> {
  if (!isProjectId(projectId)) throw new RefusedError([{ path: "project", reason: "the id is none", fix: "use a-z, 0-9, - and _, 63 characters at most, beginning with a letter or a numeral" }]);
  const { now = Date.now, retain = 5, grace = 86_400, repair = false } = options;
  if (!Number.isSafeInteger(retain) || retain < 1) throw new RangeError("deployProject: retain is no number of deployments; give 1 or more");
  if (!Number.isSafeInteger(grace) || grace < 0) throw new RangeError("deployProject: grace is no number of seconds; give 0 or more");
  const started = now();
  const { matching, code, upload } = check(files, options);
  await hashUpload(upload);
  const source = await sourceOf(upload);
  const workerWith = async (overlay: boolean) =>
    (await sha256Hex(JSON.stringify(["project 1", matching.html_handling, matching.not_found_handling, code ?? null, ...(overlay ? ["overlay"] : [])]))).slice(0, 32);

  const current = await readCurrent(kv, projectId, 0);
  const active = current?.activations[0].version;
  if (options.after !== undefined && options.after !== active) {
    throw new ProjectError(`project ${projectId}: KV shows ${active ?? "no version"} in the place of ${options.after}; deploy again in a minute, or without "after"`);
  }
  const was = current?.version.stamp;
  const same = options.overlay === undefined ? [await workerWith(false), await workerWith(true)] : [await workerWith(options.overlay)];
  if (current && was && was.source === source && same.includes(was.worker) && !repair) {
    return { deployment: was.deployment, version: active!, loader: current.version.loader, uploaded: 0, unchanged: upload.files.length, removed: 0, noChange: true };
  }

  const live = current ? await readLive(kv, projectId, current, repair) : undefined;
  const before = options.overlay ?? live?.serving.overlay;
  const record = before === false ? null : await readOverlay(kv, siteOf(projectId));
  const overlay = before ?? record !== null;
  const worker = await workerWith(overlay);
  const left = current && !repair ? await readLeft(kv, projectId, current, retain) : [];
  const nonce = newNonce(started, options.random);
  const seconds = Math.floor(started / 1000);
  const plan = makePlan({ upload, live, left, repair, nonce, now: seconds, retain, grace });
  if (!options.allowShrink) checkShrink(plan, live);
  checkWrites(plan, options.mostWrites ?? mostWritesByDefault);

  const manifest: StoredManifest = {
    site: siteOf(projectId),
    origin: { kind: "upload", id: source, rules: "", dir: "", commit: "" },
    serving: { ...matching, overlay },
    redirects: upload.redirects,
    headers: upload.headers,
    assets: plan.assets,
    directories: [],
    retired: plan.retired,
    adopted: adopt(record ?? [], plan, live?.adopted),
  };
  const release = await makeRelease({ projectId, manifest, plan, code, worker, nonce, seconds, current, options });

  const keys = new ProjectKeys(projectId);
  await writeAll(plan.uploads, ({ hash, bytes }) => write(kv, keys.blob(`${hash}.${nonce}`), bytes));
  for (const { key, value } of release.values) await write(kv, key, value);
  // A prune spares what is younger than the grace period, and half of it is left for what follows.
  if (now() - started > Math.max(grace * 500, 1000)) throw new ProjectError(`project ${projectId}: the uploads took longer than half the grace period; deploy again, or with a longer one`);
  await write(kv, keys.current, release.current);
  return {
    deployment: release.deployment,
    version: release.version,
    loader: release.loader,
    uploaded: plan.uploads.length,
    unchanged: plan.unchanged,
    removed: plan.removed,
    noChange: false,
  };
}

/** Takes in what was given. Throws a RefusedError with all that is wrong about it. */
function check(files: ProjectFiles, options: DeployOptions): { matching: Omit<Serving, "overlay">; code: EncodedCode | undefined; upload: Upload } {
  const { html_handling = "auto-trailing-slash", not_found_handling = "404-page" } = options;
  const problems: Problem[] = [];
  if (!htmlHandlings.includes(html_handling)) problems.push({ path: "html_handling", reason: "the value is not known", fix: `use ${htmlHandlings.join(", ")}` });
  if (!notFoundHandlings.includes(not_found_handling)) problems.push({ path: "not_found_handling", reason: "the value is not known", fix: `use ${notFoundHandlings.join(", ")}` });
  const code = options.code && encodeCode(options.code, problems);
  const upload = readUpload(files, html_handling, problems);
  if (problems.length > 0) throw new RefusedError(problems);
  return { matching: { html_handling, not_found_handling }, code, upload };
}

/** Names what would be served: equal ids mean equal listings. */
async function sourceOf({ files, redirects, headers }: Upload): Promise<string> {
  const lines = files.map(({ path, hash, type }) => JSON.stringify([path, hash, type]));
  return `upload:${await sha256Hex([...lines, JSON.stringify([redirects, headers])].join("\n"))}`;
}

async function readLive(kv: KVNamespace, projectId: string, { version }: Current, repair: boolean): Promise<StoredManifest | undefined> {
  try {
    return await readStored(kv, projectId, version.stamp.manifest);
  } catch (error) {
    if (repair && error instanceof ManifestError) return undefined;
    throw error;
  }
}

/** The second at which the run began, so that every key tells its age, and 4 random bytes. */
function newNonce(started: number, random: (bytes: Uint8Array) => void = (bytes) => crypto.getRandomValues(bytes)): string {
  const nonce = new Uint8Array(8);
  random(nonce.subarray(4));
  new DataView(nonce.buffer).setUint32(0, Math.floor(started / 1000));
  return nonce.toHex();
}

function checkWrites({ uploads }: Plan, most: number): void {
  const writes = uploads.length + otherWrites;
  if (writes <= most) return;
  throw new RefusedError([
    {
      path: "files",
      reason: `${writes} values would be written, and a Worker may write ${most} for one request`,
      fix: "deploy it with kv-sync deploy --project, or in parts, each with some files more; give mostWrites where a plan allows more",
    },
  ]);
}

/** Everything of a deployment but its blobs, ready to be written in this order. */
interface Release {
  deployment: string;
  version: string;
  loader: string;
  values: { key: string; value: string | Uint8Array }[];
  current: string;
}

async function makeRelease(given: {
  projectId: string;
  manifest: StoredManifest;
  plan: Plan;
  code: EncodedCode | undefined;
  worker: string;
  nonce: string;
  seconds: number;
  current: Current | null;
  options: DeployOptions;
}): Promise<Release> {
  const { projectId, manifest, plan, code, worker, nonce, seconds, current, options } = given;
  const { actor, subject } = options;
  const keys = new ProjectKeys(projectId);
  const site = siteOf(projectId);
  const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
  const deployment = `${time.slice(0, 19).replace(/[-:]/g, "").replace("T", "-")}-${nonce.slice(8)}`;
  const was = current?.version.stamp;

  const stored = encodeStored(manifest);
  const storedRef = `${await sha256Hex(stored)}.${nonce}`;
  const served = encodeServed(manifest);
  // The same manifest need not be written, nor read, again.
  const servedHash = await sha256Hex(served);
  const sameServed = current && !options.repair && current.version.served.startsWith(servedHash);
  const servedRef = sameServed ? current.version.served : `${servedHash}.${nonce}`;

  const stamp: Stamp = { deployment, manifest: storedRef, source: manifest.origin.id, worker, pruned: was?.pruned ?? seconds };
  const loader = `${projectId}:${(await sha256Hex(JSON.stringify([servedRef, code ?? null]))).slice(0, 32)}`;
  const version = JSON.stringify({
    format: 1,
    project: projectId,
    loader,
    served: servedRef,
    ...code,
    kv_sync: {
      format: 1,
      site,
      deployment,
      manifest: storedRef,
      source: stamp.source,
      worker,
      namespace: "", // a Worker knows its namespaces by binding, not by id
      bindings: [],
      pruned: stamp.pruned,
    },
  });
  const versionRef = `${await sha256Hex(version)}.${nonce}`;
  const record = JSON.stringify({
    format: 1,
    deployment,
    site,
    manifest: storedRef,
    source: stamp.source,
    ...(subject && { subject }),
    ...(actor && { actor }),
    time,
    ...(was && { previous: was.deployment }),
    files: plan.assets.length,
    added: plan.added,
    changed: plan.changed,
    removed: plan.removed,
    unchanged: plan.unchanged,
  });
  const activation = { id: deployment, time, version: versionRef, message: `kv-sync ${deployment}`, ...(actor && { author: actor }) };
  const activations = [activation, ...(current?.activations ?? [])].slice(0, mostActivations);
  // The version stands in it as it stands under its own key.
  const switched = `{"format":1,"activations":${JSON.stringify(activations)},"version":${version}}`;
  const size = new TextEncoder().encode(switched).length;
  if (size > largestValue) {
    throw new RefusedError([{ path: "code", reason: `the code takes ${(size / (1 << 20)).toFixed(1)} MiB in KV, and a value there at most 25`, fix: "make it smaller; WebAssembly and data take a third more than they have" }]);
  }
  return {
    deployment,
    version: versionRef,
    loader,
    values: [
      { key: keys.manifest(storedRef), value: stored },
      { key: keys.record(deployment), value: record },
      ...(sameServed ? [] : [{ key: keys.blob(servedRef), value: served }]),
      { key: keys.blob(versionRef), value: version },
    ],
    current: switched,
  };
}
