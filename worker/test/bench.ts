// `npm run bench` in worker/ measures the cost of serving: the CPU time of the workerd
// process. It compares kv-sync with other ways to serve files on Workers. Each contender
// has its own process. In each round, all contenders get the same requests, one after
// another.
//
// Other load on the machine only increases a cost, so the report has the lowest cost. Other
// load affects all contenders of a round, so the ratios are computed in each round, and the
// report has their median. Two processes of the same Worker differ in compiled code and
// memory layout, so all processes are restarted several times.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { type Description, encodeManifest, sha256Hex } from "./encode";
import { encodeRoot, inParts } from "./encode_parts";
import { bundle, workerdBinary } from "./platform";

const sizes = (process.env["FILES"] ?? "10,1000,10000,100000").split(",").map(Number);
const starts = Number(process.env["STARTS"] ?? 4);
const rounds = Number(process.env["ROUNDS"] ?? 12);
const requestsInTurn = 250;
/** The number of warm-up requests of each kind. After these, V8 has compiled most of the code. */
const requestsToWarmUp = 4000;
const page = Buffer.alloc(4096, "x");
/** The number of files of the measured site. */
let current = 0;
/** The KV values of the measured projects, and the parts of manifests. */
const values = new Map<string, Buffer>();
const nonce = "0123456789abcdef";
const hash = sha256Hex(page);
const here = "../bench/serving";
type Kind = "200" | "304" | "404";
const kinds: Kind[] = ["200", "304", "404"];
/** The contender that is the baseline of each kind of response: a Worker that does the minimum. */
const baselineOf: Record<Kind, string> = { "200": "one KV get", "304": "from memory", "404": "from memory" };
const path = (i: number) => `/section-${i % 100}/page-${i}.html`;

/** One way to serve a site. */
interface Contender {
  name: string;
  /** Returns the members of the contender's service in workerd's configuration. */
  service(files: number, folder: string): string;
  /** Returns the pathname at which a file is served without a redirect. */
  pathnameOf: (file: string) => string;
  /** Whether the cost of a request grows with the number of files. Such a contender gets fewer requests. */
  grows?: true;
}

const stem = (file: string) => file.slice(0, -".html".length);
const same = (file: string) => file;

const loader = `(name = "LOADER", workerLoader = (id = "bench"))`;
const esbuildWasm = `, (name = "esbuild.wasm", wasm = embed "esbuild.wasm")`;

const only = process.env["ONLY"]?.split(",");
const contenders: Contender[] = (
  [
    { name: "one KV get", pathnameOf: stem, service: () => worker("kv_get.js", `(name = "KEY", text = "blob")`) },
    {
      name: "one KV get with a file's headers",
      pathnameOf: stem,
      service: () => worker("kv_file.js", `(name = "KEY", text = "blob")`),
    },
    { name: "from memory", pathnameOf: stem, service: () => worker("memory.js") },
    { name: "kv-sync", pathnameOf: stem, service: (files, folder) => kvSync(files, folder, 0) },
    { name: "kv-sync, kept in memory", pathnameOf: stem, service: (files, folder) => kvSync(files, folder) },
    { name: "kv-sync in parts", pathnameOf: stem, service: kvSyncInParts },
    { name: "kv-asset-handler", pathnameOf: same, service: kvAssetHandler, grows: true },
    {
      name: "worker-bundler recipe",
      pathnameOf: stem,
      service: () => worker("recipe.js", "", esbuildWasm),
      grows: true,
    },
    { name: "Static Assets", pathnameOf: stem, service: staticAssets },
    // Dynamic Workers: assets without code, a call of code without assets, and both.
    { name: "project without code", pathnameOf: stem, service: (files) => project("plain", files) },
    { name: "Dynamic Worker + memory", pathnameOf: stem, service: () => worker("loader_memory.js", loader) },
    {
      name: "Dynamic Worker + kv-sync",
      pathnameOf: stem,
      service: (files) =>
        project("app", files, "export default { fetch: (request, env) => env.ASSETS.fetch(request) };"),
    },
    {
      name: "Dynamic Worker + recipe",
      pathnameOf: stem,
      service: () => worker("loader_recipe.js", loader, esbuildWasm),
      grows: true,
    },
  ] as Contender[]
).filter(({ name }) => !only || only.includes(name));

