// The lower bound: one read of KV and nothing else.
export default {
  async fetch(_request, env) {
    return new Response(await env.KV.get(env.KEY, { type: "stream", cacheTtl: 86_400 }));
  },
};
