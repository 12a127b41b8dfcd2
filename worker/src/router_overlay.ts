// Like router.ts, for a site with an overlay. The Worker's binding has all operations of an
// asset binding. Requests for the HTTP interface are answered first.

import { env } from "cloudflare:workers";
import type { ReadWriteAssets } from "./overlay/read_write_assets";
import { type ReadWriteEnv, readWriteAssets, serveEdits } from "./overlay/site_edits";
import { type Routing, route as routeRequests } from "./router";

export { AssetBinding } from "./overlay/asset_binding";

/** Wraps the main module's default export. */
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
  return routeRequests(main, routing, { assets: methods, first: (request) => serveEdits(request, bindings) });
}