function worker(main: string, bindings = "", modules = ""): string {
  return `worker = (compatibilityDate = "2026-01-01", compatibilityFlags = ["nodejs_compat"],
    modules = [(name = "main.js", esModule = embed "${main}")${modules}],
    bindings = [(name = "KV", kvNamespace = "kv")${bindings && `, ${bindings}`}])`;
}

function manifest(site: string, files: number, memory?: number): Description {
  const entries = Array.from({ length: files }, (_, i) => ({
    path: path(i),
    hash,
    nonce,
    size: page.length,
    modified: 1_700_000_000,
    type: "text/html; charset=utf-8",
  }));
  return { site, entries, memory_cache: memory };
}

/** All files have the same content, so without `memory` each response but the first two comes from memory. */
function kvSync(files: number, folder: string, memory?: number): string {
  return siteWorker(folder, `${files}-${memory ?? "kept"}.bin`, encodeManifest(manifest("bench", files, memory)));
}

/** The parts of up to 80,000 files are kept in memory. */
function kvSyncInParts(files: number, folder: string): string {
  const { bytes, parts } = encodeRoot(inParts(manifest("parted", files), 512, false));
  for (const [key, part] of parts) values.set(key, part);
  return siteWorker(folder, `${files}-root.bin`, bytes);
}

function siteWorker(folder: string, name: string, manifest: Buffer): string {
  writeFileSync(join(folder, name), manifest);
  const modules = `, (name = "kv-sync-manifest.bin", data = embed "${name}")`;
  return worker("kv_sync.js", `(name = "KV_SYNC_BLOBS", kvNamespace = "kv")`, modules);
}

/** Adds the KV values of a project, and returns the service of its loader. */
function project(id: string, files: number, js?: string): string {
  const served = encodeManifest(manifest(`project/${id}`, files));
  const ref = `${sha256Hex(served)}.${nonce}`;
  values.set(`project/${id}/b/${ref}`, served);
  const version = {
    format: 1,
    project: id,
    loader: `${id}:${"0".repeat(32)}`,
    served: ref,
    ...(js && { main: "index.js", compatibility_date: "2026-01-01", modules: { "index.js": { js } } }),
    kv_sync: {
      format: 1,
      site: `project/${id}`,
      deployment: "1",
      manifest: ref,
      source: "",
      worker: "",
      namespace: "",
      bindings: [],
      pruned: 0,
    },
  };
  const activations = [{ id: "1", time: "2026-11-21T00:00:00Z", version: ref, message: "kv-sync 1" }];
  values.set(`project/${id}/current`, Buffer.from(JSON.stringify({ format: 1, activations, version })));
  return worker(
    "loader.js",
    `${loader}, (name = "KV_SYNC_BLOBS", kvNamespace = "kv"), (name = "PROJECT", text = "${id}")`,
  );
}

function kvAssetHandler(files: number, folder: string): string {
  const manifest = Object.fromEntries(
    Array.from({ length: files }, (_, i) => [path(i).slice(1), `${path(i).slice(1, -5)}.${hash.slice(0, 10)}.html`]),
  );
  writeFileSync(join(folder, `${files}.json`), JSON.stringify(manifest));
  return worker("kv_asset_handler.js", "", `, (name = "__STATIC_CONTENT_MANIFEST", text = embed "${files}.json")`);
}

function staticAssets(files: number, folder: string): string {
  const root = join(folder, `public-${files}`);
  if (!existsSync(root)) {
    for (let i = 0; i < files; i++) {
      if (i < 100) mkdirSync(dirname(join(root, path(i))), { recursive: true });
      writeFileSync(join(root, path(i)), page);
    }
  }
  return `assets = (path = "${root}", config = "{}", compatibilityDate = "2026-01-01")`;
}

