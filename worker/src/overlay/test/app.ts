// A site's own Worker behind the router. It makes the calls of a test through env.ASSETS.

import { route } from "../../router_overlay";
import type { ReadWriteAssets } from "../read_write_assets";
import { type Call, makeCalls } from "./calls";

export { AssetBinding } from "../../router_overlay";

const main = {
  async fetch(
    request: Request,
    env: { ASSETS: ReadWriteAssets },
    ctx: { exports: Record<string, (binding: { props: unknown }) => ReadWriteAssets> },
  ) {
    const url = new URL(request.url);
    if (url.pathname !== "/calls") return new Response("the Worker's own answer", { status: 418 });
    const { calls, atOnce, props } = await request.json<{ calls: Call[]; atOnce: boolean; props?: unknown }>();
    // With props, use the exported entrypoint, else the Worker's own binding.
    const assets = props === undefined ? env.ASSETS : ctx.exports["AssetBinding"]!({ props });
    return Response.json(await makeCalls(assets, calls, atOnce));
  },
};

export default route(main, { binding: "ASSETS", worker: ["/calls"] });
