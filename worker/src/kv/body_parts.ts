// Splits bodies into parts, each of which becomes one KV value.

import { chunkSize, maxValueBytes } from "../format/chunks";
import { StreamMemory } from "./stream_memory";
import { StreamWindow } from "./stream_window";

/** A body. A string is encoded as UTF-8. A stream must yield bytes, and is read once. */
export type BlobBody = string | ArrayBuffer | Uint8Array | Blob | ReadableStream;

/** A body in memory, which can be read more than once. */
export type InMemoryBody = Exclude<BlobBody, ReadableStream>;

/** The bytes of one value. */
export type Part = Uint8Array | Blob;

/** Whether a value is a body. A caller without TypeScript may pass anything. */
export function isBody(body: unknown): body is BlobBody {
  return (
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    body instanceof Uint8Array ||
    body instanceof Blob ||
    body instanceof ReadableStream
  );
}

/** Converts a body in memory to one part, of any size. Only a string is copied. */
export function toPart(body: InMemoryBody): Part {
  if (typeof body === "string") return new TextEncoder().encode(body);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : body;
}

export function sizeOf(part: Part): number {
  return part instanceof Blob ? part.size : part.length;
}

/** Returns the bytes of a part. For a Blob this is a copy. */
export async function bytesOf(part: Part): Promise<Uint8Array> {
  return part instanceof Blob ? new Uint8Array(await part.arrayBuffer()) : part;
}

/**
 * Yields the parts of a body in order: one part if the body fits into one value, else chunks. A part is valid until the
 * next one is requested. A stream has at most the bytes of one value in memory, which are charged to the tenant. If the
 * caller stops early, the stream is cancelled. Throws a BusyError if the isolate has no memory for it.
 */
export async function* partsOf(body: BlobBody, tenant: string): AsyncGenerator<{ part: Part; chunked: boolean }> {
  if (body instanceof ReadableStream) return yield* partsOfStream(body, tenant);
  const part = toPart(body);
  const size = sizeOf(part);
  if (size <= maxValueBytes) return yield { part, chunked: false };
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
    const ahead = await window.fill(maxValueBytes + 1);
    if (ahead <= maxValueBytes) return yield { part: window.take(ahead), chunked: false };
    while ((await window.fill(chunkSize)) > 0) yield { part: window.take(chunkSize), chunked: true };
  } finally {
    await window.close();
  }
}
