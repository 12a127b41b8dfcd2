// Encodes the values that a deploy writes after its blobs.

import { type Current, incarnatedFormat, maxActivations, type Stamp } from "../dynamic/version";
import { maxValueBytes } from "../format/chunks";
import type { ProjectKeys } from "../format/project_keys";
import { encodeServed } from "../format/served";
import type { StoredManifest } from "../format/stored";
import { encodeStored } from "../format/stored_writer";
import { RefusedError } from "../rules/problem";
import type { EncodedCode } from "./code";
import { type DeployOptions, defaultGrace, defaultRetain } from "./deploy_options";
import type { Plan } from "./plan";
import { sha256Hex } from "./upload";

/** The encoded values of a deployment. `values` are written in order, and then `current`. */
export interface Release {
  deployment: string;
  version: string;
  loader: string;
  values: { key: string; value: string | Uint8Array }[];
  current: string;
}

/** Encodes a deployment. */
export async function makeRelease(input: {
  keys: ProjectKeys;
  manifest: StoredManifest;
  plan: Plan;
  code: EncodedCode | undefined;
  worker: string;
  nonce: string;
  seconds: number;
  current: Current | null;
  options: DeployOptions;
}): Promise<Release> {
  const { keys, manifest, plan, code, worker, nonce, seconds, current, options } = input;
  const { actor, subject } = options;
  const { projectId, incarnation, site } = keys;
  const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
  const deployment = `${time.slice(0, 19).replace(/[-:]/g, "").replace("T", "-")}-${nonce.slice(8)}`;
  const liveStamp = current?.version.stamp;

  const stored = encodeStored(manifest);
  const storedRef = `${await sha256Hex(stored)}.${nonce}`;
  const served = encodeServed(manifest);
  // An unchanged served manifest keeps its key, so that it is not written again and cached copies stay valid.
  const servedHash = await sha256Hex(served);
  const sameServed = current && !options.repair && current.version.served.startsWith(servedHash);
  const servedRef = sameServed ? current.version.served : `${servedHash}.${nonce}`;

  const stamp: Stamp = {
    deployment,
    manifest: storedRef,
    source: manifest.origin.id,
    worker,
    pruned: liveStamp?.pruned ?? seconds,
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
      namespace: "", // a Worker does not know the id of its namespace
      bindings: [],
      pruned: stamp.pruned,
      ...policyOf(options),
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
    ...(liveStamp && { previous: liveStamp.deployment }),
    files: plan.assets.length,
    added: plan.added,
    changed: plan.changed,
    removed: plan.removed,
    unchanged: plan.unchanged,
    ...policyOf(options),
  });
  const activation = {
    id: deployment,
    time,
    version: versionRef,
    message: `kv-sync ${deployment}`,
    ...(actor && { author: actor }),
  };
  const activations = [activation, ...(current?.activations ?? [])].slice(0, maxActivations);
  // `current` contains the same bytes of the version as the version's own key.
  const head = incarnation === "" ? '{"format":1' : `{"format":${incarnatedFormat},"incarnation":"${incarnation}"`;
  const currentValue = `${head},"activations":${JSON.stringify(activations)},"version":${version}}`;
  checkSizes(stored, served, currentValue);
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
    current: currentValue,
  };
}

/** Throws a RefusedError if KV cannot store one of these values. Nothing is written before. */
export function checkSizes(stored: Uint8Array, served: Uint8Array, current: string): void {
  const fewerFiles = "publish fewer files, or shorter pathnames, or split them into several projects";
  const problems = [
    { path: "files", what: "the list of the files", size: stored.length, fix: fewerFiles },
    { path: "files", what: "the list of the files that are served", size: served.length, fix: fewerFiles },
    {
      path: "code",
      what: "the code",
      size: new TextEncoder().encode(current).length,
      fix: "make it smaller; WebAssembly and data take a third more than their size",
    },
  ]
    .filter(({ size }) => size > maxValueBytes)
    .map(({ path, what, size, fix }) => ({
      path,
      reason: `${what} takes ${(size / (1 << 20)).toFixed(1)} MiB in KV, the limit is 25`,
      fix,
    }));
  if (problems.length > 0) throw new RefusedError(problems);
}

/** Returns the retention that the deployment records. A prune reads it. */
function policyOf({ retain = defaultRetain, grace = defaultGrace }: DeployOptions) {
  return { retain, ...(grace > 0 && { grace }) };
}
