// A buffered reader of a stream.

import { largestValue } from "../format/chunks";
import type { StreamMemory } from "./stream_memory";

/** The first buffer size. It then grows by a factor of eight, up to the size of one value. */
const firstBuffer = 64 << 10;

/** A stream that yields nothing for this long is given up, because others wait for its memory. In milliseconds. */
const longestPause = 30_000;

/** A stream yielded nothing for too long. */
export class StalledError extends Error {
  override name = "StalledError";
}

/** The next chunk of a stream. Throws a StalledError if it takes too long. */
export async function readWithin<T>(
  reader: ReadableStreamDefaultReader<T>,
  ms: number,
): Promise<ReadableStreamReadResult<T>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new StalledError(`the body stalled for ${ms / 1000} seconds; send it again`)),
    ms,
  );
  try {
    return await Promise.race([reader.read(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The bytes of a stream that were read but not yet taken. */
export class StreamWindow {
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #memory: StreamMemory;
  #bytes = new Uint8Array();
  /** Bytes before #start are taken; bytes from #start to #end are available. */
  #start = 0;
  #end = 0;
  /** What the stream yielded beyond what was wanted. */
  #rest = new Uint8Array();
  #done = false;

  constructor(stream: ReadableStream, memory: StreamMemory) {
    if (stream.locked) throw new TypeError("the stream is locked; give each file its own stream");
    // The reader is never released: a second reader would see an empty stream.
    this.#reader = stream.getReader();
    this.#memory = memory;
  }

  /**
   * Reads until `wanted` bytes or all remaining ones are available, and returns their number. Taken bytes are
   * discarded.
   */
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

  /** Takes up to `most` available bytes. They are valid until the next fill. */
  take(most: number): Uint8Array {
    const from = this.#start;
    this.#start = Math.min(from + most, this.#end);
    return this.#bytes.subarray(from, this.#start);
  }

  async close(): Promise<void> {
    this.#memory.release();
    // Cancelling a stalled stream may never resolve.
    if (!this.#done) void this.#reader.cancel().catch(() => undefined);
  }

  async #read(): Promise<void> {
    const { done, value } = await readWithin(this.#reader, longestPause);
    if (done) this.#done = true;
    else if (value instanceof Uint8Array) this.#rest = value as Uint8Array<ArrayBuffer>;
    else
      throw new TypeError(
        `the stream yields ${typeof value === "string" ? "text" : "something else"} instead of bytes; ` +
          "pipe text through a TextEncoderStream",
      );
  }

  async #grow(needed: number): Promise<void> {
    if (needed <= this.#bytes.length) return;
    let size = Math.max(this.#bytes.length, firstBuffer);
    while (size < needed) size = Math.min(size * 8, largestValue + 1);
    await this.#memory.grow(size);
    const larger = new Uint8Array(size);
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}
