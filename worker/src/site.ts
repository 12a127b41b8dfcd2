// @kv-sync/worker/site: the assets of the version that this runs in.
//
//	import assets from "@kv-sync/worker/site";
//	export default { fetch: (request, env, ctx) => assets.fetch(request, env, ctx) };

import { site } from "./serve/deployed_site";
import type { Assets } from "./index";

export type { Assets, Env } from "./index";

const assets: Assets = site;
export default assets;
