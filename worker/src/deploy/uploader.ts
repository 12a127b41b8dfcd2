// Uploads the contents of one deploy to KV.

import { chunkSize, maxValueBytes, readIndex } from "../format/chunks";
import { ManifestError } from "../format/manifest";
import type { StoredAsset, StoredManifest } from "../format/stored";
import { readBlob } from "../kv/blob";
import { TooLargeError, type WrittenBlob, writeBlob } from "../kv/blob_write";
import { BusyError } from "../kv/byte_budget";
import { checkContent } from "../rules/content_check";
import { RefusedError } from "../rules/problem";
import { contentOf, noncesOf } from "./plan";
import type { Upload, UploadedFile } from "./upload";

/** The number of writes after the blobs: two manifests, record, version, current. */
const otherWrites = 5;

/** Writes contents that the live manifest does not have, and counts the KV calls. */
export class Uploader {
  /** The number of written blobs. */
  written = 0;
  /** The number of KV reads. */
  #reads = 0;
  readonly #kv: KVNamespace;
  readonly #site: string;
  readonly #nonce: string;
  /** The limit of KV calls. */
  readonly #limit: number;
  readonly #live: Map<string, StoredAsset>;
  readonly #nonces: Map<string, string>;
  readonly #chunks = new Map<string, string>();

  /** Content is carried over only from `live`. */
  constructor(kv: KVNamespace, site: string, nonce: string, live: StoredManifest | undefined, limit: number) {
    this.#kv = kv;
    this.#site = site;
    this.#nonce = nonce;
    this.#limit = limit;
    this.#live = new Map(live?.assets.map((asset) => [asset.path, asset]));
    this.#nonces = noncesOf(live?.assets ?? []);
  }

  /**
   * Uploads the streams one after another, each while it is read, and sets its hash, nonce and size. If a stream is
   * refused, the blobs that were already written stay unreferenced, until a prune deletes them.
   */
  async uploadStreams({ streams }: Upload): Promise<void> {
    for (const file of streams) {
      const { hash, nonce, size } = await this.#write(file, (hash, size) =>
        this.#nonces.get(contentOf({ hash, size })),
      );
      Object.assign(file, { hash, nonce, size });
      this.#nonces.set(contentOf(file), nonce);
      this.checkCalls([]);
    }
  }

  /** Uploads a file whose content is not in KV. */
  async write(file: UploadedFile): Promise<void> {
    await this.#write(file);
  }

  /** Throws a RefusedError if the calls so far and the upload of these files exceed the limit of KV calls. */
  checkCalls(files: UploadedFile[]): void {
    const calls = files.reduce((sum, { size }) => sum + blobCount(size), this.written + this.#reads + otherWrites);
    if (calls <= this.#limit) return;
    throw new RefusedError([
      {
        path: "files",
        reason: `${calls} KV writes are needed, the limit for one request is ${this.#limit}`,
        fix: "use kv-sync deploy --project, or deploy in smaller steps; raise mostWrites if your plan allows it",
      },
    ]);
  }

  async #write(file: UploadedFile, known?: (hash: string, size: number) => string | undefined): Promise<WrittenBlob> {
    const { path, body, hashed } = file;
    const name = path.slice(1);
    try {
      await this.#readLiveChunks(file);
      const blob = await writeBlob(this.#kv, this.#site, body, {
        nonce: this.#nonce,
        chunks: this.#chunks,
        ...(known && { known }),
        ...(hashed && { hashed }),
        // Files in memory were already checked.
        ...(body instanceof ReadableStream && {
          check(bytes) {
            const refusal = checkContent(bytes);
            if (refusal) throw new RefusedError([{ path: name, reason: refusal[0], fix: refusal[1] }]);
          },
        }),
      });
      this.written += blob.writes;
      return blob;
    } catch (cause) {
      if (cause instanceof TooLargeError)
        throw new RefusedError([
          { path: name, reason: "the file has 4 GiB or more", fix: "make it smaller, or serve it from R2" },
        ]);
      if (cause instanceof RefusedError || cause instanceof BusyError) throw cause;
      throw new Error(`upload ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  /** Reads the index of the file that this one replaces, to reuse its chunks. A missing or damaged index is ignored. */
  async #readLiveChunks({ path, body, size }: UploadedFile): Promise<void> {
    const live = this.#live.get(path);
    if (!live || live.size <= maxValueBytes || !(body instanceof ReadableStream || size > maxValueBytes)) return;
    this.#reads++;
    const index = await readBlob(this.#kv, `${this.#site}/b/${live.hash}.${live.nonce}`);
    if (!index) return;
    try {
      const { blobSize, key } = await readIndex(
        await new Response(index).arrayBuffer(),
        this.#site,
        live.hash,
        live.size,
      );
      for (let chunk = 0; chunk * blobSize < live.size; chunk++) {
        const [hash, nonce] = key(chunk).slice(-81).split(".") as [string, string];
        this.#chunks.set(hash, nonce);
      }
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
    }
  }
}

/** Returns the number of blobs of a new content: one, or its chunks and their index. */
function blobCount(size: number): number {
  return size > maxValueBytes ? Math.ceil(size / chunkSize) + 1 : 1;
}
