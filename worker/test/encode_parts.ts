// A second encoder of manifests in parts, for tests in Node. It is written from docs/format.md,
// and shares no code with the library or the Go side.

import { type Description, type EntryDescription, metaOf, sha256Hex } from "./encode";

/** An entry of a part. */
export interface PartEntry extends EntryDescription {
  /** If set, everything except path must be zero or empty. */
  gone?: boolean;
  /** The object id in hexadecimal; the default is none. */
  oid?: string;
}

/** A sequence of a root: the entries of each part, and the difference. */
export interface SequenceDescription {
  parts: PartEntry[][];
  difference: PartEntry[];
}

/** A root. Directories have only a path and an object id. */
export interface RootDescription {
  site: string;
  meta: object;
  files: SequenceDescription;
  directories: SequenceDescription;
  retired: SequenceDescription;
}

const kinds = { files: 1, directories: 2, retired: 3 };
export type PartKind = keyof typeof kinds;

/** The nonce of all parts. */
export const partNonce = "fedcba9876543210";

/** Encodes a part. Also returns the hash for its key. */
export function encodePart(kind: PartKind, entries: PartEntry[]): { hash: string; bytes: Buffer<ArrayBuffer> } {
  const directories = kind === "directories";
  const paths = entries.map(({ path }) => Buffer.from(path));
  const types = [...new Set(entries.filter(({ gone }) => !gone).map(({ type }) => type))];
  const typeBytes = directories ? Buffer.alloc(0) : Buffer.from(JSON.stringify(types));
  const idBytes = (entries.find(({ oid }) => oid)?.oid?.length ?? 0) / 2;

  const ends = Buffer.alloc(4 * entries.length);
  let end = 0;
  for (const [i, path] of paths.entries()) ends.writeUInt32LE((end += path.length), 4 * i);
  const ids = entries.map(({ oid }) => Buffer.from(oid ?? "00".repeat(idBytes), "hex"));
  const covered = Buffer.concat([
    Buffer.alloc(32),
    ends,
    ...entries.map((entry) => (directories ? encodeFlags(entry) : encodeRecord(entry, types))),
    ...ids,
    ...paths,
    typeBytes,
  ]);
  const tail = Buffer.concat(directories ? [] : entries.map((entry) => encodeTail(entry, kind)));
  covered.write("KVSP", 0, "latin1");
  covered.writeUInt16LE(1, 4);
  covered[6] = kinds[kind];
  covered[7] = entries.some(({ chunked }) => chunked) ? 1 : 0;
  covered.writeUInt32LE(entries.length, 8);
  covered.writeUInt32LE(idBytes, 12);
  covered.writeUInt32LE(typeBytes.length, 16);
  covered.writeUInt32LE(covered.length + tail.length + 32, 20);
  return { hash: sha256Hex(covered), bytes: withCheck(Buffer.concat([covered, tail])) };
}

/** Appends the SHA-256 of bytes. */
export function withCheck(bytes: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes, Buffer.from(sha256Hex(bytes), "hex")]);
}

function encodeRecord({ hash, size, type, chunked, gone }: PartEntry, types: string[]): Buffer {
  const bytes = Buffer.alloc(40);
  if (gone) {
    bytes.writeUInt16LE(8, 38);
    return bytes;
  }
  bytes.write(hash, 0, "hex");
  bytes.writeUInt32LE(size, 32);
  bytes.writeUInt16LE(types.indexOf(type), 36);
  bytes.writeUInt16LE(chunked ? 1 : 0, 38);
  return bytes;
}

function encodeFlags({ gone }: PartEntry): Buffer {
  return Buffer.from([gone ? 8 : 0, 0]);
}

function encodeTail({ nonce, modified, gone }: PartEntry, kind: PartKind): Buffer {
  const bytes = Buffer.alloc(kind === "retired" ? 20 : 12);
  if (gone) return bytes;
  bytes.write(nonce, 0, "hex");
  bytes.writeUInt32LE(modified, 8);
  return bytes;
}

