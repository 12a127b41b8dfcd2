// Writes testdata/served/: `npm run vectors`. The files are committed, and
// `npm test` checks that they are up to date.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Description,
  type EntryDescription,
  encodeIndex,
  encodeManifest,
  type IndexDescription,
  sha256Hex,
} from "../../../test/encode";

/** Returns the generated files of testdata/served/ by name. */
export function vectorFiles(): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const [name, { about, manifest, index, missing }] of Object.entries(manifests)) {
    const lookups = [
      ...manifest.entries.map(({ path, hash, nonce, size, modified, type, retired, chunked }) => ({
        path,
        found: { key: `${manifest.site}/b/${hash}.${nonce}`, size, modified, type, retired: retired ?? false, chunked },
      })),
      ...missing.map((path) => ({ path, found: null })),
    ];
    files.set(`${name}.json`, Buffer.from(`${JSON.stringify({ about, manifest, index, lookups }, null, 1)}\n`));
    files.set(`${name}.bin`, encodeManifest(manifest));
    if (index) files.set(`${name}.index`, encodeIndex(index).bytes);
  }
  const indexReasons: Record<string, string> = {};
  for (const { name, reason, bytes } of refusedIndexes()) {
    indexReasons[name] = reason;
    files.set(`chunked/refused/${name}.index`, bytes);
  }
  files.set("chunked/refused.json", Buffer.from(`${JSON.stringify(indexReasons, null, 1)}\n`));
  const reasons: Record<string, string> = {};
  for (const { name, reason, bytes } of refused()) {
    reasons[name] = reason;
    files.set(`refused/${name}.bin`, bytes);
  }
  files.set("refused.json", Buffer.from(`${JSON.stringify(reasons, null, 1)}\n`));
  return files;
}

const html = "text/html; charset=utf-8";
const css = "text/css; charset=utf-8";

function entry(path: string, nonce: string, type: string, more: Partial<EntryDescription> = {}): EntryDescription {
  const content = `content of ${path}\n`;
  return {
    path,
    hash: sha256Hex(content),
    nonce,
    size: Buffer.byteLength(content),
    modified: 1_700_000_000 + path.length,
    type,
    ...more,
  };
}

/** A file of 40 MiB and one byte: two full chunks with the same content and key, and a short chunk. */
const film: IndexDescription = {
  chunk_size: 16 << 20,
  size: (40 << 20) + 1,
  chunks: [
    { hash: sha256Hex("a"), nonce: "0123456789abcdef" },
    { hash: sha256Hex("a"), nonce: "0123456789abcdef" },
    { hash: sha256Hex("b"), nonce: "00000000000000ff" },
  ],
};

