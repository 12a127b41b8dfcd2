// Stores bodies below {site}/o/b/. They are invisible until a commit names them.

import type { HTMLHandling } from "../format/meta";
import type { HeaderPair, OverlayContent } from "../format/overlay_entry";
import { TooLargeError, writeBlob } from "../kv/blob_write";
import type { BlobBody } from "../kv/body_parts";
import { BusyError } from "../kv/byte_budget";
import { StalledError } from "../kv/stream_window";
import { checkContent } from "../rules/content_check";
import { isRuleFile, shown } from "./edit_checks";
import { EditError } from "./edit_error";
import { compileRules, largestRuleFile } from "./edit_rules";

/** A file to store. */
export interface NewFile {
  path: string;
  body: BlobBody;
  type: string;
  headers: HeaderPair[];
}

/** A stored file. */
export interface StoredFile {
  nonce: string;
  content: OverlayContent;
}

/** The number of files that are stored at a time. A stream takes 25 MiB of the isolate's memory. */
const concurrency = 2;

/**
 * Stores files, a few at a time. After a failure it starts no more, cancels the remaining bodies, and throws.
 */
export async function storeFiles(
  kv: KVNamespace,
  site: string,
  files: NewFile[],
  htmlHandling: HTMLHandling,
): Promise<StoredFile[]> {
  const stored: StoredFile[] = [];
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < files.length && !failed) {
      const i = next++;
      try {
        stored[i] = await storeFile(kv, site, files[i]!, htmlHandling);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(concurrency, files.length) }, worker));
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    await giveUp(
      files.slice(next).map(({ body }) => body),
      result.reason,
    );
    throw result.reason;
  }
  return stored;
}

/** Cancels the streams among bodies that will not be read. */
export async function giveUp(bodies: unknown[], reason?: unknown): Promise<void> {
  for (const body of bodies) {
    if (body instanceof ReadableStream && !body.locked) await body.cancel(reason).catch(() => undefined);
  }
}

async function storeFile(
  kv: KVNamespace,
  site: string,
  file: NewFile,
  htmlHandling: HTMLHandling,
): Promise<StoredFile> {
  const { path, type, headers } = file;
  let rules: OverlayContent["rules"];
  const check = (bytes: Uint8Array) => {
    const refusal = checkContent(bytes);
    if (refusal) throw new EditError(422, `${shown(path)}: ${refusal[0]}; ${refusal[1]}`);
    if (isRuleFile(path)) rules = compileRules(path, bytes, htmlHandling);
  };
  const body = isRuleFile(path) ? limited(path, file.body) : file.body;
  try {
    const { hash, nonce, size, chunks } = await writeBlob(kv, `${site}/o`, body, { check });
    return { nonce, content: { hash, size, type, chunks, headers, rules } };
  } catch (error) {
    if (error instanceof TooLargeError) throw new EditError(413, `${shown(path)}: ${error.message}`, { cause: error });
    if (error instanceof StalledError) throw new EditError(408, `${shown(path)}: ${error.message}`, { cause: error });
    if (error instanceof BusyError) throw new EditError(503, `${shown(path)}: ${error.message}`, { cause: error });
    if (error instanceof TypeError) throw new EditError(400, `${shown(path)}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Reads the body of a rule file. Refuses it if it is too large. */
function limited(path: string, body: BlobBody): BlobBody {
  const refuse = () =>
    new EditError(413, `${shown(path)} has more than ${largestRuleFile / 1000} KB; join rules, or deploy them`);
  if (!(body instanceof ReadableStream)) {
    const size =
      typeof body === "string"
        ? new TextEncoder().encode(body).length
        : body instanceof Blob
          ? body.size
          : body.byteLength;
    if (size > largestRuleFile) throw refuse();
    return body;
  }
  let size = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.byteLength;
        if (size > largestRuleFile) throw refuse();
        controller.enqueue(chunk);
      },
    }),
  );
}
