// A KV server for workerd over HTTP. A test sees each call, and can make it fail.

import http from "node:http";

export class KVServer {
  readonly values = new Map<string, Buffer>();
  /** All reads with their cacheTtl, in order. */
  reads: { key: string; ttl: number }[] = [];
  /** The number of values that are being sent. */
  open = 0;
  /** Chooses the fault of a read, if any. `earlier` is the number of earlier reads of the key. */
  fault: (key: string, earlier: number) => "missing" | "short" | "error" | undefined = () => undefined;
  /** All accepted writes, in order. */
  writes: string[] = [];
  /** Chooses the status with which a write is refused, if any. `earlier` is the number of earlier writes of the key. */
  refuse: (key: string, earlier: number) => number | undefined | void = () => undefined;
  /** Returns a promise that a write waits for before it is accepted. */
  hold: (key: string) => Promise<unknown> | undefined = () => undefined;
  /** Changes the reply to a listing. If it returns undefined, the listing fails. */
  listing: (page: { keys: { name: string }[]; list_complete: boolean; cursor?: string }) => unknown = (page) => page;
  #tried: string[] = [];
  readonly server = http.createServer((request, response) => {
    const url = new URL(request.url!, "http://kv");
    const key = decodeURIComponent(url.pathname.slice(1));
    if (request.method === "PUT") return this.#put(key, request, response);
    if (request.method === "DELETE") {
      this.values.delete(key);
      return response.writeHead(200).end();
    }
    if (key === "") return this.#list(url.searchParams, response);
    const fault = this.fault(key, this.reads.filter((read) => read.key === key).length);
    this.reads.push({ key, ttl: Number(url.searchParams.get("cache_ttl")) });
    const value = this.values.get(key);
    if (fault === "error") response.writeHead(500).end("internal error");
    else if (fault === "missing" || !value) response.writeHead(404).end();
    else {
      this.open++;
      response.once("close", () => this.open--);
      const sent = fault === "short" ? value.subarray(0, 2) : value;
      response.writeHead(200, { "content-length": sent.length }).end(sent);
    }
  });

  #put(key: string, request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      await this.hold(key);
      const refused = this.refuse(key, this.#tried.filter((tried) => tried === key).length);
      this.#tried.push(key);
      if (!refused) {
        this.values.set(key, Buffer.concat(chunks));
        this.writes.push(key);
      }
      response.writeHead(refused ?? 200).end();
    });
  }

  #list(query: URLSearchParams, response: http.ServerResponse): void {
    const after = query.get("cursor") ?? "";
    const names = [...this.values.keys()]
      .filter((key) => key.startsWith(query.get("prefix") ?? "") && key > after)
      .sort();
    const limit = Number(query.get("key_count_limit") ?? 1000);
    const keys = names.slice(0, limit).map((name) => ({ name }));
    const more = names.length > limit;
    const page = this.listing({ keys, list_complete: !more, ...(more && { cursor: keys.at(-1)!.name }) });
    response.writeHead(page === undefined ? 500 : 200).end(JSON.stringify(page));
  }

  /** Resets the recorded calls and the faults. Also replaces the values, if new ones are given. */
  reset(values?: Map<string, Buffer>): void {
    this.reads = [];
    this.writes = [];
    this.#tried = [];
    this.fault = () => undefined;
    this.refuse = () => undefined;
    this.hold = () => undefined;
    this.listing = (page) => page;
    if (!values) return;
    this.values.clear();
    for (const [key, value] of values) this.values.set(key, value);
  }
}
