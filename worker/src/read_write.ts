// @kv-sync/worker/read-write: the site of the version that this runs in, to be
// written as well as read. docs/read-write-assets.md tells how to use it.

export { AssetBinding } from "./overlay/asset_binding";
export type { AssetInfo } from "./overlay/asset_info";
export type { Authorship, OnlyIf, PutOptions } from "./overlay/edit_checks";
export type { AssetList } from "./overlay/edit_list";
export type * from "./overlay/read_write_assets";
export { readWriteAssets, serveEdits, type ReadWriteEnv } from "./overlay/site_edits";
