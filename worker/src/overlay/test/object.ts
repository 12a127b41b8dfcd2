// Calls the Durable Object of an overlay, for tests.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { sha256Hex } from "../../../test/encode";
import type { CommitResult, OverlayChange, OverlayEntry } from "../../format/overlay_entry";
import { World } from "./world";

export let world: World;
/** Each test has its own site. */
export let site = "s0";
export let made = 0;
export const hour = 3_600_000;

before(async () => void (world = await World.start()));
after(() => world.platform.stop());
beforeEach(async () => {
  world.platform.kv.reset();
  site = `s${++made}`;
  await at(0);
});

export const nonce = (ago = 0) =>
  Math.floor((Date.now() - ago) / 1000)
    .toString(16)
    .padStart(8, "0") + (++made).toString(16).padStart(8, "0");
export const content = (text: string, more: object = {}) => ({
  hash: sha256Hex(text),
  size: text.length,
  type: "text/plain",
  chunks: undefined,
  headers: [],
  rules: undefined,
  ...more,
});
export const change = (path: string, text: string | undefined, more: Partial<OverlayChange> = {}): OverlayChange => ({
  path,
  nonce: nonce(),
  content: text === undefined ? undefined : content(text),
  deployed: null,
  onlyIf: undefined,
  ...more,
});
export const object = <T>(method: string, ...args: unknown[]) => world.object<T>(method, args, { name: site });
export const commit = (...changes: OverlayChange[]) => object<CommitResult>("commit", site, changes, {});
export const refused = async (...changes: OverlayChange[]) => {
  const error = await commit(...changes).then(
    () => assert.fail("the commit was accepted"),
    (error: Error) => error,
  );
  return `${error.name}: ${error.message}`;
};
export const look = async (...paths: string[]) =>
  (await object<(OverlayEntry | null)[]>("look", site, paths)).map(
    (entry) => entry && (entry.content?.hash ?? "tombstone"),
  );
export const at = (ahead: number) => world.object("look", [site, []], { name: site, ahead });
export const alarm = () => object<number>("runAlarm");
export const store = ({ nonce, content }: OverlayChange) =>
  world.platform.kv.values.set(`${site}/o/b/${content!.hash}.${nonce}`, Buffer.from("x"));
export const stored = () => world.blobs(site).length;
