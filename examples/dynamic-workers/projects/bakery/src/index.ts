// The bakery's Dynamic Worker. It has one API path, and serves its assets for other paths.

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
