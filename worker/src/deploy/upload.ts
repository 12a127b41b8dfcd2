// What a platform was given to deploy, checked as the Go side checks a folder
// (internal/source): nothing is published that it would refuse, and everything
// that is refused is refused together.

import { hashBlob, type HashedBody } from "../kv/blob_write";
import { BusyError } from "../kv/byte_budget";
import { bytesOf, isBody, partsOf, sizeOf, whole, type BlobBody, type Part } from "../kv/body_parts";
import { checkContent, holdsKey, isInspected } from "../rules/content_check";
import { contentType } from "../rules/content_type";
import { parseHeaders } from "../rules/headers_file";
import type { HeaderRule, Redirect } from "../format/meta";
import type { Problem } from "../rules/problem";
import { parseRedirects } from "../rules/redirects_file";
import { comparePaths } from "../format/stored";

/** A file's bytes; a text becomes UTF-8, a stream is read once. */
export type FileContent = BlobBody;

/** Files by pathname ("/docs/index.html"). */
export type ProjectFiles =
  | Record<string, FileContent | { body: FileContent; contentType?: string }>
  | Map<string, FileContent | { body: FileContent; contentType?: string }>;

/** A file that may be published. */
export interface UploadedFile {
  path: string;
  type: string;
  body: Part | ReadableStream;
  /** The content's hash, in hexadecimal, and its size; "" and 0 until they are known. */
  hash: string;
  size: number;
  /** What hashing found, for who writes it; a stream has none. */
  hashed?: HashedBody;
  /** Of its blob, where that was written, or found to be there, when its stream was read. */
  nonce?: string;
}

/** What an upload holds. */
export interface Upload {
  /** Sorted by path, bytewise. */
  files: UploadedFile[];
  /** Those that are streams, as they were given: one may come out of the same connection after another. */
  streams: UploadedFile[];
  redirects: Redirect[];
  headers: HeaderRule[];
}

/** Percent-encoded, it still fits into the request lines that browsers and proxies accept. */
const longestPath = 1024;

const encoder = new TextEncoder();

const kinds = "string, ArrayBuffer, Uint8Array, Blob or ReadableStream";

/**
 * Checks files: what must not be published is a problem each. They are not
 * hashed yet, and of the streams only _redirects and _headers are read.
 */