/** Encodes a root and its parts, by their keys. */
export function encodeRoot(root: RootDescription): { bytes: Buffer<ArrayBuffer>; parts: Map<string, Buffer> } {
  const header = Buffer.alloc(64);
  const sections: Buffer[] = [header];
  const parts = new Map<string, Buffer>();
  for (const [i, kind] of (["files", "directories", "retired"] as const).entries()) {
    const { parts: lists, difference } = root[kind];
    const links = Buffer.alloc(48 * lists.length);
    let end = 0;
    for (const [i, entries] of lists.entries()) {
      const { hash, bytes } = encodePart(kind, entries);
      parts.set(`${root.site}/p/${hash}.${partNonce}`, bytes);
      links.writeUInt32LE((end += Buffer.byteLength(entries[0]!.path)), 48 * i);
      links.writeUInt32LE(entries.length, 48 * i + 4);
      links.write(hash, 48 * i + 8, "hex");
      links.write(partNonce, 48 * i + 40, "hex");
    }
    const differenceBytes = difference.length > 0 ? encodePart(kind, difference).bytes : Buffer.alloc(0);
    const paths = new Set(lists.flat().map(({ path }) => path));
    const added = difference.filter(({ path, gone }) => !gone && !paths.has(path)).length;
    const removed = difference.filter(({ path, gone }) => gone && paths.has(path)).length;
    const counts = [lists.length, end, differenceBytes.length, paths.size + added - removed];
    for (const [j, count] of counts.entries()) header.writeUInt32LE(count, 16 + 16 * i + 4 * j);
    sections.push(links, ...lists.map(([first]) => Buffer.from(first!.path)), differenceBytes);
  }
  const meta = Buffer.from(JSON.stringify(root.meta));
  header.write("KVSR", 0, "latin1");
  header.writeUInt16LE(1, 4);
  header.writeUInt32LE(meta.length, 8);
  const bytes = Buffer.concat([...sections, meta]);
  bytes.writeUInt32LE(bytes.length, 12);
  return { bytes, parts };
}

/** Compares the parts before the last slash, then the rest. */
export function byPath(a: PartEntry, b: PartEntry): number {
  const [[aDirectory, aName], [bDirectory, bName]] = [divided(a.path), divided(b.path)];
  return Buffer.compare(aDirectory, bDirectory) || Buffer.compare(aName, bName);
}

function divided(path: string): [directory: Buffer, name: Buffer] {
  const slash = Math.max(path.lastIndexOf("/"), 0);
  return [Buffer.from(path.slice(0, slash)), Buffer.from(path.slice(slash))];
}

/**
 * Describes the root of a manifest, with a number of entries in each part. By default some entries are in the
 * differences: some replace an earlier content in a part, some are new, and some say that a file of a part is gone.
 */
export function inParts(manifest: Description, perPart: number, differs = true): RootDescription {
  const sequence = (retired: boolean): SequenceDescription => {
    const entries = manifest.entries.filter((entry) => (entry.retired ?? false) === retired).sort(byPath);
    const known = new Set(entries.map(({ path }) => path));
    const difference: PartEntry[] = [];
    const base: PartEntry[] = [];
    for (const [i, entry] of entries.entries()) {
      if (!differs) {
        base.push(entry);
        continue;
      }
      const earlier = { ...entry, hash: sha256Hex(`earlier ${entry.path}`), size: entry.size + 1 };
      (i % 5 === 3 ? difference : base).push(entry);
      if (i % 10 === 3) base.push(earlier);
      const gone = [entry.path.replace(/(\/index)?\.html$/, ""), `${entry.path}.html`].find(
        (path) => path.length > 1 && !known.has(path),
      );
      if (i % 3 === 1 && gone) {
        base.push({ ...earlier, path: gone });
        difference.push({ ...earlier, path: gone, gone: true });
        known.add(gone);
      }
    }
    base.sort(byPath);
    const parts = Array.from({ length: Math.ceil(base.length / perPart) }, (_, i) =>
      base.slice(i * perPart, (i + 1) * perPart),
    );
    return { parts, difference: difference.sort(byPath) };
  };
  const { types: _, ...meta } = metaOf(manifest, []);
  const directory = { path: "/", oid: "ab".repeat(20) } as PartEntry;
  return {
    site: manifest.site,
    meta: { ...meta, origin: { kind: "folder", id: "x", rules: "" }, number: 1 },
    files: sequence(false),
    directories: { parts: [[directory]], difference: [{ ...directory, oid: "cd".repeat(20) }] },
    retired: sequence(true),
  };
}
