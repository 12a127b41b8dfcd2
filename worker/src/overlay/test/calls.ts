// Describes calls of an asset binding as JSON, and makes them.

import type { ReadWriteAssets } from "../read_write_assets";

/** A method and its arguments. A body is a string or a BodyCall. */
export type Call = [method: string, ...args: unknown[]];

/** A body that is not a string. */
export interface BodyCall {
  $body: "bytes" | "buffer" | "view" | "blob" | "stream" | "breaks" | "text stream" | "endless" | "request";
  text?: string;
  /** The size of a stream of zeros in bytes. */
  size?: number;
}

/** The outcome of a call. */
export type Outcome = { value: unknown } | { error: string };

/** The number of streams that were cancelled since the last call of "cancelled". */
let cancelled = 0;

/** Makes calls in sequence or in parallel. */
export async function makeCalls(assets: ReadWriteAssets, calls: Call[], atOnce: boolean): Promise<Outcome[]> {
  const one = ([method, ...args]: Call) => makeCall(assets, method, args);
  if (atOnce) return Promise.all(calls.map(one));
  const outcomes: Outcome[] = [];
  for (const call of calls) outcomes.push(await one(call));
  return outcomes;
}

async function makeCall(assets: ReadWriteAssets, method: string, args: unknown[]): Promise<Outcome> {
  try {
    if (method === "cancelled") {
      const value = cancelled;
      cancelled = 0;
      return { value };
    }
    if (method === "fetch") {
      const response = await assets.fetch(new Request(...(args as [string, RequestInit?])));
      return { value: [response.status, await response.text()] };
    }
    if (method === "edge") {
      const response = await assets.fetch(new Request(args[0] as string));
      await response.body?.cancel();
      return { value: response.headers.get("Cloudflare-CDN-Cache-Control") };
    }
    const target = assets as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    return { value: await toJSON(await target[method]!(...args.map(revive))) };
  } catch (error) {
    return { error: String((error as Error)?.message ?? error) };
  }
}

/** Converts a result for JSON. A body becomes its text, or its size if it is large. */
async function toJSON(value: unknown): Promise<unknown> {
  const { body } = (value ?? {}) as { body?: unknown };
  if (!(body instanceof ReadableStream)) return value ?? null;
  let size = 0;
  let head = "";
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    if (size < 4096) head += new TextDecoder().decode(chunk.subarray(0, 4096));
    size += chunk.length;
  }
  return { ...(value as object), body: size <= 4096 ? head : size };
}

/** Replaces each BodyCall in the arguments of a call by its body. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== "object" || value === null) return value;
  if ("$body" in value) return bodyOf(value as BodyCall);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, revive(member)]));
}

function bodyOf({ $body, text = "", size = 0 }: BodyCall): unknown {
  const bytes = new TextEncoder().encode(text);
  switch ($body) {
    case "bytes":
      return bytes;
    case "buffer":
      return bytes.buffer;
    case "view":
      return new DataView(new Uint8Array([0, ...bytes, 0]).buffer, 1, bytes.length);
    case "blob":
      return new Blob([bytes]);
    case "request":
      return new Request("http://x/", { method: "PUT", body: text }).body;
    default:
      return stream($body, text, size);
  }
}

function stream(kind: BodyCall["$body"], text: string, size: number): ReadableStream {
  const piece = text ? new TextEncoder().encode(text) : new Uint8Array(1 << 20);
  let sent = 0;
  return new ReadableStream({
    type: kind === "text stream" ? undefined : "bytes",
    pull(controller: ReadableByteStreamController | ReadableStreamDefaultController) {
      if (kind === "text stream") return controller.enqueue("text" as never);
      if (kind === "breaks" && sent > 0) throw new Error("connection lost");
      const left = kind === "endless" ? piece.length : (size || piece.length) - sent;
      const next = piece.slice(0, Math.min(left, piece.length));
      sent += next.length;
      if (next.length > 0) controller.enqueue(next as never);
      if (kind === "stream" && sent >= (size || piece.length)) controller.close();
    },
    cancel() {
      cancelled++;
    },
  } as UnderlyingByteSource);
}
