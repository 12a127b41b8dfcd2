// Checks the files of an upload, as the Go side checks a folder (internal/source).
// All problems are reported together.

import { comparePaths } from "../format/compare_paths";
import type { HeaderRule, Redirect } from "../format/meta";
import { type HashedBody, hashBlob } from "../kv/blob_write";
import { type BlobBody, bytesOf, isBody, type Part, partsOf, sizeOf, whole } from "../kv/body_parts";
import { BusyError } from "../kv/byte_budget";
import { checkContent, isInspected } from "../rules/content_check";
import { contentType } from "../rules/content_type";
import { parseHeaders } from "../rules/headers_file";
import type { Problem } from "../rules/problem";
import { checkPath, checkType, type Refusal } from "../rules/publishable";
import { parseRedirects } from "../rules/redirects_file";
import { isRecord } from "./options";

/** The content of a file. A string becomes UTF-8. A stream is read once. */
export type FileContent = BlobBody;

/** Files by pathname ("/docs/index.html"). */
export type ProjectFiles =
  | Record<string, FileContent | { body: FileContent; contentType?: string }>
  | Map<string, FileContent | { body: FileContent; contentType?: string }>;

/** A file to publish. */
export interface UploadedFile {
  path: string;
  type: string;
  body: Part | ReadableStream;
  /** The hash of the content in hexadecimal, and its size; "" and 0 until they are known. */
  hash: string;
  size: number;
  /** The hashes for the upload. A stream has none. */
  hashed?: HashedBody;
  /** The nonce of its blob, if it is a stream that was already read. */
  nonce?: string;
}

/** A checked upload. */
export interface Upload {
  /** Sorted by path, bytewise. */
  files: UploadedFile[];
  /** The streams in the given order: they may be parts of one connection. */
  streams: UploadedFile[];
  redirects: Redirect[];
  headers: HeaderRule[];
}

const encoder = new TextEncoder();

const kinds = "string, ArrayBuffer, Uint8Array, Blob or ReadableStream";

/**
 * Checks files, and adds a problem for each that must not be published. It does not hash them, and of the streams it
 * reads only _redirects and _headers.
 */
export async function readUpload(
  given: ProjectFiles,
  { htmlHandling, tenant }: { htmlHandling: string; tenant: string },
  problems: Problem[],
): Promise<Upload> {
  const refuse = (path: string, reason: string, fix: string) =>
    problems.push({ path: path.replace(/^\//, "").toWellFormed(), reason, fix });
  const upload: Upload = { files: [], streams: [], redirects: [], headers: [] };

  for (const [path, file] of entriesOf(given, problems)) {
    const { body, contentType: type } = isBody(file) ? { body: file } : (file ?? {});
    if (!isBody(body)) {
      refuse(path, `the file is not a ${kinds}`, "pass its bytes");
    } else if (body instanceof ReadableStream && body.locked) {
      refuse(path, "the stream is locked", "give each file its own stream");
    } else if (path === "/_redirects" || path === "/_headers") {
      await readRules(upload, path, { body, htmlHandling, tenant }, problems);
    } else {
      const taken: UploadedFile = {
        path,
        type: type ?? contentType(path),
        body: body instanceof ReadableStream ? body : whole(body),
        hash: "",
        size: 0,
      };
      const problem = checkPath(path) ?? checkType(type) ?? (await checkKept(taken.body));
      if (problem) refuse(path, ...problem);
      upload.files.push(taken);
      if (body instanceof ReadableStream) upload.streams.push(taken);
    }
  }
  upload.files.sort((a, b) => comparePaths(a.path, b.path));
  return upload;
}

/** Hashes all files except streams. */
export async function hashUpload({ files }: Upload): Promise<void> {
  for (const file of files) {
    if (file.body instanceof ReadableStream) continue;
    file.hashed = await hashBlob(file.body);
    ({ hash: file.hash, size: file.size } = file.hashed);
  }
}

/** The SHA-256 of bytes or of a text, in hexadecimal. */
export async function sha256Hex(content: string | Uint8Array): Promise<string> {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)).toHex();
}

/** The bodies of the given files. */
export function contentsOf(given: ProjectFiles): unknown[] {
  return entriesOf(given, []).map(([, file]) => (isBody(file) ? file : (file as { body?: unknown } | null)?.body));
}

/** The given files by name. A caller without TypeScript may pass anything. */
function entriesOf(
  given: ProjectFiles,
  problems: Problem[],
): [string, Parameters<typeof isBody>[0] & { body?: unknown; contentType?: string }][] {
  const entries: [unknown, unknown][] =
    given instanceof Map ? [...given] : isRecord(given) ? Object.entries(given) : [];
  const bad = !(given instanceof Map || isRecord(given)) || entries.some(([name]) => typeof name !== "string");
  if (bad)
    problems.push({
      path: "files",
      reason: "the files are not an object or a Map by pathname",
      fix: 'use one like { "/index.html": "<h1>Hello</h1>" }',
    });
  return bad ? [] : (entries as [string, { body?: unknown; contentType?: string }][]);
}

/** Parses _redirects or _headers, which are read here even if they are streams. */
async function readRules(
  upload: Upload,
  name: "/_redirects" | "/_headers",
  { body, htmlHandling, tenant }: { body: BlobBody; htmlHandling: string; tenant: string },
  problems: Problem[],
): Promise<void> {
  const path = name.slice(1);
  const text = await rulesOf(body, tenant).catch((cause: unknown) => {
    if (cause instanceof BusyError) throw cause;
    throw new Error(`read ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  if (!text) {
    problems.push({ path, reason: "the file is larger than 25 MiB", fix: "make it smaller" });
  } else if (name === "/_redirects") {
    const { rules, problems: bad } = parseRedirects(path, text, htmlHandling);
    upload.redirects = rules;
    problems.push(...bad);
  } else {
    const { rules, problems: bad } = parseHeaders(path, text);
    upload.headers = rules;
    problems.push(...bad);
  }
}

/** The bytes of a file; undefined if they do not fit into one value. */
async function rulesOf(body: BlobBody, tenant: string): Promise<Uint8Array | undefined> {
  for await (const { part, chunked } of partsOf(body, tenant)) return chunked ? undefined : bytesOf(part);
  return undefined;
}

/** Checks the content of a file in memory. A stream is checked when it is read. */
async function checkKept(body: Part | ReadableStream): Promise<Refusal | undefined> {
  if (body instanceof ReadableStream || !isInspected(sizeOf(body))) return undefined;
  return checkContent(await bytesOf(body));
}
