// What a platform was given to deploy, checked as the Go side checks a folder
// (internal/source): nothing is published that it would refuse, and everything
// that is refused is refused together.

import { largestValue } from "./chunks";
import { contentType } from "./content_type";
import { parseHeaders } from "./headers_file";
import type { HeaderRule, Redirect } from "./meta";
import type { Problem } from "./problem";
import { parseRedirects } from "./redirects_file";
import { comparePaths } from "./stored";

/** A file's bytes; a text becomes UTF-8. */
export type FileContent = string | ArrayBuffer | Uint8Array;

/** Files by pathname ("/docs/index.html"). */
export type ProjectFiles =
  | Record<string, FileContent | { body: FileContent; contentType?: string }>
  | Map<string, FileContent | { body: FileContent; contentType?: string }>;

/** A file that may be published. */
export interface UploadedFile {
  path: string;
  /** The content's SHA-256, in hexadecimal; "" until it is known. */
  hash: string;
  size: number;
  type: string;
  bytes: Uint8Array;
}

/** What an upload holds. */
export interface Upload {
  /** Sorted by path, bytewise. */
  files: UploadedFile[];
  redirects: Redirect[];
  headers: HeaderRule[];
}

/** Percent-encoded, it still fits into the request lines that browsers and proxies accept. */
const longestPath = 1024;

const encoder = new TextEncoder();

/** Checks files: what must not be published is a problem each. They are not hashed yet. */
export function readUpload(given: ProjectFiles, htmlHandling: string, problems: Problem[]): Upload {
  const refuse = (path: string, reason: string, fix: string) => problems.push({ path: path.replace(/^\//, "").toWellFormed(), reason, fix });
  const upload: Upload = { files: [], redirects: [], headers: [] };
  const names = new Map<string, string>();

  for (const [name, file] of given instanceof Map ? given : Object.entries(given)) {
    const { body, contentType: type } = isFileContent(file) ? { body: file } : (file ?? {});
    const bytes = bytesOf(body);
    const path = name.normalize("NFC");
    if (!bytes) {
      refuse(name, "the file is no string, ArrayBuffer or Uint8Array", "give its bytes");
    } else if (name === "/_redirects") {
      const { rules, problems: bad } = parseRedirects("_redirects", bytes, htmlHandling);
      upload.redirects = rules;
      problems.push(...bad);
    } else if (name === "/_headers") {
      const { rules, problems: bad } = parseHeaders("_headers", bytes);
      upload.headers = rules;
      problems.push(...bad);
    } else {
      const problem = checkPath(name, path) ?? checkSize(bytes.length) ?? checkType(type);
      if (problem) refuse(name, ...problem);
      const other = names.get(path);
      if (other !== undefined) {
        for (const same of [other, name]) {
          refuse(same, "another file is served at the same path, because the names differ only in how letters are composed (Unicode NFC)", "rename one of them");
        }
      }
      names.set(path, name);
      upload.files.push({ path, hash: "", size: bytes.length, type: type ?? contentType(path), bytes });
    }
  }
  upload.files.sort((a, b) => comparePaths(a.path, b.path));
  return upload;
}

/** Hashes every file. */
export async function hashUpload({ files }: Upload): Promise<void> {
  for (const file of files) file.hash = await sha256Hex(file.bytes);
}

/** The SHA-256 of bytes or of a text, in hexadecimal. */
export async function sha256Hex(content: string | Uint8Array): Promise<string> {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)).toHex();
}

/** The bytes of a content, or undefined for what is none, as a caller without TypeScript may give. */
export function bytesOf(content: unknown): Uint8Array | undefined {
  if (typeof content === "string") return encoder.encode(content);
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  return content instanceof Uint8Array ? content : undefined;
}

function isFileContent(file: unknown): file is FileContent {
  return typeof file === "string" || file instanceof ArrayBuffer || file instanceof Uint8Array;
}

type Refusal = [reason: string, fix: string];

/** Why no file may have this name. */
function checkPath(name: string, path: string): Refusal | undefined {
  if (!name.startsWith("/")) return ["the path does not begin with a slash", `give it as "/${name.slice(0, 80)}"`];
  const segments = name.slice(1).split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) return ["the path leads elsewhere", "take out what is empty, . or .."];
  if (name.includes("\0")) return ["the name has a NUL byte", "rename it"];
  if (name.includes("\\")) return ['the name has a backslash, which browsers turn into "/"', "rename it"];
  if (!name.isWellFormed()) return ["the name is no Unicode text", "rename it"];
  if (isSecret(segments.at(-1)!)) return ["files of this name hold secrets", "leave it out"];
  if (isPrivateKey(segments.at(-1)!)) return ["the file holds a private key", "leave it out; if it was public before, replace the key"];
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

function checkSize(size: number): Refusal | undefined {
  if (size <= largestValue) return undefined;
  return [`the file has ${(size / (1 << 20)).toFixed(1)} MiB, and a value in KV at most 25`, "make it smaller, or serve it from R2"];
}

/** A type that came with a file goes into a header as it stands. */
function checkType(type: unknown): Refusal | undefined {
  if (type === undefined || (typeof type === "string" && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\x20-\x7e]*)?$/.test(type) && type.length <= 255)) return undefined;
  return ["its content type is none", 'give one like "text/html; charset=utf-8", or none'];
}
