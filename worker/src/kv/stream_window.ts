import { maxValueBytes } from "../format/chunks";
import type { StreamMemory } from "./stream_memory";

/** The first buffer size. It then grows by a factor of eight, up to the size of one value. */
const firstBuffer = 64 << 10;

/**
 * A stream that yields nothing for this time is aborted, because other streams wait for its memory. In milliseconds.
 */
const maxPause = 30_000;

/** Thrown if a stream yields nothing for too long. */
export class StalledError extends Error {
  override name = "StalledError";
}

/** Returns the next chunk of a stream. Throws a StalledError if it takes longer than `ms` milliseconds. */
export async function readWithin<T>(
  reader: ReadableStreamDefaultReader<T>,
  ms: number,
): Promise<ReadableStreamReadResult<T>> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new StalledError(`the body stalled for ${ms / 1000} seconds; send it again`)),
    ms,
  );
  try {
    return await Promise.race([reader.read(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** A buffered reader of a stream. The buffer has the bytes that were read but not yet taken. */
export class StreamWindow {
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #memory: StreamMemory;
  #bytes = new Uint8Array();
  /** The bytes from #start to #end are available. Those before #start are taken. */
  #start = 0;
  #end = 0;
  /** The rest of the last chunk, which does not fit into the requested number of bytes. */
  #rest = new Uint8Array();
  #done = false;

  constructor(stream: ReadableStream, memory: StreamMemory) {
    if (stream.locked) throw new TypeError("the stream is locked; give each file its own stream");
    // The reader is never released: a second reader would see an empty stream.
    this.#reader = stream.getReader();
    this.#memory = memory;
  }

  /**
   * Discards the taken bytes. Then reads until `wanted` bytes are available, or the stream ends. Returns the number of
   * available bytes, at most `wanted`.
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

  /** Takes up to `count` available bytes. They are valid until the next fill. */
  take(count: number): Uint8Array {
    const from = this.#start;
    this.#start = Math.min(from + count, this.#end);
    return this.#bytes.subarray(from, this.#start);
  }

  async close(): Promise<void> {
    this.#memory.release();
    // Cancelling a stalled stream may never resolve.
    if (!this.#done) void this.#reader.cancel().catch(() => undefined);
  }

  async #read(): Promise<void> {
    const { done, value } = await readWithin(this.#reader, maxPause);
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
    while (size < needed) size = Math.min(size * 8, maxValueBytes + 1);
    await this.#memory.grow(size);
    const larger = new Uint8Array(size);
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}
