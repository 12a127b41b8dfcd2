// A Worker for tests that creates bodies of any kind and writes them. The tests then
// inspect KV.

import { Uploader } from "../../deploy/uploader";
import { hashBlob, type WrittenBlob, writeBlob } from "../blob_write";
import type { BlobBody } from "../body_parts";

/** A body to create and write. */
export interface Write {
  kind: "bytes" | "buffer" | "text" | "blob" | "stream" | "text stream" | "locked" | "read" | "breaks";
  size: number;
  /** The size of a stream's pieces. */
  piece?: number;
  /** The value of all bytes. Without it, the bytes are those of `pattern`. */
  fill?: number;
  /** Whether each piece begins with its position in the stream. */
  placed?: boolean;
  nonce?: string;
  /** The "hash.size" of a content that counts as existing. */
  known?: string;
  /** The nonces of existing chunks, by hash. */
  chunks?: Record<string, string>;
  /** Whether the body is hashed before the write. For a stream, every part gets the hash of the first one. */
  hashed?: boolean;
  /** Whether the check refuses the body. */
  refuse?: boolean;
  /** Whether an Uploader writes the body as /film.mp4. */
  deploy?: boolean;
}

/** The result of a write, or its error. */
export interface Written {
  error?: string;
  name?: string;
  blob?: WrittenBlob;
  cancelled: boolean;
  chunks: Record<string, string>;
}

/** Returns bytes that differ in each chunk. */
export function pattern(from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  for (let i = from; i < to; i++) bytes[i - from] = (Math.imul(i, i) >>> 12) + (i >>> 24);
  return bytes;
}

export default {
  async fetch(request, env: { KV_SYNC_BLOBS: KVNamespace }) {
    const {
      kind,
      size,
      piece = 70_001,
      fill,
      placed,
      nonce,
      known,
      chunks,
      hashed,
      refuse,
      deploy,
    } = await request.json<Write>();
    const make = (from: number, to: number) =>
      fill === undefined ? pattern(from, to) : new Uint8Array(to - from).fill(fill);
    let cancelled = false;
    const stream = () => {
      let at = 0;
      const repeatedPiece = fill === undefined ? undefined : make(0, piece);
      return new ReadableStream(
        {
          pull(controller) {
            if (at >= size) return controller.close();
            if (kind === "breaks" && at > size / 2) return controller.error(new Error("connection lost"));
            const end = Math.min(at + piece, size);
            if (placed) new DataView(repeatedPiece!.buffer).setUint32(0, at);
            controller.enqueue(
              kind === "text stream" ? "text" : (repeatedPiece?.subarray(0, end - at) ?? make(at, end)),
            );
            at = end;
          },
          cancel() {
            cancelled = true;
          },
        },
        { highWaterMark: 0 },
      );
    };
    const body = (): BlobBody => {
      if (kind === "bytes") return make(0, size);
      if (kind === "buffer") return make(0, size).buffer as ArrayBuffer;
      if (kind === "text") return "ü".repeat(size / 2);
      if (kind === "blob") return new Blob([make(0, size)]);
      return stream();
    };
    const written = body();
    if (kind === "locked") (written as ReadableStream).getReader();
    const knownChunks = new Map(Object.entries(chunks ?? {}));
    const answer = (rest: Partial<Written>) =>
      Response.json({ cancelled, chunks: Object.fromEntries(knownChunks), ...rest } satisfies Written);
    const hashes = {
      hash: "",
      size,
      parts: Array<string>(300).fill((await hashBlob(make(0, Math.min(piece, size)))).hash),
    };
    try {
      if (deploy)
        await new Uploader(env.KV_SYNC_BLOBS, "shop", nonce!, undefined, 100).write({
          path: "/film.mp4",
          type: "",
          body: written as ReadableStream,
          hash: "",
          size: 0,
          hashed: hashes,
        });
      if (kind === "read") await writeBlob(env.KV_SYNC_BLOBS, "shop", written);
      const blob = await writeBlob(env.KV_SYNC_BLOBS, "shop", written, {
        ...(nonce && { nonce }),
        chunks: knownChunks,
        ...(known && { known: (hash, size) => (known === `${hash}.${size}` ? "77".repeat(8) : undefined) }),
        ...(hashed && { hashed: written instanceof ReadableStream ? hashes : await hashBlob(written) }),
        ...(refuse && {
          check: (bytes) => {
            throw new Error(`refused ${bytes.length} bytes`);
          },
        }),
      });
      return answer({ blob });
    } catch (error) {
      return answer({ name: (error as Error).name, error: (error as Error).message });
    }
  },
} satisfies ExportedHandler<{ KV_SYNC_BLOBS: KVNamespace }>;
