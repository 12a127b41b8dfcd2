// A hostile customer's Worker that tries to reach other projects and the platform. The
// response has the result of each attempt.
export default {
  async fetch(_request, env) {
    const found = {};
    const attempt = async (name, act) => {
      try {
        let value = await act();
        if (value instanceof Response)
          value = { status: value.status, headers: [...value.headers], body: await value.text() };
        found[name] =
          typeof value === "function"
            ? `function ${value.name}`
            : value === undefined
              ? "undefined"
              : (JSON.stringify(value) ?? String(value));
      } catch (error) {
        found[name] = `threw ${error}`;
      }
    };
    const names = new Set([
      "env",
      "ctx",
      "props",
      "kv",
      "exports",
      "namespace",
      "site",
      "sites",
      "options",
      "serveAssets",
      "openSite",
      "KV_SYNC_BLOBS",
      "LOADER",
      "get",
      "head",
      "put",
      "list",
      "delete",
      "publish",
      "write",
      "edits",
      "bindings",
      "#bindings",
      "call",
      "projectId",
      "served",
      "dup",
      "test",
      "tail",
      "trace",
      "queue",
      "scheduled",
      "alarm",
      "email",
      "connect",
      "tailStream",
      "webSocketMessage",
      "#private",
      "0",
      "then",
      "__proto__",
      "prototype",
      "",
    ]);
    for (const object of [Object.prototype, Function.prototype, Object, env.ASSETS]) {
      for (let at = object; at; at = Object.getPrototypeOf(at))
        for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    }
    const forged = { projectId: "other", props: { projectId: "other" } };
    for (const name of names) {
      if (name === "fetch") continue;
      await attempt(`get ${name}`, () => env.ASSETS[name]);
      await attempt(`call ${name}`, () => env.ASSETS[name](forged, "project/other/current"));
      await attempt(`path ${name}`, () => env.ASSETS.env[name]);
    }
    await attempt("connect", async () => (await env.ASSETS.connect("other:80").opened, "connected"));
    await attempt("call itself", () => env.ASSETS({ props: { projectId: "other" } }).fetch("http://x/secret.txt"));
    await attempt("new", () =>
      new env.ASSETS.constructor({ props: { projectId: "other" } }, env).fetch("http://x/secret.txt"),
    );
    await attempt(
      "set props",
      () => ((env.ASSETS.props = { projectId: "other" }), env.ASSETS.fetch("http://x/secret.txt")),
    );
    await attempt("fetch with props", () =>
      env.ASSETS.fetch("http://x/secret.txt", { props: { projectId: "other" }, cf: { props: { projectId: "other" } } }),
    );
    for (const url of [
      "http://other/secret.txt",
      "http://other.example.com/secret.txt",
      "http://x/other/secret.txt",
      "http://x/project/other/current",
      "http://x/../../other/secret.txt",
      "http://x/..%2f..%2fother%2fsecret.txt",
      "http://x/%2e%2e/%2e%2e/project/other/current",
      "http://x//other/secret.txt",
      "http://x/..\\..\\other\\secret.txt",
      "http://x/%00",
      "http://x/%zz",
      "http://x/__proto__",
      "http://x/constructor",
      "http://x/secret.txt?projectId=other",
      "http://x/secret.txt#other",
      "http://other@x/secret.txt",
      "project/other/b/x",
      "file:///etc/passwd",
      `http://x/${"a/".repeat(4000)}`,
    ]) {
      await attempt(`fetch ${url.slice(0, 60)}`, () => env.ASSETS.fetch(url));
    }
    for (const name of [
      "host",
      "x-project",
      "x-props",
      "x-way",
      "cookie",
      "authorization",
      "cf-worker",
      "x-forwarded-host",
      "forwarded",
      "range",
      "if-none-match",
    ]) {
      await attempt(`header ${name}`, () =>
        env.ASSETS.fetch("http://x/secret.txt", { headers: { [name]: name === "host" ? "other" : "binding" } }),
      );
    }
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "PROPFIND"]) {
      await attempt(`method ${method}`, () =>
        env.ASSETS.fetch("http://x/index.html", { method, body: method === "OPTIONS" ? undefined : "secret" }),
      );
    }
    await attempt("the network", () => fetch("http://127.0.0.1:1/"));
    await attempt("the loader's bindings", async () => Object.keys(env));
    await attempt("its modules", async () => Object.keys((await import("cloudflare:workers")).env));
    await attempt("its exports", async () => Object.keys((await import("cloudflare:workers")).exports ?? {}));
    await attempt("upgrade", () => env.ASSETS.fetch("http://x/secret.txt", { headers: { upgrade: "websocket" } }));
    return Response.json(found);
  },
};
