// Bodies on their way into KV, in parts of which each is one value there.

import { StreamMemory } from "./stream_memory";
import { chunkSize, largestValue } from "../format/chunks";
import { StreamWindow } from "./stream_window";

/** A body: a text becomes UTF-8, a stream gives bytes and is read once. */
export type BlobBody = string | ArrayBuffer | Uint8Array | Blob | ReadableStream;

/** A body that can be read again and again. */
export type KeptBody = Exclude<BlobBody, ReadableStream>;

/** What becomes one value. */
export type Part = Uint8Array | Blob;

/** Whether something is a body, as a caller without TypeScript may give anything. */
export function isBody(body: unknown): body is BlobBody {
  return (
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    body instanceof Uint8Array ||
    body instanceof Blob ||
    body instanceof ReadableStream
  );
}

/** A kept body as one part, however large. Only a text is copied. */
export function whole(body: KeptBody): Part {
  if (typeof body === "string") return new TextEncoder().encode(body);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : body;
}

export function sizeOf(part: Part): number {
  return part instanceof Blob ? part.size : part.length;
}

/** The bytes of a part; of a Blob they are a copy. */
export async function bytesOf(part: Part): Promise<Uint8Array> {
  return part instanceof Blob ? new Uint8Array(await part.arrayBuffer()) : part;
}

/**
 * The parts of a body in order: one where one value holds it, else chunks. Each
 * is to be done with before the next one is asked for. Of a stream no more than
 * one value's bytes are held, which count for the tenant, and it is cancelled
 * where it is not read to its end. Throws a BusyError where the isolate has no
 * memory for it.
 */
export async function* partsOf(body: BlobBody, tenant: string): AsyncGenerator<{ part: Part; chunked: boolean }> {
  if (body instanceof ReadableStream) return yield* partsOfStream(body, tenant);
  const part = whole(body);
  const size = sizeOf(part);
  if (size <= largestValue) return yield { part, chunked: false };
  for (let at = 0; at < size; at += chunkSize) {
    const end = Math.min(at + chunkSize, size);
    yield { part: part instanceof Blob ? part.slice(at, end) : part.subarray(at, end), chunked: true };
  }
}

async function* partsOfStream(
  stream: ReadableStream,
  tenant: string,
): AsyncGenerator<{ part: Part; chunked: boolean }> {
  const window = new StreamWindow(stream, new StreamMemory(tenant));
  try {
    const ahead = await window.fill(largestValue + 1);
    if (ahead <= largestValue) return yield { part: window.take(ahead), chunked: false };
    while ((await window.fill(chunkSize)) > 0) yield { part: window.take(chunkSize), chunked: true };
  } finally {
    await window.close();
  }
}
