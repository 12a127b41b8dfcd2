// Builds response bodies from several blobs or parts of blobs, for chunked files and ranges.

import type { BlobSequence } from "../format/chunks";
import { describeThrown } from "../format/one_line";
import { readBlob } from "../kv/blob";
import { contentRange, type Range } from "./range";

/** A body and the headers that describe it. */
export interface Body {
  stream: ReadableStream;
  headers: Record<string, string>;
}

/** The parts of one blob to send: one or more ranges of its bytes. `before` is sent before a range. */
interface Step {
  blob: number;
  cuts: { before: Uint8Array | undefined; from: number; to: number }[];
}

const encoder = new TextEncoder();

/**
 * Opens the body of a chunked file, of one range, or of several ranges as multipart/byteranges. Returns null if the
 * first blob is missing. Throws if it cannot be read.
 *
 * If a later blob is missing or cannot be read, the stream is aborted. Clients notice that, because it is shorter than
 * its Content-Length. At most two blobs are open at a time, the current and the next one.
 */
export async function openBody(
  kv: KVNamespace,
  file: BlobSequence,
  type: string,
  boundary: string,
  ranges: Range[] | undefined,
): Promise<Body | null> {
  const headers: Body["headers"] = {};
  const steps: Step[] = [];
  const parts = ranges ?? [{ from: 0, to: file.size }];
  let length = parts.reduce((sum, { from, to }) => sum + to - from, 0);
  let end: Uint8Array | undefined;
  if (parts.length > 1) {
    headers["Content-Type"] = `multipart/byteranges; boundary=${boundary}`;
    for (const part of parts) {
      const before = encoder.encode(
        `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(part, file.size)}\r\n\r\n`,
      );
      length += before.length;
      addSteps(steps, file, part, before);
    }
    end = encoder.encode(`\r\n--${boundary}--\r\n`);
    length += end.length;
  } else {
    if (ranges) headers["Content-Range"] = contentRange(parts[0]!, file.size);
    addSteps(steps, file, parts[0]!, undefined);
  }
  headers["Content-Length"] = String(length);

  const first = await readBlob(kv, file.key(steps[0]!.blob));
  if (!first) return null;
  const { readable, writable } = new FixedLengthStream(length);
  void send(kv, file, { first, steps, end }, writable);
  return { stream: readable, headers };
}

/** Adds the steps of a range. Add ranges in order; they must not overlap. */
function addSteps(steps: Step[], file: BlobSequence, { from, to }: Range, before: Uint8Array | undefined): void {
  while (from < to) {
    const blob = Math.floor(from / file.blobSize);
    const start = blob * file.blobSize;
    const end = Math.min(to, start + file.blobSize);
    if (steps.at(-1)?.blob !== blob) steps.push({ blob, cuts: [] });
    steps.at(-1)!.cuts.push({ before, from: from - start, to: end - start });
    before = undefined;
    from = end;
  }
}

/** Sends the steps, and closes the stream. Requests the next blob while the current one is sent. */
async function send(
  kv: KVNamespace,
  file: BlobSequence,
  { first, steps, end }: { first: ReadableStream; steps: Step[]; end: Uint8Array | undefined },
  writable: WritableStream,
): Promise<void> {
  let next: Promise<ReadableStream | null> | undefined = Promise.resolve(first);
  try {
    for (const [i, step] of steps.entries()) {
      const stream = await next;
      next = undefined;
      if (!stream) throw new Error(`${file.key(step.blob)} is not in KV; run kv-sync verify`);
      const following = steps[i + 1];
      if (following) {
        next = readBlob(kv, file.key(following.blob));
        next.catch(() => undefined); // reported when it is awaited
      }
      await sendStep(file, step, stream, writable);
    }
    const writer = writable.getWriter();
    if (end) await writer.write(end);
    await writer.close();
  } catch (error) {
    console.error("kv-sync: response aborted:", describeThrown(error));
    await writable.abort(error).catch(() => undefined);
    await next?.then((stream) => stream?.cancel()).catch(() => undefined);
  }
}

async function sendStep(
  file: BlobSequence,
  { blob, cuts }: Step,
  stream: ReadableStream,
  writable: WritableStream,
): Promise<void> {
  const [only] = cuts;
  const length = Math.min(file.blobSize, file.size - blob * file.blobSize);
  if (cuts.length === 1 && only && !only.before && only.from === 0 && only.to === length) {
    // For a whole blob the runtime copies the bytes, without JavaScript.
    return stream.pipeTo(writable, { preventClose: true });
  }
  const reader: ReadableStreamDefaultReader<Uint8Array> = stream.getReader();
  const writer = writable.getWriter();
  try {
    let at = 0; // the position of `chunk` in the blob
    let chunk: Uint8Array = new Uint8Array();
    for (const { before, from, to } of cuts) {
      if (before) await writer.write(before);
      while (at < to) {
        const taken = chunk.subarray(Math.max(from - at, 0), to - at);
        if (taken.length > 0) await writer.write(taken);
        if (at + chunk.length >= to) break; // the next range may begin in this chunk
        at += chunk.length;
        const { value } = await reader.read();
        if (!value) throw new Error(`${file.key(blob)} ends after ${at} bytes of ${length}`);
        chunk = value;
      }
    }
  } finally {
    writer.releaseLock();
    await reader.cancel().catch(() => undefined);
  }
}
