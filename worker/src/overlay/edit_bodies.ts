// Stores bodies below {site}/o/b/. They are not visible until a commit refers to them.

import type { HTMLHandling } from "../format/meta";
import type { HeaderPair, OverlayContent } from "../format/overlay_entry";
import { TooLargeError, writeBlob } from "../kv/blob_write";
import type { BlobBody } from "../kv/body_parts";
import { BusyError } from "../kv/byte_budget";
import { StalledError } from "../kv/stream_window";
import { checkContent } from "../rules/content_check";
import type { Problem } from "../rules/problem";
import { isRuleFile, printable } from "./edit_checks";
import { EditError } from "./edit_error";
import { compileRules, maxRuleFileBytes } from "./edit_rules";

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
  /** The rules that are left out, because Cloudflare ignores them. */
  notices: Problem[];
}

/** The number of files that are stored at the same time. A stream may need 25 MiB of the isolate's memory. */
const concurrency = 2;

/** Stores files, two at a time. After a failure it stores no further file, cancels the remaining bodies, and throws. */
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
    await cancelBodies(
      files.slice(next).map(({ body }) => body),
      result.reason,
    );
    throw result.reason;
  }
  return stored;
}

/** Cancels the streams of a list of bodies. */
export async function cancelBodies(bodies: unknown[], reason?: unknown): Promise<void> {
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
  const notices: Problem[] = [];
  const check = (bytes: Uint8Array) => {
    const refusal = checkContent(bytes);
    if (refusal) throw new EditError(422, `${printable(path)}: ${refusal[0]}; ${refusal[1]}`);
    if (isRuleFile(path)) rules = compileRules(path, bytes, htmlHandling, notices);
  };
  const body = isRuleFile(path) ? limitRuleFile(path, file.body) : file.body;
  try {
    const { hash, nonce, size, chunks } = await writeBlob(kv, `${site}/o`, body, { check });
    return { nonce, content: { hash, size, type, chunks, headers, rules }, notices };
  } catch (error) {
    if (error instanceof TooLargeError)
      throw new EditError(413, `${printable(path)}: ${error.message}`, { cause: error });
    if (error instanceof StalledError)
      throw new EditError(408, `${printable(path)}: ${error.message}`, { cause: error });
    if (error instanceof BusyError) throw new EditError(503, `${printable(path)}: ${error.message}`, { cause: error });
    if (error instanceof TypeError) throw new EditError(400, `${printable(path)}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Limits the size of the body of a rule file. Throws an EditError, or makes the stream fail, if it is too large. */
function limitRuleFile(path: string, body: BlobBody): BlobBody {
  const tooLarge = () =>
    new EditError(
      413,
      `${printable(path)} has more than ${maxRuleFileBytes / 1000} KB; use fewer rules or deploy them`,
    );
  if (!(body instanceof ReadableStream)) {
    const size =
      typeof body === "string"
        ? new TextEncoder().encode(body).length
        : body instanceof Blob
          ? body.size
          : body.byteLength;
    if (size > maxRuleFileBytes) throw tooLarge();
    return body;
  }
  let size = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.byteLength;
        if (size > maxRuleFileBytes) throw tooLarge();
        controller.enqueue(chunk);
      },
    }),
  );
}
