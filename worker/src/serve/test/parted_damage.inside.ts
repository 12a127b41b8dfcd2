// Damages roots and parts. A request for a damaged part fails. It never gets another file, or a 404
// in place of a file.

import assert from "node:assert/strict";
import { byPath, encodePart, inParts, type PartEntry, withCheck } from "../../../test/encode_parts";
import { test } from "../../../test/inside/harness";
import { ManifestError } from "../../format/manifest";
import { Part, type PartKind } from "../../format/part";
import { Root } from "../../format/root";
import { openDeployed } from "../parted";
import { withParts } from "../parts";
import { Site } from "../site";
import { described, entry, filled, quietly, tree } from "./part_store";

type Bytes = Uint8Array<ArrayBuffer>;

const manifest = described({ redirects: [], headers: [] });

/** Returns a copy with one byte changed. */
function flipped(bytes: Uint8Array, at: number, mask = 1 << (at % 8)): Bytes {
  const copy = new Uint8Array(bytes);
  copy[at]! ^= mask;
  return copy;
}

/** Returns all prefixes of bytes, and all copies with one changed byte. */
function* damagesOf(bytes: Uint8Array): Generator<[what: string, damaged: Bytes]> {
  for (let length = 0; length < bytes.length; length++)
    yield [`${length} bytes`, new Uint8Array(bytes.slice(0, length))];
  for (let at = 0; at < bytes.length; at++) yield [`byte ${at}`, flipped(bytes, at)];
}

test("a damaged part in KV is a 500, never another file or a 404", async () => {
  const kv = filled(manifest);
  const root = kv.add(inParts(manifest, 100));
  const parts = [...kv.values].filter(([key]) => key.includes("/p/"));
  let requests = 0;
  await quietly(async () => {
    for (const [key, part] of parts) {
      const path = part[6] === 1 ? "/file" : part[6] === 3 ? "/old.css" : undefined;
      if (path === undefined) continue; // the directories are not read
      for (const [what, damaged] of damagesOf(part)) {
        kv.fault = (read) => (read === key ? damaged : undefined);
        const site = new Site(openDeployed(root));
        const response = await site.fetch(new Request(`https://example.com${path}`), kv.env);
        assert.deepEqual(
          [response.status, response.headers.get("cache-control")],
          [500, "no-store"],
          `${path} ${what}`,
        );
        requests++;
      }
    }
  });
  assert.ok(requests > 2000, `${requests}`);
});

test("a damaged root is refused or opens, and a damaged link leads to no other file", async () => {
  const kv = filled(manifest);
  const root = kv.add(inParts(manifest, 4));
  const expected = new Map(tree.map((path) => [path, entry(path).hash]));
  let refused = 0;
  for (const [what, damaged] of damagesOf(new Uint8Array(root))) {
    try {
      const opened = new Root(damaged.buffer);
      assert.ok(opened.meta && !what.endsWith("bytes"), what);
    } catch (error) {
      assert.ok(error instanceof ManifestError, `${what}: ${error}`);
      refused++;
    }
  }
  assert.ok(refused > root.byteLength, `${refused}`);

  // Links that are changed lead to parts that are missing or not those that the root names.
  const links = 64;
  for (let at = links; at < links + 48 * 4; at++) {
    const site = new Site(openDeployed(flipped(new Uint8Array(root), at).buffer));
    for (const [path, hash] of expected) {
      try {
        const { asset } = await site.deployed.lookUp(path, kv.kv);
        assert.equal(asset?.hash, hash, `${path}, byte ${at}`);
      } catch (error) {
        assert.match(String(error), /ManifestError|PartUnavailableError/, `${path}, byte ${at}`);
      }
    }
  }
});

/** Encodes a part, and sets a field of its header. */
function withField(at: number, value: number, kind: PartKind = "files"): Bytes {
  const bytes = Buffer.from(encodePart(kind, [entry("/a"), entry("/b")]).bytes);
  bytes[at] = value;
  return new Uint8Array(withCheck(bytes.subarray(0, -32)));
}

/** Encodes a part of these entries with a correct check. */
function part(entries: PartEntry[], kind: PartKind = "files"): Bytes {
  return new Uint8Array(encodePart(kind, entries).bytes);
}

