// @kv-sync/worker/site has the assets of the Worker version that this code runs in.
//
//	import assets from "@kv-sync/worker/site";
//	export default { fetch: (request, env, ctx) => assets.fetch(request, env, ctx) };

import type { Assets } from "./index";
import { site } from "./serve/deployed_site";

export type { Assets, Env } from "./index";

const assets: Assets = site;
export default assets;
