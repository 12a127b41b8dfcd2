// What a file's content tells against publishing it. It decides as the Go side
// does (internal/source/rules.go); testdata/project/contents.json is read by both.

/** Larger files are not looked at: the longest keys in use (RSA, 16384 bits) have 13 KiB. */
const inspectBytes = 16 << 10;

/** How much of a file is looked at, but of PEM: there the key may follow the certificates of its chain. */
const headBytes = 4 << 10;

/** How PEM begins, of whatever kind. */
const pemBegin = /^[\t\n\f\r ]*-----BEGIN /;

/** It begins as a key file does: there is no page before it that could speak of keys. */
const keyFile = /^[\t\n\f\r ]*-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;

/**
 * A key with some of its body, so that a page that merely speaks of keys is
 * none: at the start of a line, or in the JSON of a service account.
 */
const keyInside =
  /(?:(?:^|\n)[ \t]*|"private_key"[\t\n\f\r ]*:[\t\n\f\r ]*")-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[\t\n\f\r ]|\\n|\\r|[A-Za-z-]+: [^\n]*\n)+[A-Za-z0-9+/=]{40}/;

/** Told of a file whether its name or its content tells it. */
export const holdsKey: [reason: string, fix: string] = [
  "the file holds a private key",
  "leave it out; if it was public before, replace the key",
];

/** Why nobody may publish a file with these bytes, and the way out. */
export function checkContent(bytes: Uint8Array): [reason: string, fix: string] | undefined {
  if (!isInspected(bytes.length)) return undefined;
  let head = new TextDecoder().decode(bytes.subarray(0, headBytes)); // without a byte order mark
  if (pemBegin.test(head)) head = new TextDecoder().decode(bytes);
  if (head.startsWith("version https://git-lfs.github.com/spec/v1"))
    return ["the file is a Git LFS pointer, not the file itself", "give the file that it stands for"];
  if (!head.startsWith("PuTTY-User-Key-File-") && !keyFile.test(head) && !keyInside.test(head)) return undefined;
  return holdsKey;
}

/** Whether a file of so many bytes is looked at. */
export function isInspected(size: number): boolean {
  return size <= inspectBytes;
}
