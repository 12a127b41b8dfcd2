// A stream that is read in parts.

import type { StreamMemory } from "./stream_memory";
import { largestValue } from "../format/chunks";

/** How many bytes of a stream are made room for at first; then eight times as many, up to what one value holds. */
const firstRoom = 64 << 10;

/** A stream that gives nothing for so long is given up, for what it holds others wait for. In milliseconds. */
const longestPause = 30_000;

/** A stream gave nothing for too long. */
export class StalledError extends Error {
  override name = "StalledError";
}

/** What a stream gives next. Throws a StalledError where that takes too long. */
export async function readWithin<T>(
  reader: ReadableStreamDefaultReader<T>,
  ms: number,
): Promise<ReadableStreamReadResult<T>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new StalledError(`the body gave nothing for ${ms / 1000} seconds; send it again`)),
    ms,
  );
  try {
    return await Promise.race([reader.read(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Bytes of a stream that were read and not taken yet. */
export class StreamWindow {
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
    if (stream.locked)
      throw new TypeError("the stream is being read already, or was; give each file a stream of its own");
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
    else
      throw new TypeError(
        `the stream gives ${typeof value === "string" ? "text" : "something else"} in the place of bytes; pipe a text through a TextEncoderStream, and give other things as Uint8Arrays`,
      );
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