const manifests: Record<string, { about: string; manifest: Description; index?: IndexDescription; missing: string[] }> =
  {
    empty: {
      about: "A manifest without entries, nonces and settings.",
      manifest: { site: "empty", entries: [] },
      missing: ["/", "/index.html", ""],
    },
    one: {
      about: "One entry whose fields have their largest values.",
      manifest: {
        site: "one",
        entries: [
          entry("/index.html", "ffffffffffffffff", html, { size: 0xffffffff, modified: 0xffffffff, chunked: true }),
        ],
      },
      missing: ["/", "/index", "/index.htm", "/index.html/", "index.html"],
    },
    site: {
      about:
        "All features: entries in any order, pathnames with characters outside of ASCII, shared " +
        "nonces and types, a retired asset, redirects, headers.",
      manifest: {
        site: "blog_2-a",
        html_handling: "drop-trailing-slash",
        not_found_handling: "single-page-application",
        entries: [
          entry("/index.html", "0123456789abcdef", html),
          entry("/style.css", "00000000000000ff", css),
          entry("/docs/a b.html", "0123456789abcdef", html),
          entry("/docs/a+b&c%20d.html", "0123456789abcdef", html),
          entry("/ü/日本語/🙂.html", "00000000000000ff", html),
          entry("/old.css", "a1b2c3d4e5f60718", css, { retired: true }),
          entry("/.well-known/security.txt", "a1b2c3d4e5f60718", "text/plain; charset=utf-8"),
          entry("/data.bin", "0123456789abcdef", "application/octet-stream", {
            size: 0,
            modified: 0,
            hash: sha256Hex(""),
          }),
        ],
        redirects: [
          { from: "/home", to: "/", status: 301 },
          { from: "/news/:year/*", to: "/archive/:year?rest=:splat&x=<y>", status: 302 },
          { from: "https://old.example.com/*", to: "https://example.com/:splat", status: 308 },
        ],
        headers: [
          {
            path: "/*",
            set: [
              ["x-frame-options", "DENY"],
              ["x-quote", '"é\\'],
            ],
            unset: ["x-powered-by"],
          },
          { path: "/static/*", unset: ["etag"] },
          {
            path: "/feed",
            set: [
              ["link", "</a>; rel=a"],
              ["link", "</b>; rel=b"],
            ],
          },
        ],
      },
      missing: ["/docs/a%20b.html", "/Index.html", "/ü", "/docs/a+b&c d.html", "/constructor", "/__proto__"],
    },
    many: {
      about: "200 entries, to test the binary search.",
      manifest: {
        site: "many",
        html_handling: "none",
        not_found_handling: "none",
        entries: Array.from({ length: 200 }, (_, i) =>
          entry(`/p/${i}.${i % 3 ? "html" : "css"}`, `${i % 5}`.repeat(16), i % 3 ? html : css, {
            hash: sha256Hex(`${i}`),
            modified: 1_700_000_000 + i,
          }),
        ),
      },
      missing: ["/p/200.html", "/p/0.html", "/p/", "/"],
    },
    overlaid: {
      about:
        "A site with an overlay that has adopted three writes. Their pathnames are in bytewise " +
        "order, which differs from the order of UTF-16 units.",
      manifest: {
        site: "overlaid",
        html_handling: "none",
        entries: [entry("/index.html", "0123456789abcdef", html), entry("/～.html", "0123456789abcdef", html)],
        headers: [{ path: "/*", set: [["x-a", "b"]] }],
        overlay: true,
        adopted: { "/a<b>.html": "ffffffffffffffff", "/～.html": "0102030405060708", "/🙂.html": "00000000000000ff" },
      },
      missing: ["/"],
    },
    "chunked/film": {
      about: "A chunked file with its index. Workers Caching may store responses for an hour.",
      manifest: {
        site: "films",
        entries: [
          entry("/index.html", "0123456789abcdef", html),
          entry("/film.mp4", "0123456789abcdef", "video/mp4", {
            hash: encodeIndex(film).hash,
            size: film.size,
            chunked: true,
          }),
          entry("/old.mp4", "00000000000000ff", "video/mp4", {
            hash: encodeIndex(film).hash,
            size: film.size,
            chunked: true,
            retired: true,
          }),
        ],
        edge_cache: 3600,
      },
      index: film,
      missing: ["/", "/film"],
    },
    memory: {
      about: "A site whose Worker keeps no blobs in memory, and says so in the header Cache-Status.",
      manifest: {
        site: "quiet",
        entries: [entry("/index.html", "0123456789abcdef", html)],
        memory_cache: 0,
        cache_status: true,
      },
      missing: ["/"],
    },
  };

