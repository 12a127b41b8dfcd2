// Calls the operations of an asset binding, for tests.

import { after, before } from "node:test";
import type { AssetInfo } from "../asset_info";
import type { AssetList } from "../edit_list";
import type { AssetWithBody, PublishResult, WriteResult } from "../read_write_assets";
import { type Caller, World } from "./world";

export let world: World;
before(async () => void (world = await World.start()));
after(() => world.platform.stop());

export const put = (path: string, body: unknown, options?: object, caller: Caller = "WRITE") =>
  world.call<WriteResult>(caller, "put", path, body, options);
export const get = (path: string, caller: Caller = "WRITE") =>
  world.call<(Omit<AssetWithBody, "body"> & { body: string }) | null>(caller, "get", path);
export const head = (path: string, caller: Caller = "WRITE") => world.call<AssetInfo | null>(caller, "head", path);
export const list = (options?: object, caller: Caller = "WRITE") => world.call<AssetList>(caller, "list", options);
export const publish = (changes: object[], by?: object) => world.call<PublishResult>("WRITE", "publish", changes, by);
export const visit = async (path: string, service = "blog") => {
  const { status, body } = await world.platform.request(service, path);
  return [status, body];
};
/** Makes writes visible to visitors: waits until they are in KV, and starts new isolates. */
export const makeVisible = async () => {
  await world.published();
  await world.platform.restart();
};
