// A platform in real workerd for tests, and functions to deploy and request its projects.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { Platform, type RequestOptions } from "../../../test/platform";
import { uploadWorker } from "../../deploy/test/project_vectors";
import type { Deploy } from "../../deploy/test/upload";

/** Code that answers /who, and otherwise serves the assets. */
export const forward = `export default { fetch: (request, env) => new URL(request.url).pathname === '/who'
  ? new Response('VERSION ' + (env.NAME ?? '')) : env.ASSETS.fetch(request) };`;

export let platform: Platform;
export let clock = Date.UTC(2026, 10, 21);

before(async () => {
  platform = await Platform.start(
    [],
    [],
    [
      uploadWorker,
      { name: "loader", main: "src/dynamic/test/loader.ts", bindings: `(name = "OTHER_KV", kvNamespace = "kv")` },
      {
        name: "bare",
        main: {
          source: `import { serveProject } from "@kv-sync/worker/dynamic";
          export default { fetch: (r, env, ctx) =>
            serveProject(r, "x", r.headers.has("x-nothing") ? {} : env, ctx)
              .catch((error) => new Response(error.message)) };`,
        },
      },
      {
        name: "outbound",
        main: {
          source: `import { serveProject } from "@kv-sync/worker/dynamic";
          import { WorkerEntrypoint } from "cloudflare:workers";
          export { AssetBinding } from "@kv-sync/worker/dynamic";
          export class Outbound extends WorkerEntrypoint {
            fetch(r) { return new Response("the platform answers for " + r.url); }
          }
          export default { fetch: (r, env, ctx) => {
            const plan = r.headers.get("x-plan");
            const options = { globalOutbound: ctx.exports.Outbound({}), env: { PLAN: plan }, revision: plan };
            return serveProject(r, "net", env, ctx, options);
          } };`,
        },
      },
    ],
  );
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset(new Map()));

export const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Deploys texts, and optionally code, one hour after the previous deploy. */
export async function deploy(
  project: string,
  files: Record<string, string>,
  js?: string,
  options: Deploy["options"] = {},
) {
  clock += 3_600_000;
  const body: Deploy = {
    project,
    now: clock,
    random: "00c0ffee",
    files: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, base64(text)])),
    ...(js && { code: { main: "index.js", modules: { "index.js": { js } }, compatibilityDate: "2026-01-01" } }),
    options,
  };
  const reply = await platform.request("upload", "/", { method: "POST", body: JSON.stringify(body) });
  const answer = JSON.parse(reply.body) as Record<string, unknown> & {
    error?: string;
    version: string;
    loader: string;
    deployment: string;
    removed: number;
    retired: number;
    uploaded: number;
    unchanged: number;
    noChange: boolean;
    name: string;
    problems?: { path: string; reason: string }[];
  };
  return { ...answer, status: reply.status };
}

/** Deploys, and fails the test if the deploy fails. */
export async function mustDeploy(...args: Parameters<typeof deploy>) {
  const result = await deploy(...args);
  assert.equal(result.status, 200, `${result.error}`);
  return result;
}

export const logged = (text: RegExp) => platform.logged(text);

export const request = (project: string, path: string, { headers, ...more }: RequestOptions = {}) =>
  platform.request("loader", path, { ...more, headers: { host: `${project}.example.com`, ...headers } });
export const reads = () => platform.kv.reads.map(({ key }) => key.replace(/[0-9a-f]{64}\.[0-9a-f]{16}$/, "…"));
export const value = (key: string) =>
  JSON.parse(platform.kv.values.get(key)!.toString()) as {
    activations: { id: string; version: string; message: string }[];
    version: Record<string, unknown>;
  };
