// @kv-sync/worker serves a kv-sync site out of Workers KV as Cloudflare's Static
// Assets would. Most Workers want "@kv-sync/worker/site", which knows the
// manifest that was deployed with them.

export { type Assets, type Env } from "./serve/assets";
export { createAssets } from "./serve/site";
export { ManifestError } from "./format/manifest";
