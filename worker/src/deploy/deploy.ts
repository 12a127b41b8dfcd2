// A deploy out of a Worker, for platforms that take uploads through an API of
// their own. It writes what the Go side writes (docs/format.md), in the order
// that keeps visitors on one whole deployment or the other:
//
//	files ─► (streams) ─► manifest ─► plan ─► blobs ─► manifests and record ─► version ─► current
//
// Until `current` is written nobody sees anything of it. A stream can be read
// only once, so its blobs are written before the plan.

import { newNonce } from "../kv/blob_write";
import { holdKept } from "../kv/body_memory";
import { largestValue } from "../format/chunks";
import { encodeCode, moduleContents, type EncodedCode } from "./code";
import { checkOptions, defaultGrace, defaultRetain, type DeployOptions } from "./deploy_options";
import { write, writeAll } from "../kv/kv_write";
import { readDeployed, readLeft } from "./live";
import { ManifestError } from "../format/manifest";
import { htmlHandlings, notFoundHandlings } from "../format/meta";
import { adopt, readOverlay } from "./adopt";
import { checkShrink, makePlan, type Plan } from "./plan";
import { RefusedError, type Problem } from "../rules/problem";
import { isProjectId, ProjectKeys, siteOf } from "../format/project_keys";
import { everyRequest, withoutCode } from "../format/routing";
import { encodeServed } from "../format/served";
import { checkStart } from "./start_check";
import { type Serving, type StoredManifest } from "../format/stored";
import { encodeStored } from "../format/stored_writer";
import { contentsOf, hashUpload, readUpload, sha256Hex, type ProjectFiles, type Upload } from "./upload";
import { Uploader } from "./uploader";
import { mostActivations, ProjectError, readCurrent, type Current, type Stamp } from "../dynamic/version";

export type { ModuleContent, ProjectCode, ProjectModule } from "./code";
export type { DeployOptions } from "./deploy_options";
export type { FileContent, ProjectFiles } from "./upload";

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
  /** The number of files that are gone, now or before, and that stay reachable for open tabs. */
  retired: number;
  /** Everything was live already, and nothing was written. */
  noChange: boolean;
}

/** A Worker may call KV a thousand times for a request, and a run reads too. */
const mostWritesByDefault = 980;

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
        reason: "the id is none",
        fix: "use a-z, 0-9, - and _, 63 characters at most, beginning with a letter or a numeral",
      },
    ]);
  const memory = await holdKept([...contentsOf(files), ...moduleContents(options.code)], siteOf(projectId));
  try {
    return await deployHeld(projectId, files, kv, options);
  } finally {
    memory.release();
  }
}

/** Deploys what is counted. */
async function deployHeld(
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
    mostWrites = mostWritesByDefault,
    retire = [],
  } = options;
  const started = now();
  const { matching, code, upload } = await check(projectId, files, options);
  await hashUpload(upload);
  const routing = code ? everyRequest(retire) : withoutCode;
  const workerWith = async (overlay: boolean) =>
    (
      await sha256Hex(
        JSON.stringify([
          "project 1",
          matching.html_handling,
          matching.not_found_handling,
          code ?? null,
          ...(overlay ? ["overlay"] : []),
          ...(routing.retire.length > 0 ? [{ retire }] : []),
        ]),
      )
    ).slice(0, 32);

  const current = await readCurrent(kv, projectId, 0);
  const active = current?.activations[0].version;
  if (options.after !== undefined && options.after !== active) {
    throw new ProjectError(
      `project ${projectId}: KV shows ${active ?? "no version"} in the place of ${options.after}; deploy again in a minute, or without "after"`,
    );
  }
  const was = current?.version.stamp;
  const same =
    options.overlay === undefined
      ? [await workerWith(false), await workerWith(true)]
      : [await workerWith(options.overlay)];
  const stays = (source: string) => was !== undefined && was.source === source && same.includes(was.worker) && !repair;
  const noChange = ({ version, activations }: Current): DeployResult => ({
    deployment: version.stamp.deployment,
    version: activations[0].version,
    loader: version.loader,
    uploaded: 0,
    unchanged: upload.files.length,
    removed: 0,
    retired: 0,
    noChange: true,
  });
  if (current && upload.streams.length === 0 && stays(await sourceOf(upload))) return noChange(current);

  const live = current ? await readLive(kv, projectId, current, repair) : undefined;
  const before = options.overlay ?? live?.serving.overlay;
  const record = before === false ? null : await readOverlay(kv, siteOf(projectId));
  const overlay = before ?? record !== null;
  const worker = await workerWith(overlay);
  const left = current && !repair ? await readLeft(kv, projectId, current, retain) : [];
  if (!options.allowShrink) checkShrink(upload, live);
  if (code && options.start && was?.worker !== worker) await checkStart(options.start, code);

  const nonce = newNonce(started, options.random);
  const seconds = Math.floor(started / 1000);
  const uploader = new Uploader(kv, siteOf(projectId), nonce, repair ? undefined : live, mostWrites);
  await uploader.takeStreams(upload);
  const source = await sourceOf(upload);
  if (current && stays(source)) return noChange(current);
  const plan = makePlan({ upload, live, left, repair, routing, nonce, now: seconds, retain, grace });
  uploader.checkCalls(plan.uploads);

  const manifest: StoredManifest = {
    site: siteOf(projectId),
    origin: { kind: "upload", id: source, rules: "", dir: "", commit: "" },
    serving: { ...matching, overlay },
    routing,
    redirects: upload.redirects,
    headers: upload.headers,
    assets: plan.assets,
    directories: [],
    ...adopt(record, plan, live?.adopted),
  };
  const release = await makeRelease({ projectId, manifest, plan, code, worker, nonce, seconds, current, options });

  await writeAll(plan.uploads, (file) => uploader.write(file));
  for (const { key, value } of release.values) await write(kv, key, value);
  // A prune spares what is younger than the grace period, and half of it is left for what follows.
  if (now() - started > Math.max(grace * 500, 1000))
    throw new ProjectError(
      `project ${projectId}: the uploads took longer than half the grace period; deploy again, or with a longer one`,
    );
  await write(kv, new ProjectKeys(projectId).current, release.current);
  return {
    deployment: release.deployment,
    version: release.version,
    loader: release.loader,
    uploaded: uploader.written,
    unchanged: plan.unchanged,
    removed: plan.removed,
    retired: manifest.retired.length,
    noChange: false,
  };
}

