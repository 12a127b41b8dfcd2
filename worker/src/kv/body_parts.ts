// Splits bodies into parts, each of which becomes one KV value.

import { chunkSize, largestValue } from "../format/chunks";
import { StreamMemory } from "./stream_memory";
import { StreamWindow } from "./stream_window";

/** A body. A text becomes UTF-8. A stream yields bytes and is read once. */
export type BlobBody = string | ArrayBuffer | Uint8Array | Blob | ReadableStream;

/** A body in memory, which can be read more than once. */
export type KeptBody = Exclude<BlobBody, ReadableStream>;

/** The bytes of one value. */
export type Part = Uint8Array | Blob;

/** Whether this is a body. A caller without TypeScript may pass anything. */
export function isBody(body: unknown): body is BlobBody {
  return (
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    body instanceof Uint8Array ||
    body instanceof Blob ||
    body instanceof ReadableStream
  );
}

/** A body in memory as one part of any size. Only a text is copied. */
export function whole(body: KeptBody): Part {
  if (typeof body === "string") return new TextEncoder().encode(body);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : body;
}

export function sizeOf(part: Part): number {
  return part instanceof Blob ? part.size : part.length;
}

/** The bytes of a part. For a Blob this is a copy. */
export async function bytesOf(part: Part): Promise<Uint8Array> {
  return part instanceof Blob ? new Uint8Array(await part.arrayBuffer()) : part;
}

/**
 * Yields the parts of a body in order: one if it fits into one value, else chunks. A part is valid until the next one
 * is requested. Of a stream at most the bytes of one value are in memory, counted for the tenant; it is cancelled if it
 * is not read to its end. Throws a BusyError if the isolate has no memory for it.
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
