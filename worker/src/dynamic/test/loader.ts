// The main module of a test platform. The first label of the host is the project. Request
// headers choose options.

import { type AssetBindingProps, assetBinding, loadProject, serveProject } from "../../dynamic";

export { AssetBinding, ProjectLog } from "../../dynamic";

interface Env {
  KV_SYNC_BLOBS: KVNamespace;
  OTHER_KV: KVNamespace;
  LOADER: WorkerLoader;
}

/** An asset binding that reads another namespace. */
export const OtherBinding = assetBinding<Env>({ kv: (env) => env.OTHER_KV });

export default {
  async fetch(request, env, ctx) {
    const projectId = request.headers.get("x-project") ?? new URL(request.url).hostname.split(".")[0]!;
    const exports = ctx.exports as unknown as Record<
      "AssetBinding" | "OtherBinding",
      (binding: { props: AssetBindingProps }) => Fetcher
    >;
    const props = request.headers.get("x-props");
    switch (request.headers.get("x-way")) {
      case "binding": // like a platform that does not check props
        return exports.AssetBinding({ props: JSON.parse(props!) as AssetBindingProps }).fetch(request);
      case "other binding":
        return exports.OtherBinding({ props: { projectId } }).fetch(request);
      case "by hand": {
        const project = await loadProject(projectId, { ttl: 60 });
        if (!project?.hasCode) return new Response("no code", { status: 404 });
        const worker = env.LOADER.get(project.id, () =>
          project.code({ ASSETS: exports.AssetBinding({ props: project.props }) }),
        );
        return worker.getEntrypoint().fetch(request);
      }
      case "describe": {
        const project = await loadProject(projectId, { ttl: 0 });
        return Response.json({ id: project?.id, hasCode: project?.hasCode });
      }
      case "code": {
        const project = await loadProject(projectId, { ttl: Number(request.headers.get("x-ttl") ?? 30) });
        const code = await project?.code({ GIVEN: 1, GREETING: "given" });
        const modules = Object.entries(code?.modules ?? {}).map(([name, module]) => {
          const [kind, content] = Object.entries(module as WorkerLoaderModule)[0]!;
          return [name, kind, typeof content === "string" ? content : [...new Uint8Array(content as ArrayBuffer)]];
        });
        return Response.json({ ...code, modules, id: project?.id, props: project?.props });
      }
    }
    const ttl = request.headers.get("x-ttl");
    const response = await serveProject(request, projectId, env, ctx, ttl ? { ttl: Number(ttl) } : {});
    return response ?? new Response("the platform's own answer", { status: 404 });
  },
} satisfies ExportedHandler<Env>;
