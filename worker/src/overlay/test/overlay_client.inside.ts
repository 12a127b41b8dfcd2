import assert from "node:assert/strict";
import { test, withoutWaiting } from "../../../test/inside/harness";
import type { OverlayNamespace } from "../../format/overlay_entry";
import { encodeOverlay } from "../../format/overlay_manifest";
import { Site } from "../../serve/site";
import { deployedManifest, overlayEntry, site } from "../../serve/test/layers";
import { EditError } from "../edit_error";
import { OverlayClient } from "../overlay_client";

/** A whole manifest needs no reads of KV. */
const noKV = {} as KVNamespace;

/** A client with a fake Durable Object. */
function client(object: Record<string, (...args: never[]) => Promise<unknown>>): OverlayClient {
  return new OverlayClient(new Site(deployedManifest()), {
    idFromName: (name: string) => name,
    get: () => object,
  } as unknown as OverlayNamespace);
}

test("a late reply with an older revision does not replace a newer one", async () => {
  const manifest = (revision: number) => ({
    revision,
    manifest: encodeOverlay(site, revision, [overlayEntry(`/written/${revision}`, "1")]),
  });
  let resolveFirst = (_: unknown): void => undefined;
  const known: (number | undefined)[] = [];
  const overlay = client({
    read: (_site: string, revision: number | undefined) => {
      known.push(revision);
      if (known.length === 1) return new Promise((resolve) => (resolveFirst = resolve));
      return Promise.resolve(revision === 2 ? null : manifest(2));
    },
  });
  const lateView = overlay.view();
  await overlay.view();
  resolveFirst(manifest(1));
  await lateView;
  assert.ok((await (await overlay.view()).lookUp("/written/2", noKV)).asset);
  assert.deepEqual(known, [undefined, undefined, 2]);
});

test("a retryable call is made at most four times", () =>
  withoutWaiting(async () => {
    const calls = async (error: object, failures: number): Promise<[number, unknown]> => {
      let made = 0;
      const overlay = client({
        look: async () =>
          ++made > failures ? [null] : Promise.reject(Object.assign(new Error("the object moved"), error)),
      });
      const result = await overlay.look(["/a"]).catch((error: unknown) => error instanceof EditError && error.status);
      return [made, result];
    };
    assert.deepEqual(await calls({ retryable: true }, 3), [4, [null]]);
    assert.deepEqual(await calls({ retryable: true }, 10), [4, 503]);
    assert.deepEqual(
      await calls({ retryable: true, overloaded: true }, 10),
      [1, 503],
      "a call to an overloaded object is not repeated",
    );
    assert.deepEqual(
      await calls({}, 10),
      [1, 503],
      "a call with another error is not repeated, because it may have succeeded",
    );
  }));
