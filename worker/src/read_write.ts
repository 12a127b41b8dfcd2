// @kv-sync/worker/read-write reads and writes the assets of the site that this code runs in.
// docs/read-write-assets.md describes how to use it.

export { AssetBinding } from "./overlay/asset_binding";
export type { AssetInfo } from "./overlay/asset_info";
export type { Authorship, OnlyIf, PutOptions } from "./overlay/edit_checks";
export type { AssetList } from "./overlay/edit_list";
export type * from "./overlay/read_write_assets";
export { type ReadWriteEnv, readWriteAssets, serveEdits } from "./overlay/site_edits";
