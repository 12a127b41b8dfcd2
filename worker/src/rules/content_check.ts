// Finds contents that must not be published. The Go side decides the same
// (internal/source/rules); the tests of both read testdata/project/contents.json.

/** Larger files are not inspected: the longest keys in use (RSA, 16384 bits) have 13 KiB. */
const inspectBytes = 16 << 10;

/** How much of a file is inspected. PEM files are inspected completely: a key may follow its certificates. */
const headBytes = 4 << 10;

/** The beginning of any PEM file. */
const pemBegin = /^[\t\n\f\r ]*-----BEGIN /;

/** The line with which a private key begins. */
const keyLine = "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----";

/** The beginning of a key file. */
const keyFile = new RegExp(`^[\\t\\n\\f\\r ]*${keyLine}`);

/**
 * A key inside a file, at the start of a line or in the JSON of a service account. It includes some of the key's body,
 * so that a page about keys does not match.
 */
const keyInside = new RegExp(
  `(?:(?:^|\\n)[ \\t]*|"private_key"[\\t\\n\\f\\r ]*:[\\t\\n\\f\\r ]*")${keyLine}` +
    "(?:[\\t\\n\\f\\r ]|\\\\n|\\\\r|[A-Za-z-]+: [^\\n]*\\n)+[A-Za-z0-9+/=]{40}",
);

/** The refusal of a private key, found by name or by content. */
export const holdsKey: [reason: string, fix: string] = [
  "the file holds a private key",
  "leave it out; if it was public before, replace the key",
];

/** Why these bytes must not be published, and how to fix it; undefined if they may. */
export function checkContent(bytes: Uint8Array): [reason: string, fix: string] | undefined {
  if (!isInspected(bytes.length)) return undefined;
  let head = new TextDecoder().decode(bytes.subarray(0, headBytes)); // without a byte order mark
  if (pemBegin.test(head)) head = new TextDecoder().decode(bytes);
  if (head.startsWith("version https://git-lfs.github.com/spec/v1"))
    return ["the file is a Git LFS pointer, not the file itself", "give the file that it stands for"];
  if (head.startsWith("\0GITCRYPT\0"))
    return ["the file is encrypted by git-crypt, and this is its cipher text", "unlock it first"];
  if (!head.startsWith("PuTTY-User-Key-File-") && !keyFile.test(head) && !keyInside.test(head)) return undefined;
  return holdsKey;
}

/** Whether a file of this size is inspected. */
export function isInspected(size: number): boolean {
  return size <= inspectBytes;
}
