// @kv-sync/worker/overlay: the main module of a companion script, which holds
// nothing but the Durable Object of overlays. Nobody is to ask it over HTTP.

export { OverlayObject as Overlay, type OverlayEnv } from "./overlay/overlay_object";

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler;
