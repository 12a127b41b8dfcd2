// Finds contents that must not be published. The Go side makes the same decisions
// (internal/source/rules). The tests of both sides read testdata/project/contents.json.

/** Larger files are not inspected, because no key is that long: an RSA key of 16384 bits has 13 KiB. */
const inspectBytes = 16 << 10;

/** The inspected beginning of a file. PEM files are inspected completely, because a key may follow certificates. */
const headBytes = 4 << 10;

/** Matches the beginning of any PEM file. */
const pemBegin = /^[\t\n\f\r ]*-----BEGIN /;

/** Matches the first line of a private key. */
const keyLine = "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----";

/** Matches a file that begins with a private key. */
const keyFile = new RegExp(`^[\\t\\n\\f\\r ]*${keyLine}`);

/**
 * Matches a key inside a file: at the start of a line, or in the JSON of a service account. It requires a part of the
 * key's body, so that a page about keys does not match.
 */
const keyInside = new RegExp(
  `(?:(?:^|\\n)[ \\t]*|"private_key"[\\t\\n\\f\\r ]*:[\\t\\n\\f\\r ]*")${keyLine}` +
    "(?:[\\t\\n\\f\\r ]|\\\\n|\\\\r|[A-Za-z-]+: [^\\n]*\\n)+[A-Za-z0-9+/=]{40}",
);

/** The refusal of a private key, which is recognized by its name or by its content. */
export const privateKeyRefusal: [reason: string, fix: string] = [
  "the file holds a private key",
  "leave it out; if it was public before, replace the key",
];

/** Returns why these bytes must not be published, and how to fix it. Returns undefined if they may be published. */
export function checkContent(bytes: Uint8Array): [reason: string, fix: string] | undefined {
  if (!isInspected(bytes.length)) return undefined;
  let head = new TextDecoder().decode(bytes.subarray(0, headBytes)); // removes a byte order mark
  if (pemBegin.test(head)) head = new TextDecoder().decode(bytes);
  if (head.startsWith("version https://git-lfs.github.com/spec/v1"))
    return ["the file is a Git LFS pointer, not the file itself", "give the file that it stands for"];
  if (head.startsWith("\0GITCRYPT\0"))
    return ["the file is encrypted by git-crypt, and this is its cipher text", "unlock it first"];
  if (!head.startsWith("PuTTY-User-Key-File-") && !keyFile.test(head) && !keyInside.test(head)) return undefined;
  return privateKeyRefusal;
}

/** Whether a file of this size is inspected. */
export function isInspected(size: number): boolean {
  return size <= inspectBytes;
}
