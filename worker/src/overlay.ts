// @kv-sync/worker/overlay is the main module of a companion script. The script has only the
// Durable Object of overlays. It does not serve HTTP requests.

export { type OverlayEnv, OverlayObject as Overlay } from "./overlay/overlay_object";

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler;