export async function readUpload(given: ProjectFiles, { htmlHandling, tenant }: { htmlHandling: string; tenant: string }, problems: Problem[]): Promise<Upload> {
  const refuse = (path: string, reason: string, fix: string) => problems.push({ path: path.replace(/^\//, "").toWellFormed(), reason, fix });
  const upload: Upload = { files: [], streams: [], redirects: [], headers: [] };
  const names = new Map<string, string>();

  for (const [name, file] of entriesOf(given, problems)) {
    const { body, contentType: type } = isBody(file) ? { body: file } : (file ?? {});
    const path = name.normalize("NFC");
    if (!isBody(body)) {
      refuse(name, `the file is no ${kinds}`, "give its bytes");
    } else if (body instanceof ReadableStream && body.locked) {
      refuse(name, "the stream is being read already, or was", "give each file a stream of its own");
    } else if (name === "/_redirects" || name === "/_headers") {
      await readRules(upload, name, { body, htmlHandling, tenant }, problems);
    } else {
      const taken: UploadedFile = { path, type: type ?? contentType(path), body: body instanceof ReadableStream ? body : whole(body), hash: "", size: 0 };
      const problem = checkPath(name, path) ?? checkType(type) ?? (await checkKept(taken.body));
      if (problem) refuse(name, ...problem);
      const other = names.get(path);
      if (other !== undefined) {
        for (const same of [other, name]) {
          refuse(same, "another file is served at the same path, because the names differ only in how letters are composed (Unicode NFC)", "rename one of them");
        }
      }
      names.set(path, name);
      upload.files.push(taken);
      if (body instanceof ReadableStream) upload.streams.push(taken);
    }
  }
  upload.files.sort((a, b) => comparePaths(a.path, b.path));
  return upload;
}

/** Hashes every file but the streams. */
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

/** The bodies of what was given, as far as it is files. */
export function contentsOf(given: ProjectFiles): unknown[] {
  return entriesOf(given, []).map(([, file]) => (isBody(file) ? file : (file as { body?: unknown } | null)?.body));
}

/** What a caller without TypeScript may have given for files, by name. */
function entriesOf(given: ProjectFiles, problems: Problem[]): [string, Parameters<typeof isBody>[0] & { body?: unknown; contentType?: string }][] {
  const entries: [unknown, unknown][] = given instanceof Map ? [...given] : isRecord(given) ? Object.entries(given) : [];
  const bad = !(given instanceof Map || isRecord(given)) || entries.some(([name]) => typeof name !== "string");
  if (bad) problems.push({ path: "files", reason: "the files are no record and no Map of files by pathname", fix: 'give them like { "/index.html": "<h1>Hello</h1>" }' });
  return bad ? [] : (entries as [string, { body?: unknown; contentType?: string }][]);
}

/** Whether something is an object that was written as one: a file's bytes and the like are none. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Compiles _redirects or _headers, which are read here even where they are streams. */
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
    problems.push({ path, reason: "the file has more than 25 MiB", fix: "make it smaller" });
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

/** A file's bytes; undefined where one value does not hold them. */
async function rulesOf(body: BlobBody, tenant: string): Promise<Uint8Array | undefined> {
  for await (const { part, chunked } of partsOf(body, tenant)) return chunked ? undefined : bytesOf(part);
  return undefined;
}

type Refusal = [reason: string, fix: string];

/** Why no file may have this name. */
export function checkPath(name: string, path: string): Refusal | undefined {
  if (!name.startsWith("/")) return ["the path does not begin with a slash", `give it as "/${name.slice(0, 80)}"`];
  const segments = name.slice(1).split("/");
  if (name.endsWith("/")) return ["the path is a folder's", `name a file in it, such as "${name.slice(-80)}index.html"`];
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) return ["the path leads elsewhere", "take out what is empty, . or .."];
  if (name.includes("\0")) return ["the name has a NUL byte", "rename it"];
  if (name.includes("\\")) return ['the name has a backslash, which browsers turn into "/"', "rename it"];
  if (!name.isWellFormed()) return ["the name is no Unicode text", "rename it"];
  if (isSecret(segments.at(-1)!)) return ["files of this name hold secrets", "leave it out"];
  if (isPrivateKey(segments.at(-1)!)) return holdsKey;
  if (segments.some((segment) => segment.startsWith(".") && segment !== ".well-known")) return ["files and folders that begin with a dot are not published", "leave it out, or rename it"];
  if (segments[0] === "_worker.js") return ["_worker.js is server code of Cloudflare Pages, which would become public", "deploy it as code, or leave it out"];
  if (encoder.encode(path).length > longestPath) return [`the path is longer than ${longestPath} bytes`, "shorten it"];
  return undefined;
}

/** Whether a file of this name holds credentials. */
function isSecret(name: string): boolean {
  return /^(?:\.(?:npmrc|netrc|pypirc|git-credentials|htpasswd)$|\.env|\.dev\.vars)/i.test(name);
}

/** Whether ssh-keygen gives private keys this name. Nothing else is called so. */
function isPrivateKey(name: string): boolean {
  return /^id_(?:rsa|dsa|ecdsa|ecdsa_sk|ed25519|ed25519_sk)$/i.test(name);
}

/** What the content of a file tells that is in memory; of a stream it is seen when it is read. */
async function checkKept(body: Part | ReadableStream): Promise<Refusal | undefined> {
  if (body instanceof ReadableStream || !isInspected(sizeOf(body))) return undefined;
  return checkContent(await bytesOf(body));
}

/** A type that came with a file goes into a header as it stands. */
export function checkType(type: unknown): Refusal | undefined {
  if (type === undefined || (typeof type === "string" && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\x20-\x7e]*)?$/.test(type) && type.length <= 255)) return undefined;
  return ["its content type is none", 'give one like "text/html; charset=utf-8", or none'];
}
