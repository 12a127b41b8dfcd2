// @kv-sync/worker/overlay: the main module of a companion script, which only has
// the Durable Object of overlays. It does not answer HTTP requests.

export { type OverlayEnv, OverlayObject as Overlay } from "./overlay/overlay_object";

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler;
