// What is live, as a deploy has to know it.

import { readBlob } from "../kv/blob";
import { ManifestError } from "../format/manifest";
import { ProjectKeys, siteOf } from "../format/project_keys";
import { withoutCode } from "../format/routing";
import { type StoredManifest } from "../format/stored";
import { decodeStored } from "../format/stored_reader";
import { readVersion, type Current, type Version } from "../dynamic/version";

/** Reads the stored manifest of a deployment. Throws a ManifestError where it is gone, damaged or another's. */
export async function readStored(kv: KVNamespace, projectId: string, ref: string): Promise<StoredManifest> {
  const blob = await readBlob(kv, new ProjectKeys(projectId).manifest(ref));
  if (!blob)
    throw new ManifestError(
      `kv-sync: the stored manifest ${ref} of project ${projectId} is gone; deploy again with the option to repair`,
    );
  const manifest = decodeStored(new Uint8Array(await new Response(blob).arrayBuffer()));
  if (manifest.site !== siteOf(projectId))
    throw new ManifestError(
      `kv-sync: the stored manifest ${ref} of project ${projectId} is another site's; deploy again with the option to repair`,
    );
  return manifest;
}

/**
 * The stored manifest of a version. That no code guarded its files is known of a
 * version without code, also where an older kv-sync recorded nothing of it. What
 * that lists as retired may have been guarded before, so it is left out.
 */
export async function readDeployed(
  kv: KVNamespace,
  projectId: string,
  { code, stamp }: Version,
): Promise<StoredManifest> {
  const manifest = await readStored(kv, projectId, stamp.manifest);
  return manifest.routing ? manifest : { ...manifest, routing: code ? undefined : withoutCode, retired: [] };
}

/**
 * The manifests of the deployments that were live before the rollback, or the
 * rollbacks in a row, that made the live one so again. What cannot be read is
 * left out: it concerns open tabs alone.
 */
export async function readLeft(
  kv: KVNamespace,
  projectId: string,
  { activations, version }: Current,
  retain: number,
): Promise<StoredManifest[]> {
  const left: StoredManifest[] = [];
  for (let i = 1; i < activations.length && i < retain && isRollback(activations[0].message); i++) {
    if (!isRollback(activations[i - 1]!.message)) break;
    try {
      const earlier = await readVersion(kv, projectId, activations[i]!.version);
      if (!earlier || earlier.stamp.deployment === version.stamp.deployment) continue;
      left.push(await readDeployed(kv, projectId, earlier));
    } catch (error) {
      console.warn(`kv-sync: open tabs of an earlier deployment of project ${projectId} may miss files:`, error);
    }
  }
  return left;
}

function isRollback(message: string): boolean {
  return message.startsWith("Rollback to ");
}
