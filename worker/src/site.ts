// @kv-sync/worker/site: the assets of the version that this runs in.
//
//	import assets from "@kv-sync/worker/site";
//	export default { fetch: (request, env, ctx) => assets.fetch(request, env, ctx) };

import { createAssets, type Assets } from "./index";
import manifest from "./kv-sync-manifest.bin";

export type { Assets, Env } from "./index";

const assets: Assets = createAssets(manifest);
export default assets;
