// Bodies on their way into KV, in parts of which each is one value there.

import { StreamMemory } from "./body_memory";
import { chunkSize, largestValue } from "../format/chunks";

/** A body: a text becomes UTF-8, a stream gives bytes and is read once. */
export type BlobBody = string | ArrayBuffer | Uint8Array | Blob | ReadableStream;

/** A body that can be read again and again. */
export type KeptBody = Exclude<BlobBody, ReadableStream>;

/** What becomes one value. */
export type Part = Uint8Array | Blob;

/** How many bytes of a stream are made room for at first; then eight times as many, up to what one value holds. */
const firstRoom = 64 << 10;

/** A stream that gives nothing for so long is given up, for what it holds others wait for. In milliseconds. */
const longestPause = 30_000;

/** A stream gave nothing for too long. */
export class StalledError extends Error {
  override name = "StalledError";
}

/** What a stream gives next. Throws a StalledError where that takes too long. */
export async function readWithin<T>(reader: ReadableStreamDefaultReader<T>, ms: number): Promise<ReadableStreamReadResult<T>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new StalledError(`the body gave nothing for ${ms / 1000} seconds; send it again`)), ms);
  try {
    return await Promise.race([reader.read(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether something is a body, as a caller without TypeScript may give anything. */
export function isBody(body: unknown): body is BlobBody {
  return typeof body === "string" || body instanceof ArrayBuffer || body instanceof Uint8Array || body instanceof Blob || body instanceof ReadableStream;
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

async function* partsOfStream(stream: ReadableStream, tenant: string): AsyncGenerator<{ part: Part; chunked: boolean }> {
  const window = new Window(stream, new StreamMemory(tenant));
  try {
    const ahead = await window.fill(largestValue + 1);
    if (ahead <= largestValue) return yield { part: window.take(ahead), chunked: false };
    while ((await window.fill(chunkSize)) > 0) yield { part: window.take(chunkSize), chunked: true };
  } finally {
    await window.close();
  }
}

/** Bytes of a stream that were read and not taken yet. */
class Window {
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #memory: StreamMemory;
  #bytes = new Uint8Array();
  /** The bytes before #start are taken, those up to #end are there. */
  #start = 0;
  #end = 0;
  /** What the stream gave beyond the room there was. */
  #rest = new Uint8Array();
  #done = false;

  constructor(stream: ReadableStream, memory: StreamMemory) {
    if (stream.locked) throw new TypeError("the stream is being read already, or was; give each file a stream of its own");
    // It stays locked: read again it would seem to be empty.
    this.#reader = stream.getReader();
    this.#memory = memory;
  }

  /** Reads until so many bytes, or all that are left, are there, and says how many are, up to that. What was taken is gone then. */
  async fill(wanted: number): Promise<number> {
    this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    await this.#grow(1);
    while (this.#end < wanted && !this.#done) {
      if (this.#rest.length === 0) await this.#read();
      const more = this.#rest.subarray(0, wanted - this.#end);
      await this.#grow(this.#end + more.length);
      this.#bytes.set(more, this.#end);
      this.#end += more.length;
      this.#rest = this.#rest.subarray(more.length);
    }
    return Math.min(this.#end, wanted);
  }

  /** The next bytes, so many or all that are there. They are good until the next fill. */
  take(most: number): Uint8Array {
    const from = this.#start;
    this.#start = Math.min(from + most, this.#end);
    return this.#bytes.subarray(from, this.#start);
  }

  async close(): Promise<void> {
    this.#memory.release();
    // A stream that is stalled may never say that it is cancelled.
    if (!this.#done) void this.#reader.cancel().catch(() => undefined);
  }

  async #read(): Promise<void> {
    const { done, value } = await readWithin(this.#reader, longestPause);
    if (done) this.#done = true;
    else if (value instanceof Uint8Array) this.#rest = value as Uint8Array<ArrayBuffer>;
    else throw new TypeError(`the stream gives ${typeof value === "string" ? "text" : "something else"} in the place of bytes; pipe a text through a TextEncoderStream, and give other things as Uint8Arrays`);
  }

  async #grow(needed: number): Promise<void> {
    if (needed <= this.#bytes.length) return;
    let room = Math.max(this.#bytes.length, firstRoom);
    while (room < needed) room = Math.min(room * 8, largestValue + 1);
    await this.#memory.grow(room);
    const larger = new Uint8Array(room);
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}
