import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { readStored } from "../../deploy/live";
import { ManifestError } from "../../format/manifest";
import { ProjectKeys } from "../../format/project_keys";
import { encodeStored } from "../../format/stored_writer";
import { manifest } from "../../format/test/stored.inside";
import { readListing } from "../listing";

const ref = `${"a".repeat(64)}.${"b".repeat(16)}`;

test("a stored manifest that belongs to another site is refused", async () => {
  const kv = () => ({ get: async () => new Response(encodeStored(manifest(0))).body }) as unknown as KVNamespace;
  assert.deepEqual(await readListing(kv(), "project/shop", ref), manifest(0).assets);
  assert.deepEqual((await readStored(kv(), new ProjectKeys("shop", ""), ref)).assets, manifest(0).assets);
  for (const read of [
    readListing(kv(), "project/other", ref),
    readListing(kv(), "shop", ref),
    readStored(kv(), new ProjectKeys("other", ""), ref),
  ]) {
    await assert.rejects(
      read,
      (error) => error instanceof ManifestError && /belongs to another site/.test(error.message),
    );
  }
});
