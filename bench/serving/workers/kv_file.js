// Reads one value from KV and sends it with the headers that kv-sync sends, which are constants here.
export default {
  async fetch(_request, env) {
    const body = await env.KV.get(env.KEY, { type: "stream", cacheTtl: 86_400 });
    return new Response(body, {
      headers: {
        ETag: '"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"',
        "Cache-Control": "public, max-age=0, must-revalidate",
        "Content-Type": "text/html; charset=utf-8",
        "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "Accept-Ranges": "bytes",
        "Content-Length": "4096",
      },
    });
  },
};
