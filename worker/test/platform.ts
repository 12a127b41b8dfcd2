// Real workerd for the tests: each site once under our default Worker and once,
// where asked for, under workerd's built-in Static Assets. KV is a server in
// this process, which workerd's KV binding reads over HTTP, so that a test sees
// each read and can make it fail.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build, type StdinOptions } from "esbuild";
import { encodeListing, encodeManifest, sha256Hex } from "./encode";
import { KVServer } from "./kv_server";
import { blobKey, chunk, describe, nonce, type Site } from "./test_site";

const require = createRequire(import.meta.url);

/**
 * The workerd that package.json pins, or WORKERD where it has none to offer.
 * (Not npm's package "workerd": it wants those of all systems in the lockfile.)
 */
export const workerdBinary: string =
  process.env["WORKERD"] ??
  require.resolve(`@cloudflare/workerd-linux-${process.arch === "arm64" ? "arm64" : "64"}/bin/workerd`);

/** A Worker that is no site: a platform, or what a test needs. */
export interface OtherWorker {
  name: string;
  /** Its TypeScript, or the name of the file that holds it, below worker/. */
  main: string | { source: string };
  /** Bindings and modules beside it, as workerd's configuration says them. */
  bindings?: string;
  /** The class of Durable Objects that it has, with SQLite on disk. */
  durableObject?: string;
  compatibilityFlags?: string[];
}

/** A response as it came over the wire. */
export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** What a test asks for. */
export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** A running workerd. */
export class Platform {
  readonly kv = new KVServer();
  readonly #ports = new Map<string, number>();
  readonly #agent = new http.Agent({ keepAlive: true });
  #folder = "";
  #names: string[] = [];
  #process: ChildProcess | undefined;
  /** What workerd wrote to stderr and stdout, the Workers' console among it. */
  log = "";

