// Which names and content types a file may be published under. It decides as
// the Go side does (internal/source/rules.go).

import { holdsKey } from "./content_check";

const encoder = new TextEncoder();

/** Percent-encoded, it still fits into the request lines that browsers and proxies accept. */
const longestPath = 1024;

export type Refusal = [reason: string, fix: string];

/** Why no file may have this name. */
export function checkPath(name: string, path: string): Refusal | undefined {
  if (!name.startsWith("/")) return ["the path does not begin with a slash", `give it as "/${name.slice(0, 80)}"`];
  const segments = name.slice(1).split("/");
  if (name.endsWith("/"))
    return ["the path is a folder's", `name a file in it, such as "${name.slice(-80)}index.html"`];
  if (segments.some((segment) => segment === "" || segment === "." || segment === ".."))
    return ["the path leads elsewhere", "take out what is empty, . or .."];
  if (name.includes("\0")) return ["the name has a NUL byte", "rename it"];
  if (name.includes("\\")) return ['the name has a backslash, which browsers turn into "/"', "rename it"];
  if (!name.isWellFormed()) return ["the name is no Unicode text", "rename it"];
  if (isSecret(segments.at(-1)!)) return ["files of this name hold secrets", "leave it out"];
  if (isPrivateKey(segments.at(-1)!)) return holdsKey;
  if (segments.some((segment) => segment.startsWith(".") && segment !== ".well-known"))
    return ["files and folders that begin with a dot are not published", "leave it out, or rename it"];
  if (segments[0] === "_worker.js")
    return [
      "_worker.js is server code of Cloudflare Pages, which would become public",
      "deploy it as code, or leave it out",
    ];
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

/** A type that came with a file goes into a header as it stands. */
export function checkType(type: unknown): Refusal | undefined {
  if (
    type === undefined ||
    (typeof type === "string" && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\x20-\x7e]*)?$/.test(type) && type.length <= 255)
  )
    return undefined;
  return ["its content type is none", 'give one like "text/html; charset=utf-8", or none'];
}
