// As router.ts, before a Worker whose site is written at run time: the binding
// has all that a binding of assets has, and the HTTP interface answers first.

import { env } from "cloudflare:workers";
import { readWriteAssets, serveEdits, type ReadWriteEnv } from "./overlay/site_edits";
import type { ReadWriteAssets } from "./overlay/read_write_assets";
import { route as routeBehind, type Routing } from "./router";

export { AssetBinding } from "./overlay/asset_binding";

/** The main module's default export, behind the site. */
export function route(main: unknown, routing: Routing): unknown {
  const bindings = env as unknown as ReadWriteEnv;
  const assets = readWriteAssets(bindings);
  const methods: ReadWriteAssets = {
    fetch: (request) => assets.fetch(request),
    get: (path) => assets.get(path),
    head: (path) => assets.head(path),
    put: (path, body, options) => assets.put(path, body, options),
    delete: (path, options) => assets.delete(path, options),
    list: (options) => assets.list(options),
    publish: (changes, by) => assets.publish(changes, by),
  };
  return routeBehind(main, routing, { assets: methods, first: (request) => serveEdits(request, bindings) });
}
