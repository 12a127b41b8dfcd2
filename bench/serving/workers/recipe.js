// Cloudflare's example for static assets of Dynamic Workers, without a loader. It has two changes,
// because the example does not run as published: the manifest is stored as an object and read into
// a Map, and the storage does not use `this`.
import { handleAssetRequest } from "@cloudflare/worker-bundler";

export default {
  async fetch(request, env) {
    const stored = await env.KV.get("project/bench/manifest", { type: "json", cacheTtl: 300 });
    const storage = {
      get: (pathname) => env.KV.get(`project/bench/assets${pathname}`, { type: "arrayBuffer", cacheTtl: 86_400 }),
    };
    const response = await handleAssetRequest(request, new Map(Object.entries(stored)), storage);
    return response ?? new Response("Not Found", { status: 404 });
  },
};