test("a part with a correct hash is refused if its header or its order is wrong", async () => {
  for (const [reason, bytes] of [
    [/not a part/, withField(0, 0x4c)],
    [/version 2/, withField(4, 2)],
    [/kind 3 in place of files/, withField(6, 3)],
    [/kind 2 in place of files/, withField(6, 2)],
    [/must-understand flags 2/, withField(7, 2)],
    [/another length|a part of/, withField(8, 3)],
    [/a part of \d+ entries/, withField(11, 0xff)],
    [/object ids of 7 bytes/, withField(12, 7)],
    [/another length|do not end/, withField(12, 20)],
    [/do not end/, withField(16, 1)],
    [/another length/, withField(20, 0)],
    [/not sorted/, part([entry("/b"), entry("/a")])],
    [/not sorted/, part([entry("/a"), entry("/a")])],
    [/not sorted/, part([entry("/\u{1f642}"), entry("/\u{ff5e}")])],
    [/does not begin with a slash/, part([entry("/a"), entry("b")])],
    [/ends where it begins/, part([entry("/a"), entry("")])],
    [/not sorted/, part([entry("/a/b"), entry("/b")])],
    [/not sorted/, part([entry("/a/b"), entry("/a-b/a")].reverse())],
  ] as const) {
    const opened = async () => new Part(bytes, "files").check();
    await assert.rejects(opened, (error) => error instanceof ManifestError && reason.test(error.message), `${reason}`);
  }
  await new Part(part([entry("/\u{ff5e}"), entry("/\u{1f642}")]), "files").check();
  const paths = ["/b", "/\0", "/a/c", "/a!/a", "/a/b/a", "/a!"];
  await new Part(part(paths.map((path) => entry(path)).sort(byPath)), "files").check();
  await new Part(part([entry("/a")], "retired"), "retired").check();
});

test("a path that is not UTF-8 is refused, also if a whole character is divided", async () => {
  const bytes = Buffer.from(encodePart("files", [entry("/aü"), entry("/b")]).bytes);
  const at = bytes.indexOf("ü");
  for (const [offset, value] of [
    [at, 0xff],
    [32, bytes.readUInt8(32) - 1], // the first path ends within ü
  ] as const) {
    const damaged = Buffer.from(bytes);
    damaged[offset] = value;
    const part = new Part(new Uint8Array(withCheck(damaged.subarray(0, -32))), "files");
    await assert.rejects(part.check(), ManifestError);
  }
});

test("a path is not read beyond the paths", () => {
  const bytes = Buffer.from(part([entry("/a"), entry("/b")]));
  bytes.writeUInt32LE(0xffff, 32);
  const opened = new Part(new Uint8Array(bytes), "files");
  for (const read of [() => opened.path(0), () => opened.find("/a"), () => opened.checkPaths()])
    assert.throws(read, (error) => error instanceof ManifestError && /out of bounds/.test(error.message));
});

test("an entry that a reader does not know, or a gone one in KV, is refused", async () => {
  const gone = { ...entry("/b"), gone: true };
  for (const flags of [2, 4, 8, 0x8000, 1]) {
    const bytes = Buffer.from(part([entry("/a"), entry("/b")]));
    bytes.writeUInt16LE(flags, 32 + 2 * 4 + 38);
    const opened = new Part(new Uint8Array(bytes), "files");
    assert.throws(() => opened.asset(0, "blog"), ManifestError, `${flags}`);
    assert.equal(opened.asset(1, "blog").hash, entry("/b").hash);
  }
  assert.ok(new Part(part([entry("/a"), gone]), "files").isGone(1));

  const kv = filled(manifest);
  const root = { ...inParts(manifest, 100), files: { parts: [[entry("/a"), gone]], difference: [] } };
  const site = new Site(openDeployed(kv.add(root)));
  await assert.rejects(site.deployed.lookUp("/b", kv.kv), ManifestError);
  assert.ok((await site.deployed.lookUp("/a", kv.kv)).asset);
});

test("a part with other entries than the root says is refused", async () => {
  const kv = filled(manifest);
  const root = kv.add({ ...inParts(manifest, 100), files: { parts: [[entry("/a"), entry("/b")]], difference: [] } });
  const [key] = [...kv.values].find(([key, value]) => key.includes("/p/") && value[6] === 1)!;
  for (const other of [
    part([entry("/a")]),
    part([entry("/a"), entry("/b"), entry("/c")]),
    part([entry("/aa"), entry("/b")]),
    part([]),
    part([entry("/a"), entry("/b")], "retired"),
  ]) {
    kv.fault = (read) => (read === key ? other : undefined);
    await assert.rejects(
      async () => withParts(kv.kv, (held) => openDeployed(root).find("/a", held)),
      (error) => error instanceof ManifestError && error.message.includes(key),
    );
  }
});
