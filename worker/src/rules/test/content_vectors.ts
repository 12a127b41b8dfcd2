// Contents that must not be published, and similar ones that may be published. They are
// written to testdata/project/contents.json. The Go side must make the same decisions.

import { checkContent } from "../content_check";

/** A content, and the reason of its refusal. null means that it may be published. */
export interface ContentVector {
  content: string;
  reason: string | null;
}

// The text is split so that secret scanners do not report this file.
const begin = (kind: string) => `-----BEGIN ${kind}PRIVATE KEY-----`;
const end = "-----END PRIVATE" + " KEY-----\n";
const body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n";
const pointer =
  "version https://git-lfs.github.com/spec/v1\n" +
  "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

const contents: string[] = [
  "",
  "hello",
  pointer,
  `\ufeff${pointer}`,
  ` ${pointer}`,
  "\0GITCRYPT\0\u0001cipher",
  "\0GITCRYPT",
  " \0GITCRYPT\0",
  pointer.slice(0, 30),
  `${pointer}${"x".repeat(20_000)}`,
  `${begin("")}\n${body}${end}`,
  `${begin("RSA ")}\r\n${body}`,
  `${begin("OPENSSH ")}\nabc`,
  `\ufeff \t\r\n\f${begin("EC ")}`,
  `\u00a0${begin("EC ")}`,
  `\u000b${begin("EC ")}\n`,
  `${begin("PGP ").slice(0, -5)} BLOCK-----\n\n${body}`,
  `${begin("ü ")}\n${body}`,
  `${begin("A".repeat(41))}\n${body}`,
  `${begin("A".repeat(40))}\n${body}`,
  `Bag Attributes\n${begin("RSA ")}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n${body}`,
  `Bag Attributes\n \t${begin("RSA ")}\n${body}`,
  `Bag Attributes\r${begin("RSA ")}\n${body}`,
  `Bag Attributes\u2028${begin("RSA ")}\n${body}`,
  `<pre>\n${begin("")}\n...\n</pre>`,
  `<pre>${begin("")}\n${body}</pre>`,
  `<pre>\n${begin("")}${body}</pre>`,
  `<pre>\n${begin("")}\n${body.slice(0, 39)}</pre>`,
  `{"type": "service_account", "private_key": "${begin("")}\\n${body.trim()}\\n"}`,
  `{"private_key" :\n"${begin("")}\\r\\n${body.trim()}"}`,
  `{"public_key": "${begin("")}\\n${body.trim()}"}`,
  "PuTTY-User-Key-File-3: ssh-ed25519\n",
  "\nPuTTY-User-Key-File-3: ssh-ed25519\n",
  `${" ".repeat(4000)}\n${begin("")}\n${body}`,
  `${" ".repeat(4060)}\n${begin("")}\n${body}`,
  `${"x".repeat(4000)}\n${begin("")}\n${body}`,
  `${begin("")}\n${body}${"x".repeat((16 << 10) - 70)}`,
  `${begin("")}\n${body}${"x".repeat(16 << 10)}`,
  `-----BEGIN CERTIFICATE-----\n${body.repeat(150)}-----END CERTIFICATE-----\n${begin("RSA ")}\n${body}`,
  `\ufeff\n-----BEGIN CERTIFICATE-----\n${body.repeat(380)}-----END CERTIFICATE-----\n${begin("")}\n${body}`,
  `-----BEGIN CERTIFICATE-----\n${body.repeat(400)}-----END CERTIFICATE-----\n${begin("")}\n${body}`,
  `<pre>\n-----BEGIN CERTIFICATE-----\n${body.repeat(150)}${begin("")}\n${body}</pre>`,
  `x\n${begin("").repeat(100)}`,
  `x\n${begin("")}${"a: \n\n".repeat(500)}!`,
];

/** Returns the decisions of the TypeScript side. */
export function contentVectors(): ContentVector[] {
  return contents.map((text) => ({
    content: Buffer.from(text).toString("base64"),
    reason: checkContent(new TextEncoder().encode(text))?.[0] ?? null,
  }));
}
