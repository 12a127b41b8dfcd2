// Checks the names and content types of published files. The Go side makes the same
// decisions (internal/source/rules).

import { privateKeyRefusal } from "./content_check";

const encoder = new TextEncoder();

/**
 * The maximum length of a path in bytes. Percent-encoded, it fits into the request line that browsers and proxies
 * accept.
 */
const maxPathBytes = 1024;

/** Why a file is refused, and how to fix it. */
export type Refusal = [reason: string, fix: string];

/** Returns why a file must not have this pathname, or undefined if it may. */
export function checkPath(name: string): Refusal | undefined {
  if (!name.startsWith("/")) return ["the path does not begin with a slash", `give it as "/${name.slice(0, 80)}"`];
  const segments = name.slice(1).split("/");
  if (name.endsWith("/")) return ["the path is a folder", `name a file in it, such as "${name.slice(-80)}index.html"`];
  if (segments.some((segment) => segment === "" || segment === "." || segment === ".."))
    return ['the path has an empty segment, "." or ".."', "remove it"];
  if (name.includes("\0")) return ["the name has a NUL byte", "rename it"];
  if (name.includes("\\")) return ['the name has a backslash, which browsers turn into "/"', "rename it"];
  if (!name.isWellFormed()) return ["the name is not valid Unicode", "rename it"];
  if (isSecret(segments.at(-1)!)) return ["files with this name contain secrets", "leave it out"];
  if (isPrivateKey(segments.at(-1)!)) return privateKeyRefusal;
  if (segments.some((segment) => segment.startsWith(".") && segment !== ".well-known"))
    return ["files and folders that begin with a dot are not published", "leave it out, or rename it"];
  if (segments[0] === "_worker.js")
    return [
      "_worker.js is server code of Cloudflare Pages, which would become public",
      "deploy it as code, or leave it out",
    ];
  if (encoder.encode(name).length > maxPathBytes)
    return [`the path is longer than ${maxPathBytes} bytes`, "shorten it"];
  return undefined;
}

/** Whether files with this name usually contain credentials. */
function isSecret(name: string): boolean {
  return /^(?:\.(?:npmrc|netrc|pypirc|git-credentials|htpasswd)$|\.env|\.dev\.vars)/i.test(name);
}

/** Whether ssh-keygen gives this name to private keys. */
function isPrivateKey(name: string): boolean {
  return /^id_(?:rsa|dsa|ecdsa|ecdsa_sk|ed25519|ed25519_sk)$/i.test(name);
}

/** Returns why a content type is refused, or undefined if it is valid. A valid type is sent in a header unchanged. */
export function checkType(type: unknown): Refusal | undefined {
  if (
    type === undefined ||
    (typeof type === "string" && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\x20-\x7e]*)?$/.test(type) && type.length <= 255)
  )
    return undefined;
  return ["invalid content type", 'use one like "text/html; charset=utf-8", or none'];
}
