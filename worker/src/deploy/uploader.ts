// The contents of one deploy on their way into KV.

import { readBlob } from "../kv/blob";
import { BusyError } from "../kv/byte_budget";
import { TooLargeError, writeBlob, type WrittenBlob } from "../kv/blob_write";
import { chunkSize, largestValue, readIndex } from "../format/chunks";
import { checkContent } from "../rules/content_check";
import { ManifestError } from "../format/manifest";
import { contentOf, noncesOf } from "./plan";
import { RefusedError } from "../rules/problem";
import type { StoredAsset, StoredManifest } from "../format/stored";
import type { Upload, UploadedFile } from "./upload";

/** The five values of a deploy that are no file's: two manifests, record, version, current. */
const otherWrites = 5;

/** Writes what is not in KV as far as the live manifest tells, and counts what that takes. */
export class Uploader {
  /** How many blobs were written. */
  written = 0;
  /** How often KV was called beside that. */
  #reads = 0;
  readonly #kv: KVNamespace;
  readonly #site: string;
  readonly #nonce: string;
  /** How many values the whole run may write. */
  readonly #most: number;
  readonly #live: Map<string, StoredAsset>;
  readonly #nonces: Map<string, string>;
  readonly #chunks = new Map<string, string>();

  /** Nothing is carried over but what `live` has. */
  constructor(kv: KVNamespace, site: string, nonce: string, live: StoredManifest | undefined, most: number) {
    this.#kv = kv;
    this.#site = site;
    this.#nonce = nonce;
    this.#most = most;
    this.#live = new Map(live?.assets.map((asset) => [asset.path, asset]));
    this.#nonces = noncesOf(live?.assets ?? []);
  }

  /**
   * Reads the streams one after another, writes each as it is read, and fills in
   * what was not known of it. What was written before one is refused is garbage.
   */
  async takeStreams({ streams }: Upload): Promise<void> {
    for (const file of streams) {
      const { hash, nonce, size } = await this.#write(file, (hash, size) =>
        this.#nonces.get(contentOf({ hash, size })),
      );
      Object.assign(file, { hash, nonce, size });
      this.#nonces.set(contentOf(file), nonce);
      this.checkCalls([]);
    }
  }

  /** Writes a file whose content is not in KV. */
  async write(file: UploadedFile): Promise<void> {
    await this.#write(file);
  }

  /** Refuses what would call KV too often if these files, too, were written. */
  checkCalls(files: UploadedFile[]): void {
    const calls = files.reduce((sum, { size }) => sum + blobsOf(size), this.written + this.#reads + otherWrites);
    if (calls <= this.#most) return;
    throw new RefusedError([
      {
        path: "files",
        reason: `${calls} values would be written, and a Worker may write ${this.#most} for one request`,
        fix: "deploy it with kv-sync deploy --project, or in parts, each with some files more; give mostWrites where a plan allows more",
      },
    ]);
  }

  async #write(file: UploadedFile, known?: (hash: string, size: number) => string | undefined): Promise<WrittenBlob> {
    const { path, body, hashed } = file;
    const name = path.slice(1);
    try {
      await this.#learnChunks(file);
      const blob = await writeBlob(this.#kv, this.#site, body, {
        nonce: this.#nonce,
        chunks: this.#chunks,
        ...(known && { known }),
        ...(hashed && { hashed }),
        // What is in memory was looked at before.
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

  /** Chunks of what a file replaces may be in it still: its own path alone is worth a read. An index that is gone or damaged tells of none. */
  async #learnChunks({ path, body, size }: UploadedFile): Promise<void> {
    const live = this.#live.get(path);
    if (!live || live.size <= largestValue || !(body instanceof ReadableStream || size > largestValue)) return;
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

/** How many blobs a content takes, if no chunk of it is in KV. */
function blobsOf(size: number): number {
  return size > largestValue ? Math.ceil(size / chunkSize) + 1 : 1;
}