/** Damaged copies of the vector "chunked/film" that a reader must refuse. */
function refusedIndexes(): { name: string; reason: string; bytes: Buffer }[] {
  const good = encodeIndex(film).bytes;
  const damages: { name: string; reason: string; damage: (bytes: Buffer) => Buffer | void }[] = [
    { name: "empty-file", reason: "no header", damage: () => Buffer.alloc(0) },
    { name: "short-header", reason: "23 bytes", damage: (bytes) => bytes.subarray(0, 23) },
    { name: "magic", reason: "the magic is KVSM", damage: (bytes) => void bytes.write("KVSM", 0, "latin1") },
    { name: "version", reason: "version 2", damage: (bytes) => void bytes.writeUInt16LE(2, 4) },
    { name: "reserved", reason: "the reserved field is 1", damage: (bytes) => void bytes.writeUInt16LE(1, 6) },
    { name: "chunk-size-0", reason: "chunks of 0 bytes", damage: (bytes) => void bytes.writeUInt32LE(0, 8) },
    {
      name: "chunk-size-other",
      reason: "a wrong chunk size that gives the same number of chunks",
      damage: (bytes) => void bytes.writeUInt32LE((16 << 20) - 1, 8),
    },
    {
      name: "chunk-size-large",
      reason: "chunks larger than a KV value",
      damage: (bytes) => void bytes.writeUInt32LE((25 << 20) + 1, 8),
    },
    { name: "chunks-none", reason: "0 chunks", damage: (bytes) => void bytes.writeUInt32LE(0, 12) },
    { name: "chunks-few", reason: "one chunk is missing", damage: (bytes) => void bytes.writeUInt32LE(2, 12) },
    { name: "chunks-many", reason: "2³²-1 chunks", damage: (bytes) => void bytes.writeUInt32LE(0xffffffff, 12) },
    {
      name: "size",
      reason: "a size that differs from that of the entry",
      damage: (bytes) => void bytes.writeBigUInt64LE(BigInt(film.size + 1), 16),
    },
    {
      name: "size-large",
      reason: "2⁶⁴-1 bytes",
      damage: (bytes) => void bytes.writeBigUInt64LE(0xffffffffffffffffn, 16),
    },
    { name: "hash", reason: "the hash of a chunk is wrong", damage: (bytes) => void (bytes[24]! ^= 1) },
    { name: "truncated", reason: "the last byte is missing", damage: (bytes) => bytes.subarray(0, -1) },
    { name: "longer", reason: "one extra byte", damage: (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]) },
  ];
  return damages.map(({ name, reason, damage }) => {
    const bytes = Buffer.from(good);
    return { name, reason, bytes: damage(bytes) ?? bytes };
  });
}

/** Damaged copies of the vector "site" that a reader must refuse when it opens them. */
function refused(): { name: string; reason: string; bytes: Buffer }[] {
  const good = encodeManifest(manifests["site"]!.manifest);
  const damages: { name: string; reason: string; damage: (bytes: Buffer) => Buffer | void }[] = [
    { name: "empty-file", reason: "no header", damage: () => Buffer.alloc(0) },
    { name: "short-header", reason: "63 bytes", damage: (bytes) => bytes.subarray(0, 63) },
    { name: "magic", reason: "the magic is KVSN", damage: (bytes) => void bytes.write("KVSN", 0, "latin1") },
    { name: "version-0", reason: "version 0", damage: (bytes) => void bytes.writeUInt16LE(0, 4) },
    { name: "version-2", reason: "version 2", damage: (bytes) => void bytes.writeUInt16LE(2, 4) },
    { name: "flags", reason: "must-understand flag 0", damage: (bytes) => void bytes.writeUInt16LE(1, 6) },
    { name: "flags-high", reason: "must-understand flag 15", damage: (bytes) => void bytes.writeUInt16LE(0x8000, 6) },
    { name: "truncated", reason: "the last byte is missing", damage: (bytes) => bytes.subarray(0, -1) },
    { name: "longer", reason: "one extra byte", damage: (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]) },
    { name: "entries-many", reason: "2³²-1 entries", damage: (bytes) => void bytes.writeUInt32LE(0xffffffff, 8) },
    { name: "nonces-many", reason: "2³²-1 nonces", damage: (bytes) => void bytes.writeUInt32LE(0xffffffff, 12) },
    {
      name: "entries-header",
      reason: "entries begin in the header",
      damage: (bytes) => void bytes.writeUInt32LE(0, 16),
    },
    {
      name: "entries-outside",
      reason: "entries end after the file",
      damage: (bytes) => void bytes.writeUInt32LE(bytes.length - 64, 16),
    },
    {
      name: "nonces-outside",
      reason: "nonces begin after the file",
      damage: (bytes) => void bytes.writeUInt32LE(bytes.length + 1, 20),
    },
    {
      name: "meta-outside",
      reason: "meta ends after the file",
      damage: (bytes) => void bytes.writeUInt32LE(bytes.length, 24),
    },
    {
      name: "meta-long",
      reason: "meta is longer than the file",
      damage: (bytes) => void bytes.writeUInt32LE(0xffffffff, 28),
    },
  ];
  return damages.map(({ name, reason, damage }) => {
    const bytes = Buffer.from(good);
    return { name, reason, bytes: damage(bytes) ?? bytes };
  });
}

/** The folder of the files, relative to worker/. */
export const vectorFolder = "../testdata/served";

if (process.argv[1]?.endsWith("vectors.mjs")) {
  for (const [name, bytes] of vectorFiles()) {
    const path = join(vectorFolder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}
