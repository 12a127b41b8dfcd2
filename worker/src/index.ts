// @kv-sync/worker serves a kv-sync site from Workers KV as Cloudflare's Static
// Assets would. Most Workers use "@kv-sync/worker/site" instead, which already has the
// deployed manifest.

export { ManifestError } from "./format/manifest";
export type { Assets, Env } from "./serve/assets";
export { createAssets } from "./serve/site";