/**
 * Starts a KV server. The value of every key is the page, except that keys below no/such are missing. The key of the
 * recipe's manifest has the manifest of the measured site.
 */
function startKV(): Promise<http.Server> {
  let manifest = { files: 0, json: "" };
  const server = http.createServer((request, response) => {
    const value = values.get(decodeURIComponent(new URL(request.url!, "http://kv").pathname.slice(1)));
    if (value) return response.writeHead(200, { "content-length": value.length }).end(value);
    if (request.url!.includes("no%2Fsuch")) return response.writeHead(404).end();
    if (!request.url!.includes("manifest")) return response.writeHead(200, { "content-length": page.length }).end(page);
    if (manifest.files !== current) {
      const entry = { contentType: "text/html; charset=utf-8", etag: hash.slice(0, 16) };
      manifest = {
        files: current,
        json: JSON.stringify(Object.fromEntries(Array.from({ length: current }, (_, i) => [path(i), entry]))),
      };
    }
    return response.writeHead(200, { "content-length": manifest.json.length }).end(manifest.json);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** A contender's workerd. */
class Process {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  private constructor(
    readonly contender: Contender,
    readonly files: number,
    readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(contender: Contender, files: number, folder: string, kvPort: number): Promise<Process> {
    const config = join(folder, `${contenders.indexOf(contender)}-${files}.capnp`);
    writeFileSync(
      config,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "kv", external = (address = "127.0.0.1:${kvPort}", http = ())),
    (name = "main", ${contender.service(files, folder)})
  ],
  sockets = [(name = "main", address = "127.0.0.1:0", http = (), service = "main")]);\n`,
    );
    const child = spawn(workerdBinary, ["serve", "--experimental", "--control-fd=3", config], {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    });
    for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
      const event = JSON.parse(line) as { event: string; port: number };
      if (event.event === "listen") return new Process(contender, files, child, event.port);
    }
    throw new Error(`${contender.name}: workerd ended before it listened`);
  }

  /**
   * Returns the CPU seconds so far. The figures of threads are exact to a nanosecond, that of the process only to 10
   * ms.
   */
  cpu(): number {
    const tasks = `/proc/${this.child.pid}/task`;
    return readdirSync(tasks).reduce(
      (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]) / 1e9,
      0,
    );
  }

  request(path: string, headers: Record<string, string> = {}): Promise<{ status: number; etag: string }> {
    return new Promise((resolve, reject) => {
      const request = http.get(
        { host: "127.0.0.1", port: this.port, path, headers: { host: "example.com", ...headers }, agent: this.#agent },
        (response) => {
          response.resume();
          response.on("error", reject);
          response.on("end", () => resolve({ status: response.statusCode!, etag: response.headers.etag ?? '"tag"' }));
        },
      );
      request.on("error", reject);
    });
  }

  /** Returns the CPU seconds for 1,000 requests of a kind, or undefined if the contender does not support that kind. */
  async measure(kind: Kind, requests: number): Promise<number | undefined> {
    const at = this.contender.pathnameOf(path(0));
    const headers: Record<string, string> = kind === "304" ? { "if-none-match": (await this.request(at)).etag } : {};
    const target = (i: number) =>
      kind === "404"
        ? `/no/such/page-${i}`
        : kind === "304"
          ? at
          : this.contender.pathnameOf(path((i * 7919) % this.files));
    if (String((await this.request(target(0), headers)).status) !== kind) return undefined;
    const before = this.cpu();
    let next = 0;
    const client = async () => {
      while (next < requests) {
        const { status } = await this.request(target(next++), headers);
        if (String(status) !== kind) throw new Error(`${this.contender.name} answered ${status} instead of ${kind}`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    return ((this.cpu() - before) / requests) * 1000;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
  }
}

const folder = mkdtempSync(join(tmpdir(), "kv-sync-bench-"));
const kv = await startKV();
try {
  for (const name of [
    "kv_get.js",
    "kv_file.js",
    "memory.js",
    "recipe.js",
    "kv_asset_handler.js",
    "loader.js",
    "loader_memory.js",
    "loader_recipe.js",
  ]) {
    await build({
      entryPoints: [`${here}/workers/${name}`],
      outfile: join(folder, name),
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2024",
      conditions: ["workerd", "worker", "browser"],
      external: ["./esbuild.wasm", "__STATIC_CONTENT_MANIFEST", "node:*", "cloudflare:*"],
      logLevel: "error",
    });
  }
  await bundle("src/default.ts", join(folder, "kv_sync.js"));
  writeFileSync(
    join(folder, "esbuild.wasm"),
    readFileSync(`${here}/node_modules/@cloudflare/worker-bundler/dist/esbuild.wasm`),
  );

  const baselines = [...new Set(Object.values(baselineOf))].join(" (200) and ");
  console.log(
    `CPU seconds of workerd per 1,000 requests: the minimum of ${starts * rounds} turns, and the median of the\n` +
      `ratios to ${baselines} (304, 404) in the same round; a dash: not supported\n`,
  );
  console.log(`| files | | start | ${kinds.join(" | ")} |\n|---|---|---|${kinds.map(() => "---|").join("")}`);
  for (const files of sizes) await compare(files);
} finally {
  kv.close();
  kv.closeAllConnections();
  rmSync(folder, { recursive: true });
}

/** The results of a contender: CPU seconds until the first response, and for 1,000 requests in each round. */
interface Measured {
  start: number;
  costs: Record<Kind, (number | undefined)[]>;
}

/** Measures all contenders with a site of this size, and prints a row for each. */
async function compare(files: number): Promise<void> {
  current = files;
  const measured = new Map<string, Measured>();
  for (let start = 0; start < starts; start++) {
    // Contenders whose cost grows are too slow for several starts.
    await measureOnce(start === 0 ? contenders : contenders.filter(({ grows }) => !grows), files, measured);
  }
  for (const [name, { start, costs }] of measured) {
    const figures = kinds.map((kind) => figure(costs[kind], measured.get(baselineOf[kind])?.costs[kind]));
    console.log(`| ${files} | ${name} | ${start.toFixed(2)} | ${figures.join(" | ")} |`);
  }
}

async function measureOnce(contenders: Contender[], files: number, measured: Map<string, Measured>): Promise<void> {
  const running: Process[] = [];
  try {
    for (const contender of contenders) {
      const process = await Process.start(contender, files, folder, (kv.address() as AddressInfo).port);
      running.push(process);
      await process.request(contender.pathnameOf(path(0)));
      const before = measured.get(contender.name);
      if (before) before.start = Math.min(before.start, process.cpu());
      else measured.set(contender.name, { start: process.cpu(), costs: { "200": [], "304": [], "404": [] } });
    }
    for (const process of running) {
      for (const kind of kinds)
        await process.measure(kind, process.contender.grows ? slowTurn(files) : requestsToWarmUp);
    }
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) {
        for (const process of running) {
          const { name, grows } = process.contender;
          if (grows && round > 0) continue;
          measured.get(name)!.costs[kind].push(await process.measure(kind, grows ? slowTurn(files) : requestsInTurn));
        }
      }
      running.reverse(); // the order in a round must not favour a contender
    }
  } finally {
    for (const process of running) await process.stop();
  }
}

/** Returns the number of requests per turn for a contender whose cost grows with the number of files. */
function slowTurn(files: number): number {
  return Math.max(10, Math.min(1000, Math.round(100_000 / files)));
}

function figure(costs: (number | undefined)[], baseline: (number | undefined)[] | undefined): string {
  const known = costs.filter((cost) => cost !== undefined);
  if (known.length === 0) return "–";
  const minimum = Math.min(...known).toFixed(3);
  if (!baseline) return minimum; // ONLY excludes the baseline
  const ratios = known.map((cost, round) => cost / baseline[round]!).sort((a, b) => a - b);
  return `${minimum}, ${ratios[ratios.length >> 1]!.toFixed(2)}×`;
}
