// Runs real workerd for the tests. A site is served by our default Worker, and optionally
// also by workerd's built-in Static Assets (the oracle). KV is a server in this process
// (kv_server.ts).

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
import { encodeRoot, inParts } from "./encode_parts";
import { KVServer } from "./kv_server";
import { blobKey, chunk, describe, nonce, type Site } from "./test_site";

const require = createRequire(import.meta.url);

/**
 * The path of workerd: that of package.json on Linux, or WORKERD on other systems. (package.json does not use the npm
 * package "workerd", which would add the binaries of all systems to the lockfile.)
 */
export const workerdBinary: string =
  process.env["WORKERD"] ??
  require.resolve(`@cloudflare/workerd-linux-${process.arch === "arm64" ? "arm64" : "64"}/bin/workerd`);

/** A Worker that is not a site. */
export interface OtherWorker {
  name: string;
  /** The name of a source file below worker/, or the source itself. */
  main: string | { source: string };
  /** Further bindings, in the syntax of workerd's configuration. */
  bindings?: string;
  /** The class of the Worker's Durable Objects, which use SQLite on disk. */
  durableObject?: string;
  compatibilityFlags?: string[];
}

/** A response. */
export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** A request. */
export interface RequestOptions {
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
  /** The output of workerd, including the Workers' console. */
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
    this.kv.server.keepAliveTimeout = 0; // workerd closes idle connections, so that no write meets a closed one
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

  /** Kills workerd with SIGKILL and starts it again. The ports change. */
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

  /** Waits for output of workerd, which may arrive after the response. */
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
      // resolveDir is worker/, so that imports of the package resolve.
      await bundle({ contents: site.worker, resolveDir: ".", loader: "ts" }, join(this.#folder, main));
    }
    const manifest = this.#manifest(site);
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
    const stamp = JSON.stringify(JSON.stringify(this.#stamp(site)));
    return `(name = "${site.name}", worker = (compatibilityDate = "2026-01-01",
      modules = [
        (name = "worker.js", esModule = embed "${main}"),
        (name = "kv-sync-manifest.bin", data = embed "${site.name}.bin")
      ],
      bindings = [
        (name = "KV_SYNC_BLOBS", kvNamespace = "kv"),
        (name = "KV_SYNC", json = ${stamp})${overlayBindings(site)}
      ]))`;
  }

  /** Encodes the manifest of a site. If it is in parts, also stores the parts. */
  #manifest(site: Site): Buffer {
    if (site.perPart === undefined) return encodeManifest(describe(site));
    const { bytes, parts } = encodeRoot(inParts(describe(site), site.perPart));
    for (const [key, part] of parts) this.kv.values.set(key, part);
    return bytes;
  }

  /** The stamp of the version. For a site with an overlay, it also stores the stored manifest. */
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
      ? `durableObjectNamespaces = [(className = "${durableObject}", uniqueKey = "${name}", enableSql = true)],
      durableObjectStorage = (localDisk = "objects"),`
      : "";
    return `(name = "${name}", worker = (compatibilityDate = "2026-01-01",
      compatibilityFlags = ${JSON.stringify(compatibilityFlags)},
      ${objects}
      modules = [(name = "worker.js", esModule = embed "${file}")],
      bindings = [
        (name = "KV_SYNC_BLOBS", kvNamespace = "kv"),
        (name = "LOADER", workerLoader = (id = "${name}"))${bindings && `, ${bindings}`}
      ]))`;
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
    return `(name = "oracle-${site.name}",
      assets = (path = "${root}", config = ${JSON.stringify(config)}, compatibilityDate = "2026-01-01"))`;
  }

  /** Returns the loopback port of a service. */
  port(service: string): number {
    const port = this.#ports.get(service);
    if (port === undefined) throw new Error(`there is no service ${service}`);
    return port;
  }

  /**
   * Sends a request with exactly this path to a service. workerd closes a connection that was idle for five seconds,
   * even if a request has just arrived on it. Such a request is sent again.
   */
  request(service: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    return this.#send(this.port(service), path, options);
  }

  #send(port: number, path: string, options: RequestOptions): Promise<Reply> {
    const { method = "GET", headers = {}, body } = options;
    return new Promise((resolve, reject) => {
      const request = http.request(
        { host: "127.0.0.1", port, path, method, headers: { host: "example.com", ...headers }, agent: this.#agent },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject); // also if the body is shorter than its Content-Length
          response.on("end", () =>
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      request.on("error", (error: NodeJS.ErrnoException) => {
        const closed = error.code === "ECONNRESET" || error.code === "EPIPE";
        if (closed && request.reusedSocket) resolve(this.#send(port, path, options));
        else reject(error);
      });
      request.end(body);
    });
  }

  /** Returns the peak memory of workerd, in bytes. */
  peakMemory(): number {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#process!.pid}/status`, "utf8"))![1]) * 1024;
  }

  /** Kills workerd with SIGKILL. */
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

/** The binding to the Durable Objects of the Worker "companion". */
export const overlayBinding =
  '(name = "KV_SYNC_OVERLAY", durableObjectNamespace = (className = "Overlay", serviceName = "companion"))';

/** The companion with a clock that tests can advance. */
export const companion: OtherWorker = {
  name: "companion",
  main: "src/overlay/test/companion.ts",
  durableObject: "Overlay",
  bindings: '(name = "OVERLAYS", durableObjectNamespace = "Overlay")',
};

/** Returns the further bindings of a site that can be written at run time. */
function overlayBindings({ edits }: Site): string {
  if (!edits) return "";
  const token =
    edits.token === undefined ? "" : `, (name = "KV_SYNC_WRITE_TOKEN", text = ${JSON.stringify(edits.token)})`;
  return `, ${overlayBinding}${token}`;
}

/** Bundles a module like the Go side. The manifest stays an external module. */
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