/** Takes in what was given. Throws a RefusedError with all that is wrong about it. */
async function check(
  projectId: string,
  files: ProjectFiles,
  options: DeployOptions,
): Promise<{ matching: Omit<Serving, "overlay">; code: EncodedCode | undefined; upload: Upload }> {
  const { html_handling = "auto-trailing-slash", not_found_handling = "404-page" } = options;
  const problems: Problem[] = [];
  if (!htmlHandlings.includes(html_handling))
    problems.push({ path: "html_handling", reason: "the value is not known", fix: `use ${htmlHandlings.join(", ")}` });
  if (!notFoundHandlings.includes(not_found_handling))
    problems.push({
      path: "not_found_handling",
      reason: "the value is not known",
      fix: `use ${notFoundHandlings.join(", ")}`,
    });
  const code = options.code === undefined ? undefined : encodeCode(options.code, problems);
  const upload = await readUpload(files, { htmlHandling: html_handling, tenant: siteOf(projectId) }, problems);
  if (problems.length > 0) throw new RefusedError(problems);
  return { matching: { html_handling, not_found_handling }, code, upload };
}

/** Names what would be served: equal ids mean equal listings. */
async function sourceOf({ files, redirects, headers }: Upload): Promise<string> {
  // A small file may hold the very bytes that one in chunks is hashed by.
  const lines = files.map(({ path, hash, type, size }) =>
    JSON.stringify([path, hash, type, ...(size > largestValue ? [size] : [])]),
  );
  return `upload:${await sha256Hex([...lines, JSON.stringify([redirects, headers])].join("\n"))}`;
}

async function readLive(
  kv: KVNamespace,
  projectId: string,
  { version }: Current,
  repair: boolean,
): Promise<StoredManifest | undefined> {
  try {
    return await readDeployed(kv, projectId, version);
  } catch (error) {
    if (repair && error instanceof ManifestError) return undefined;
    throw error;
  }
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

  const stamp: Stamp = {
    deployment,
    manifest: storedRef,
    source: manifest.origin.id,
    worker,
    pruned: was?.pruned ?? seconds,
  };
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
  const activation = {
    id: deployment,
    time,
    version: versionRef,
    message: `kv-sync ${deployment}`,
    ...(actor && { author: actor }),
  };
  const activations = [activation, ...(current?.activations ?? [])].slice(0, mostActivations);
  // The version stands in it as it stands under its own key.
  const switched = `{"format":1,"activations":${JSON.stringify(activations)},"version":${version}}`;
  const size = new TextEncoder().encode(switched).length;
  if (size > largestValue) {
    throw new RefusedError([
      {
        path: "code",
        reason: `the code takes ${(size / (1 << 20)).toFixed(1)} MiB in KV, and a value there at most 25`,
        fix: "make it smaller; WebAssembly and data take a third more than they have",
      },
    ]);
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
