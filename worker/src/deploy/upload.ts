// Checks the files of an upload. The Go side checks a folder by the same rules
// (internal/source). All problems are reported together.

import { comparePaths } from "../format/compare_paths";
import type { HeaderRule, Redirect } from "../format/meta";
import { type HashedBody, hashBlob } from "../kv/blob_write";
import { type BlobBody, bytesOf, isBody, type Part, partsOf, sizeOf, toPart } from "../kv/body_parts";
import { BusyError } from "../kv/byte_budget";
import { checkContent, isInspected } from "../rules/content_check";
import { contentType } from "../rules/content_type";
import { parseHeaders } from "../rules/headers_file";
import type { Problem } from "../rules/problem";
import { checkPath, checkType, type Refusal } from "../rules/publishable";
import { parseRedirects } from "../rules/redirects_file";
import { isRecord } from "./options";

/** The content of a file. A string is encoded as UTF-8. A stream is read once. */
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
  /** The hash of the content, in hexadecimal; "" until it is known. */
  hash: string;
  /** The size of the content; 0 until it is known. */
  size: number;
  /** The hashes of the whole body and of its parts; undefined for a stream. */
  hashed?: HashedBody;
  /** The nonce of the blob; set for a stream after it was uploaded. */
  nonce?: string;
}

/** A checked upload. */
export interface Upload {
  /** Sorted by path, bytewise. */
  files: UploadedFile[];
  /** The streams in the order of the caller: they may arrive one after another over the same connection. */
  streams: UploadedFile[];
  redirects: Redirect[];
  /** The rules of _redirects that are left out, because Cloudflare ignores them. */
  notices: Problem[];
  headers: HeaderRule[];
}

const encoder = new TextEncoder();

const kinds = "string, ArrayBuffer, Uint8Array, Blob or ReadableStream";

/**
 * Checks files, and adds a problem for each file that must not be published. It does not hash files. It reads no stream
 * except those of _redirects and _headers.
 */
export async function readUpload(
  given: ProjectFiles,
  { htmlHandling, tenant }: { htmlHandling: string; tenant: string },
  problems: Problem[],
): Promise<Upload> {
  const addProblem = (path: string, reason: string, fix: string) =>
    problems.push({ path: path.replace(/^\//, "").toWellFormed(), reason, fix });
  const upload: Upload = { files: [], streams: [], redirects: [], headers: [], notices: [] };

  for (const [path, file] of entriesOf(given, problems)) {
    const { body, contentType: type } = isBody(file) ? { body: file } : (file ?? {});
    if (!isBody(body)) {
      addProblem(path, `the file is not a ${kinds}`, "pass its bytes");
    } else if (body instanceof ReadableStream && body.locked) {
      addProblem(path, "the stream is locked", "give each file its own stream");
    } else if (path === "/_redirects" || path === "/_headers") {
      await parseRules(upload, path, { body, htmlHandling, tenant }, problems);
    } else {
      const uploaded: UploadedFile = {
        path,
        type: type ?? contentType(path),
        body: body instanceof ReadableStream ? body : toPart(body),
        hash: "",
        size: 0,
      };
      const problem = checkPath(path) ?? checkType(type) ?? (await checkInMemory(uploaded.body));
      if (problem) addProblem(path, ...problem);
      upload.files.push(uploaded);
      if (body instanceof ReadableStream) upload.streams.push(uploaded);
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

/** Returns the SHA-256 of bytes or of a text, in hexadecimal. */
export async function sha256Hex(content: string | Uint8Array): Promise<string> {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)).toHex();
}

/** Returns the bodies of the given files. */
export function contentsOf(given: ProjectFiles): unknown[] {
  return entriesOf(given, []).map(([, file]) => (isBody(file) ? file : (file as { body?: unknown } | null)?.body));
}

/** Returns the given files by name. A caller without TypeScript may pass anything. */
function entriesOf(
  given: ProjectFiles,
  problems: Problem[],
): [string, Parameters<typeof isBody>[0] & { body?: unknown; contentType?: string }][] {
  const entries: [unknown, unknown][] =
    given instanceof Map ? [...given] : isRecord(given) ? Object.entries(given) : [];
  const isInvalid = !(given instanceof Map || isRecord(given)) || entries.some(([name]) => typeof name !== "string");
  if (isInvalid)
    problems.push({
      path: "files",
      reason: "the files are not an object or a Map by pathname",
      fix: 'use one like { "/index.html": "<h1>Hello</h1>" }',
    });
  return isInvalid ? [] : (entries as [string, { body?: unknown; contentType?: string }][]);
}

/** Reads and parses _redirects or _headers. */
async function parseRules(
  upload: Upload,
  name: "/_redirects" | "/_headers",
  { body, htmlHandling, tenant }: { body: BlobBody; htmlHandling: string; tenant: string },
  problems: Problem[],
): Promise<void> {
  const path = name.slice(1);
  const text = await readWhole(body, tenant).catch((cause: unknown) => {
    if (cause instanceof BusyError) throw cause;
    throw new Error(`read ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  if (!text) {
    problems.push({ path, reason: "the file is larger than 25 MiB", fix: "make it smaller" });
  } else if (name === "/_redirects") {
    const { rules, problems: bad, notices } = parseRedirects(path, text, htmlHandling);
    upload.redirects = rules;
    upload.notices = notices;
    problems.push(...bad);
  } else {
    const { rules, problems: bad } = parseHeaders(path, text);
    upload.headers = rules;
    problems.push(...bad);
  }
}

/** Reads a body. Returns undefined if its bytes do not fit into one KV value. */
async function readWhole(body: BlobBody, tenant: string): Promise<Uint8Array | undefined> {
  for await (const { part, chunked } of partsOf(body, tenant)) return chunked ? undefined : bytesOf(part);
  return undefined;
}

/** Checks the content of a file in memory. A stream is checked later, when it is uploaded. */
async function checkInMemory(body: Part | ReadableStream): Promise<Refusal | undefined> {
  if (body instanceof ReadableStream || !isInspected(sizeOf(body))) return undefined;
  return checkContent(await bytesOf(body));
}
