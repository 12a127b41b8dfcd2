// Workers Sites. It does not use the edge cache, because the local runtime has none.
import { getAssetFromKV } from "@cloudflare/kv-asset-handler";
import manifest from "__STATIC_CONTENT_MANIFEST";

export default {
  async fetch(request, env, ctx) {
    try {
      return await getAssetFromKV(
        { request, waitUntil: (promise) => ctx.waitUntil(promise) },
        { ASSET_NAMESPACE: env.KV, ASSET_MANIFEST: manifest, cacheControl: { bypassCache: true } },
      );
    } catch (error) {
      if (error.status === 404) return new Response(null, { status: 404 });
      throw error;
    }
  },
};
