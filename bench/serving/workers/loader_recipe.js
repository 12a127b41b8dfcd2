// Cloudflare's example for static assets of Dynamic Workers, with the changes in recipe.js, and
// with its loader.
import { WorkerEntrypoint } from "cloudflare:workers";
import { handleAssetRequest } from "@cloudflare/worker-bundler";

export class AssetBinding extends WorkerEntrypoint {
  async fetch(request) {
    const { projectId } = this.ctx.props;
    const kv = this.env.KV;
    const stored = await kv.get(`project/${projectId}/manifest`, { type: "json", cacheTtl: 300 });
    if (!stored) return new Response("No assets found", { status: 404 });
    const storage = { get: (pathname) => kv.get(`project/${projectId}/assets${pathname}`, { type: "arrayBuffer", cacheTtl: 86_400 }) };
    const response = await handleAssetRequest(request, new Map(Object.entries(stored)), storage);
    return response ?? new Response("Not Found", { status: 404 });
  }
}

export default {
  async fetch(request, env, ctx) {
    const worker = env.LOADER.get("bench", async () => ({
      mainModule: "index.js",
      modules: { "index.js": { js: "export default { fetch: (request, env) => env.ASSETS.fetch(request) };" } },
      compatibilityDate: "2026-05-06",
      env: { ASSETS: ctx.exports.AssetBinding({ props: { projectId: "bench" } }) },
    }));
    return await worker.getEntrypoint().fetch(request);
  },
};