  static async start(sites: Site[], oracles: Site[], others: OtherWorker[] = []): Promise<Platform> {
    const platform = new Platform();
    try {
      await platform.#start(sites, oracles, others);
      return platform;
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  async #start(sites: Site[], oracles: Site[], others: OtherWorker[]): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), "kv-sync-worker-"));
    await new Promise<void>((resolve) => this.kv.server.listen(0, "127.0.0.1", resolve));
    await bundle("src/default.ts", join(this.#folder, "worker.js"));

    mkdirSync(join(this.#folder, "objects"));
    const kvPort = (this.kv.server.address() as AddressInfo).port;
    const services = [
      `(name = "kv", external = (address = "127.0.0.1:${kvPort}", http = ()))`,
      `(name = "objects", disk = (path = "${join(this.#folder, "objects")}", writable = true))`,
    ];
    for (const site of sites) services.push(await this.#ours(site));
    for (const site of oracles) services.push(this.#oracle(site));
    for (const other of others) services.push(await this.#other(other));
    this.#names = [
      ...sites.map(({ name }) => name),
      ...others.map(({ name }) => name),
      ...oracles.map(({ name }) => `oracle-${name}`),
    ];
    const sockets = this.#names.map(
      (name) => `(name = "${name}", address = "127.0.0.1:0", http = (), service = "${name}")`,
    );
    writeFileSync(
      this.#config,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${services.join(",\n")}], sockets = [${sockets.join(",\n")}]);\n`,
    );

    await this.#run();
  }

  /** Ends workerd as kill -9 does, and starts it again. The ports are others then. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#run();
  }

  async #run(): Promise<void> {
    this.#ports.clear();
    const child = spawn(workerdBinary, ["serve", "--experimental", "--control-fd=3", this.#config], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    this.#process = child;
    const note = (chunk: Buffer) => (this.log += chunk);
    child.stdout!.on("data", note);
    child.stderr!.on("data", note);
    const exited = new Promise<never>((_, reject) =>
      child.once("exit", (code) => reject(new Error(`workerd ended with ${code} before it listened:\n${this.log}`))),
    );
    exited.catch(() => undefined);
    const listening = (async () => {
      for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
        const event = JSON.parse(line) as { event: string; socket: string; port: number };
        if (event.event === "listen") this.#ports.set(event.socket, event.port);
        if (this.#ports.size === this.#names.length) return;
      }
    })();
    await Promise.race([listening, exited]);
  }

  /** Waits for what workerd prints: that comes by another way than its answers, and may be later. */
  async logged(text: RegExp): Promise<void> {
    for (const end = Date.now() + 120_000; !text.test(this.log); ) {
      if (Date.now() > end) throw new Error(`${text} is not in the log:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  get #config(): string {
    return join(this.#folder, "config.capnp");
  }

  async #ours(site: Site): Promise<string> {
    let main = "worker.js";
    if (site.worker !== undefined) {
      main = `${site.name}.js`;
      // Below worker/, so that its own name resolves by the exports of package.json.
      await bundle({ contents: site.worker, resolveDir: ".", loader: "ts" }, join(this.#folder, main));
    }
    const manifest = encodeManifest(describe(site));
    site.damage?.(manifest);
    writeFileSync(join(this.#folder, `${site.name}.bin`), manifest);
    for (const content of Object.values({ ...site.files, ...site.retired })) {
      this.kv.values.set(blobKey(site.name, content), Buffer.from(content as Uint8Array));
    }
    for (const { content, size } of Object.values(site.chunked ?? {})) {
      const index = chunk(content, size);
      this.kv.values.set(`${site.name}/b/${index.hash}.${nonce}`, index.bytes);
      for (const { key, content } of index.chunks) this.kv.values.set(`${site.name}/b/${key}`, Buffer.from(content));
    }
    return `(name = "${site.name}", worker = (compatibilityDate = "2026-01-01",
      modules = [(name = "worker.js", esModule = embed "${main}"), (name = "kv-sync-manifest.bin", data = embed "${site.name}.bin")],
      bindings = [(name = "KV_SYNC_BLOBS", kvNamespace = "kv"), (name = "KV_SYNC", json = ${JSON.stringify(JSON.stringify(this.#stamp(site)))})${overlayBindings(site)}]))`;
  }

  /** What the version says of itself; where the overlay is written, what is deployed is stored too. */
  #stamp(site: Site): object {
    if (!site.edits) return {};
    const stored = encodeListing(describe(site));
    const ref = `${sha256Hex(stored)}.${nonce}`;
    this.kv.values.set(`${site.name}/m/${ref}`, stored);
    const { write, rules } = site.edits;
    return { manifest: ref, overlay: { protocol: 1, code: "", write, rules } };
  }

  async #other({ name, main, bindings = "", durableObject, compatibilityFlags = [] }: OtherWorker): Promise<string> {
    const file = `other-${name}.js`;
    await bundle(
      typeof main === "string" ? main : { contents: main.source, resolveDir: ".", loader: "ts" },
      join(this.#folder, file),
    );
    const objects = durableObject
      ? `durableObjectNamespaces = [(className = "${durableObject}", uniqueKey = "${name}", enableSql = true)], durableObjectStorage = (localDisk = "objects"),`
      : "";
    return `(name = "${name}", worker = (compatibilityDate = "2026-01-01", compatibilityFlags = ${JSON.stringify(compatibilityFlags)}, ${objects}
      modules = [(name = "worker.js", esModule = embed "${file}")],
      bindings = [(name = "KV_SYNC_BLOBS", kvNamespace = "kv"), (name = "LOADER", workerLoader = (id = "${name}"))${bindings && `, ${bindings}`}]))`;
  }

  #oracle(site: Site): string {
    const root = join(this.#folder, `oracle-${site.name}`);
    mkdirSync(root);
    for (const [path, content] of Object.entries(site.files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    const config = JSON.stringify({
      html_handling: site.html,
      not_found_handling: site.notFound ?? "404-page",
      redirects: site.redirects,
      headers: site.headers,
    });
    return `(name = "oracle-${site.name}", assets = (path = "${root}", config = ${JSON.stringify(config)}, compatibilityDate = "2026-01-01"))`;
  }

  /** The port of a service on loopback. */
  port(service: string): number {
    const port = this.#ports.get(service);
    if (port === undefined) throw new Error(`there is no service ${service}`);
    return port;
  }

  /** Sends a request with this very path to a service. */
  ask(service: string, path: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<Reply> {
    const port = this.port(service);
    return new Promise((resolve, reject) => {
      const request = http.request(
        { host: "127.0.0.1", port, path, method, headers: { host: "example.com", ...headers }, agent: this.#agent },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject); // also where it ends short of its Content-Length
          response.on("end", () =>
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  /** The most memory that workerd ever had, in bytes. */
  peakMemory(): number {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#process!.pid}/status`, "utf8"))![1]) * 1024;
  }

  /** Ends workerd as kill -9 does. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.kv.server.close();
    this.kv.server.closeAllConnections();
    await this.kill();
    if (this.#folder) rmSync(this.#folder, { recursive: true });
  }
}

/** The bindings of a site whose overlay is written, beside those that every site has. */
function overlayBindings({ edits }: Site): string {
  if (!edits) return "";
  const token =
    edits.token === undefined ? "" : `, (name = "KV_SYNC_WRITE_TOKEN", text = ${JSON.stringify(edits.token)})`;
  return `, (name = "KV_SYNC_OVERLAY", durableObjectNamespace = (className = "Overlay", serviceName = "companion"))${token}`;
}

/** Bundles a module as the Go side does: the manifest stays outside. */
export async function bundle(entry: string | StdinOptions, outfile: string): Promise<void> {
  await build({
    ...(typeof entry === "string" ? { entryPoints: [entry] } : { stdin: entry }),
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    external: ["./kv-sync-manifest.bin", "cloudflare:*", "node:*"],
    logLevel: "warning",
  });
}
