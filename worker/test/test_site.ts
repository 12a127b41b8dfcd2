// Describes test sites, and creates their manifests.

import { type Description, type EntryDescription, encodeIndex, sha256Hex } from "./encode";

/** A site to serve. */
export interface Site {
  name: string;
  files: Record<string, string | Uint8Array>;
  /** Files of an earlier deployment, which the oracle does not have. */
  retired?: Record<string, string>;
  /** Chunked files; `size` is the chunk size. */
  chunked?: Record<string, { content: string; size: number; retired?: boolean }>;
  /** Entries whose blobs the test writes. */
  entries?: EntryDescription[];
  /** How long Workers Caching may store a response, in seconds. */
  edgeCache?: number;
  /** The memory for small blobs, in bytes. */
  memoryCache?: number;
  /** Whether responses have the header Cache-Status. */
  cacheStatus?: boolean;
  /** Whether the site has an overlay. */
  overlay?: boolean;
  /** The overlay writes that the manifest has adopted. */
  adopted?: Record<string, string>;
  /** html_handling. */
  html?: string;
  /** not_found_handling. */
  notFound?: string;
  /** The text of _redirects. */
  redirects?: string;
  /** The text of _headers. */
  headers?: string;
  /** The TypeScript code of the site's own Worker; without it, the site has the default Worker. */
  worker?: string;
  /** The capabilities and the token for writes at run time. The overlay is in the Worker "companion". */
  edits?: { write?: boolean; rules?: boolean; token?: string };
  /** The number of entries in each part of its manifest; without it, the manifest is whole. */
  perPart?: number | undefined;
  /** Damages the manifest after it was encoded. */
  damage?: (manifest: Buffer) => void;
}

/** The modified time of all files. */
export const modified = 1_700_000_000;
/** The nonce of all blobs. */
export const nonce = "0123456789abcdef";

/** The content types of a test site's files. They equal those of the oracle. */
const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  txt: "text/plain; charset=utf-8",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
};

/** Describes the manifest of a site for the encoder. */
export function describe(site: Site): Description {
  const entries = (files: Record<string, string | Uint8Array>, retired: boolean): EntryDescription[] =>
    Object.entries(files).map(([path, content]) => ({
      path,
      hash: sha256Hex(content),
      nonce,
      size: Buffer.byteLength(content),
      modified,
      type: types[/\.(\w+)$/.exec(path)?.[1] ?? ""] ?? "application/octet-stream",
      ...(retired ? { retired } : {}),
    }));
  return {
    site: site.name,
    ...(site.html ? { html_handling: site.html } : {}),
    ...(site.notFound ? { not_found_handling: site.notFound } : {}),
    entries: [
      ...(site.entries ?? []),
      ...entries(site.files, false),
      ...entries(site.retired ?? {}, true),
      ...Object.entries(site.chunked ?? {}).flatMap(([path, { content, size, retired }]) =>
        entries({ [path]: content }, retired ?? false).map((entry) => ({
          ...entry,
          hash: chunk(content, size).hash,
          chunked: true,
        })),
      ),
    ],
    ...(site.edgeCache ? { edge_cache: site.edgeCache } : {}),
    memory_cache: site.memoryCache,
    ...(site.cacheStatus ? { cache_status: true } : {}),
    ...(site.overlay ? { overlay: true } : {}),
    ...(site.adopted ? { adopted: site.adopted } : {}),
    redirects: compileRedirects(site.redirects ?? ""),
    headers: compileHeaders(site.headers ?? ""),
  };
}

/** Returns the key of a content of a test site. */
export function blobKey(site: string, content: string | Uint8Array): string {
  return `${site}/b/${sha256Hex(content)}.${nonce}`;
}

/** Splits a content into chunks, each with its own nonce. Returns the chunk index and the chunks. */
export function chunk(
  content: string,
  size: number,
): { hash: string; bytes: Buffer; chunks: { key: string; content: string }[] } {
  const parts = Array.from({ length: Math.ceil(content.length / size) }, (_, i) =>
    content.slice(i * size, (i + 1) * size),
  );
  const chunks = parts.map((part, i) => ({ hash: sha256Hex(part), nonce: i.toString(16).padStart(16, "c") }));
  const index = encodeIndex({ chunk_size: size, size: content.length, chunks });
  return { ...index, chunks: chunks.map(({ hash, nonce }, i) => ({ key: `${hash}.${nonce}`, content: parts[i]! })) };
}

function compileRedirects(text: string): Description["redirects"] {
  return lines(text).map((line) => {
    const [from, to, status] = line.trim().split(/\s+/);
    return { from: from!, to: to!, status: Number(status ?? 302) };
  });
}

function compileHeaders(text: string): Description["headers"] {
  const rules: { path: string; set: [string, string][]; unset: string[] }[] = [];
  for (const line of lines(text)) {
    if (!/^\s/.test(line)) rules.push({ path: line.trim(), set: [], unset: [] });
    else if (line.trim().startsWith("!")) rules.at(-1)!.unset.push(line.trim().slice(1).trim());
    else {
      const [, name, value] = /^\s*([^:]+):\s*(.*)$/.exec(line)!;
      rules.at(-1)!.set.push([name!.trim(), value!.trim()]);
    }
  }
  return rules;
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("#"));
}
