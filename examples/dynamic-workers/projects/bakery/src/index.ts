// The bakery's Dynamic Worker: an answer of its own, and its assets.

interface Env {
  ASSETS: Fetcher;
  OPENS: string;
}

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/api/hours") return Response.json({ opens: env.OPENS });
    return env.ASSETS.fetch(request);
  },
} satisfies ExportedHandler<Env>;
