// Reads the live deployment for a deploy.

import { type Current, readVersion, type Version } from "../dynamic/version";
import { ManifestError } from "../format/manifest";
import { describeThrown } from "../format/one_line";
import type { ProjectKeys } from "../format/project_keys";
import { withoutCode } from "../format/routing";
import type { StoredManifest } from "../format/stored";
import { decodeStored } from "../format/stored_reader";
import { readBlob } from "../kv/blob";

/** Reads a stored manifest. Throws a ManifestError if it is missing, damaged, or belongs to another site. */
export async function readStored(kv: KVNamespace, keys: ProjectKeys, ref: string): Promise<StoredManifest> {
  const { projectId } = keys;
  const blob = await readBlob(kv, keys.manifest(ref));
  const fix = "deploy again with the option to repair";
  if (!blob) throw new ManifestError(`kv-sync: the stored manifest ${ref} of project ${projectId} is missing; ${fix}`);
  const manifest = decodeStored(new Uint8Array(await new Response(blob).arrayBuffer()));
  if (manifest.site !== keys.site)
    throw new ManifestError(
      `kv-sync: the stored manifest ${ref} of project ${projectId} belongs to another site; ${fix}`,
    );
  return manifest;
}

/**
 * Reads the stored manifest of a version. A manifest of an older kv-sync may lack the routing. Then the routing is
 * unknown, except that a version without code has none. The retired assets of such a manifest are left out, because
 * code of an earlier deployment may have restricted access to them.
 */
export async function readDeployed(
  kv: KVNamespace,
  keys: ProjectKeys,
  { code, stamp }: Version,
): Promise<StoredManifest> {
  const manifest = await readStored(kv, keys, stamp.manifest);
  return manifest.routing ? manifest : { ...manifest, routing: code ? undefined : withoutCode, retired: [] };
}

/**
 * If the live deployment comes from one or more consecutive rollbacks: reads the manifests of the deployments that
 * these rollbacks replaced. A manifest that cannot be read is left out, because only open tabs need its assets.
 */
export async function readRolledBack(
  kv: KVNamespace,
  keys: ProjectKeys,
  { activations, version }: Current,
  retain: number,
): Promise<StoredManifest[]> {
  const rolledBack: StoredManifest[] = [];
  for (let i = 1; i < activations.length && i < retain && isRollback(activations[0].message); i++) {
    if (!isRollback(activations[i - 1]!.message)) break;
    try {
      const earlier = await readVersion(kv, keys, activations[i]!.version);
      if (!earlier || earlier.stamp.deployment === version.stamp.deployment) continue;
      rolledBack.push(await readDeployed(kv, keys, earlier));
    } catch (error) {
      console.warn(
        `kv-sync: open tabs of an earlier deployment of project ${keys.projectId} may miss files:`,
        describeThrown(error),
      );
    }
  }
  return rolledBack;
}

function isRollback(message: string): boolean {
  return message.startsWith("Rollback to ");
}
