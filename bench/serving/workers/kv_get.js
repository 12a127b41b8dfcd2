// The lower bound: it reads one value from KV and sends it without headers.
export default {
  async fetch(_request, env) {
    return new Response(await env.KV.get(env.KEY, { type: "stream", cacheTtl: 86_400 }));
  },
};
