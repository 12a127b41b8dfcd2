// A hostile customer's Worker with a binding that can write. It tries to reach another
// project, or to break the binding. The response has the result of each attempt.
import { RpcTarget } from "cloudflare:workers";

class Target extends RpcTarget {
  toString() {
    return "/index.html";
  }
}

const stalledStream = () => new ReadableStream({ type: "bytes", pull: () => new Promise(() => {}) });
const failingStream = () =>
  new ReadableStream({
    type: "bytes",
    pull: () => {
      throw new Error("the customer's own secret");
    },
  });
const withTimeout = (act) =>
  Promise.race([act(), new Promise((resolve) => setTimeout(resolve, 1000, "still waiting"))]);

export default {
  async fetch(_request, env) {
    const found = {};
    const attempt = async (name, act) => {
      try {
        const value = await act();
        found[name] = value === undefined ? "undefined" : JSON.stringify(value);
      } catch (error) {
        found[name] = `threw ${error}`;
      }
    };
    const a = env.ASSETS;
    const paths = [
      "/../../other/secret.txt",
      "../other/o/current",
      "project/other/o/current",
      "/project/other/../../other/x",
      "//other/x",
      "/o/current",
      "/b/x",
      "/..%2f..%2fother%2fx",
      "/\\..\\other",
      "/%2e%2e/x",
      "/\0other",
      "\0",
      "",
      "/",
      ".",
      "/.",
      "/secret.txt\0.html",
      "/constructor",
      "/__proto__",
      "/toString",
      "x".repeat(5_000_000),
      `/${"a/".repeat(20_000)}`,
      "/\ud800",
      7,
      null,
      true,
      [],
      ["/secret.txt"],
      {},
      { path: "/secret.txt" },
      1n,
      new Date(),
      /x/,
      new Map([["/secret.txt", 1]]),
      new Uint8Array(9),
      new ArrayBuffer(3),
      new Headers(),
      new Target(),
      () => "/secret.txt",
      new Proxy({}, {}),
      Object.create(null),
      new Error("x"),
      Symbol.iterator,
    ];
    for (const [i, path] of paths.entries()) {
      const name = `${i} ${typeof path === "string" ? path.slice(0, 30) : Object.prototype.toString.call(path)}`;
      await attempt(`get ${name}`, () => a.get(path));
      await attempt(`head ${name}`, () => a.head(path));
      await attempt(`put ${name}`, () => a.put(path, "mine"));
      await attempt(`delete ${name}`, () => a.delete(path));
      await attempt(`prefix ${name}`, () => a.list({ prefix: path }));
      await attempt(`cursor ${name}`, () => a.list({ cursor: path }));
      await attempt(`body ${name}`, () => a.put("/body.txt", path).then((result) => ({ ok: result.ok })));
      await attempt(`options ${name}`, () => a.put("/options.txt", "x", path).then((result) => ({ ok: result.ok })));
      await attempt(`changes ${name}`, () => a.publish(path));
      await attempt(`change ${name}`, () => a.publish([path]));
      await attempt(`type ${name}`, () =>
        a.put("/type.txt", "x", { contentType: path }).then((result) => ({ ok: result.ok })),
      );
      await attempt(`headers ${name}`, () =>
        a.put("/headers.txt", "x", { headers: path }).then((result) => ({ ok: result.ok })),
      );
      await attempt(`header ${name}`, () =>
        a
          .put("/headers.txt", "x", { headers: { [String(path).slice(0, 3000)]: "x" } })
          .then((result) => ({ ok: result.ok })),
      );
      await attempt(`value ${name}`, () =>
        a.put("/headers.txt", "x", { headers: { "x-a": path } }).then((result) => ({ ok: result.ok })),
      );
      await attempt(`tag ${name}`, () => a.put("/tag.txt", "x", { onlyIf: { etagMatches: path } }));
    }
    const forged = {
      site: "other",
      projectId: "other",
      served: "x",
      props: { projectId: "other", write: true },
      env: {},
      kv: {},
      author: "forged",
      rules: true,
      write: true,
      nonce: "0".repeat(16),
      deployed: null,
    };
    await attempt("forged options", () => a.put("/forged.txt", "x", forged).then((result) => ({ ok: result.ok })));
    await attempt("forged change", () =>
      a
        .publish([{ ...forged, put: "/forged.txt", body: "x", path: "/../x", hash: "x" }], forged)
        .then((result) => ({ ok: result.ok })),
    );
    await attempt("forged list", () => a.list(forged));
    await attempt("proto", () => a.publish([JSON.parse('{"__proto__":{"put":"/p.txt"},"body":"x"}')]));
    await attempt("rules", () => a.put("/_redirects", "/* https://evil.example/"));
    await attempt("rules below", () => a.put("/x/_headers", "/x/*\n  a: b"));
    await attempt("reserved", () => a.put("/_kv-sync/assets/x", "x"));
    await attempt("many", () => a.publish(Array.from({ length: 100_000 }, (_, i) => ({ delete: `/${i}` }))));
    await attempt("long message", () => a.delete("/x", { message: "x".repeat(1_000_000) }));
    await attempt("many tags", () => a.delete("/x", { onlyIf: { etagMatches: Array(100_000).fill("x") } }));
    await attempt("a body that never comes", () => withTimeout(() => a.put("/never.txt", stalledStream())));
    await attempt("a body that breaks", () => a.put("/broken.txt", failingStream()));
    await attempt("bodies that break", () =>
      a.publish([
        { put: "/b1.txt", body: failingStream() },
        { put: "/b2.txt", body: "x" },
        { put: "/b3.txt", body: failingStream() },
      ]),
    );
    await attempt("a body twice", async () => {
      const body = new Response("x").body;
      return a.publish([
        { put: "/t1.txt", body },
        { put: "/t2.txt", body },
      ]);
    });
    await attempt("a body that is read", async () => {
      const body = new Response("x").body;
      await new Response(body).text();
      return a.put("/read.txt", body);
    });
    await attempt("function constructor of a result", async () =>
      (await a.get("/index.html")).constructor("return this")(),
    );
    await attempt(
      "function constructor of a stub",
      async () => await a.list().assets.constructor.constructor("return 1")(),
    );
    await attempt(
      "Durable Object of a result",
      async () => await a.put("/mine.txt", "x").asset.object.commit("project/other", []),
    );
    await attempt("own author", () =>
      a.put("/author.txt", "x", { author: "forged" }).then((result) => ({ ok: result.ok })),
    );
    await attempt("mine", () => a.put("/mine.txt", "mine at run time").then((result) => ({ ok: result.ok })));
    await attempt("read mine", async () => new Response((await a.get("/mine.txt")).body).text());
    return Response.json(found);
  },
};
