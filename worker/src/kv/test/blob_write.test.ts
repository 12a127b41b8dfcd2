// Tests writeBlob in real workerd: the values in KV, and the refusals.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { encodeIndex, sha256Hex } from "../../../test/encode";
import { Platform } from "../../../test/platform";
import { pattern, type Write, type Written } from "./blobs";

const MiB = 1 << 20;
const chunkSize = 16 * MiB;
const nonce = "0123456789abcdef";
const indexNonce = "0123456789abcdee";

let platform: Platform;
before(async () => {
  platform = await Platform.start([], [], [{ name: "blobs", main: "src/kv/test/blobs.ts" }]);
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset(new Map()));

async function request(body: Write): Promise<Written> {
  const { status, body: text } = await platform.request("blobs", "/", {
    method: "POST",
    body: JSON.stringify({ nonce, ...body }),
  });
  assert.equal(status, 200, `${text}\n${platform.log}`);
  return JSON.parse(text) as Written;
}

/** Computes the expected KV values of a content by key (docs/format.md), and the hash and the nonce of its blob. */
function expected(content: Uint8Array): {
  hash: string;
  nonce: string;
  chunks?: string[];
  values: Map<string, Uint8Array>;
} {
  const key = (hash: string, nonce: string) => `shop/b/${hash}.${nonce}`;
  if (content.length <= 25 * MiB) {
    const hash = sha256Hex(content);
    return { hash, nonce, values: new Map([[key(hash, nonce), content]]) };
  }
  const parts = Array.from({ length: Math.ceil(content.length / chunkSize) }, (_, i) =>
    content.subarray(i * chunkSize, (i + 1) * chunkSize),
  );
  const chunks = parts.map((part) => ({ hash: sha256Hex(part), nonce }));
  const { hash, bytes } = encodeIndex({ chunk_size: chunkSize, size: content.length, chunks });
  return {
    hash,
    nonce: indexNonce,
    chunks: chunks.map(({ hash }) => `${hash}.${nonce}`),
    values: new Map([
      ...parts.map((part, i) => [key(chunks[i]!.hash, nonce), part] as const),
      [key(hash, indexNonce), bytes],
    ]),
  };
}

async function checkWrites(body: Write, content: Uint8Array): Promise<void> {
  platform.kv.reset(new Map());
  const { blob, error } = await request(body);
  const want = expected(content);
  const what = `${body.kind} of ${body.size} bytes`;
  assert.deepEqual(
    blob,
    {
      hash: want.hash,
      nonce: want.nonce,
      size: content.length,
      ...(want.chunks && { chunks: want.chunks }),
      writes: want.values.size,
    },
    `${what}: ${error}`,
  );
  assert.deepEqual(platform.kv.writes.toSorted(), [...want.values.keys()].toSorted(), what);
  for (const [key, value] of want.values) assert.ok(platform.kv.values.get(key)!.equals(value), `${what}: ${key}`);
  assert.equal(platform.kv.writes.at(-1), `shop/b/${want.hash}.${want.nonce}`, "the index comes last");
}

describe("writeBlob", () => {
  it("writes the same values for every kind of body", async () => {
    for (const size of [0, 1, 25 * MiB, 25 * MiB + 1]) {
      const content = pattern(0, size);
      for (const kind of ["bytes", "buffer", "blob", "stream"] as const) await checkWrites({ kind, size }, content);
    }
    await checkWrites({ kind: "text", size: 26 * MiB }, Buffer.from("ü".repeat(13 * MiB)));
  });

  it("accepts streams in pieces of any size", async () => {
    for (const [size, piece] of [
      [1000, 1],
      [32 * MiB, 70_001],
      [33 * MiB, 33 * MiB],
      [32 * MiB + 1, chunkSize],
      [26 * MiB, 25 * MiB],
      [26 * MiB, 25 * MiB + 1],
    ] as const) {
      await checkWrites({ kind: "stream", size, piece }, pattern(0, size));
    }
  });

  it("does not hash a body again", async () => {
    for (const size of [1000, 26 * MiB])
      for (const kind of ["bytes", "blob"] as const) await checkWrites({ kind, size, hashed: true }, pattern(0, size));
  });

  it("writes equal chunks once", async () => {
    const { blob } = await request({ kind: "stream", size: 48 * MiB, fill: 7 });
    assert.equal(blob!.writes, 2);
    assert.equal(platform.kv.writes.length, 2);
  });

  it("writes only missing chunks", async () => {
    const content = pattern(0, 40 * MiB);
    const existing = "99".repeat(8);
    const hashes = [0, 1, 2].map((i) => sha256Hex(content.subarray(i * chunkSize, (i + 1) * chunkSize)));
    for (const kind of ["bytes", "stream"] as const) {
      platform.kv.reset(new Map());
      const { blob, chunks } = await request({
        kind,
        size: content.length,
        chunks: { [hashes[0]!]: existing, [hashes[2]!]: existing },
      });
      assert.equal(blob!.writes, 2);
      assert.equal(platform.kv.writes[0], `shop/b/${hashes[1]}.${nonce}`);
      const index = encodeIndex({
        chunk_size: chunkSize,
        size: content.length,
        chunks: hashes.map((hash, i) => ({ hash, nonce: i === 1 ? nonce : existing })),
      });
      assert.ok(platform.kv.values.get(`shop/b/${blob!.hash}.${indexNonce}`)!.equals(index.bytes));
      assert.equal(chunks[hashes[1]!], nonce, "the written chunk is added to the known chunks");
    }
  });

  it("writes nothing if the content is known by hash and size", async () => {
    for (const size of [1000, 26 * MiB]) {
      const { hash } = expected(pattern(0, size));
      platform.kv.reset(new Map());
      assert.equal(
        (await request({ kind: "bytes", size, known: `${hash}.${size + 1}` })).blob!.writes,
        size > 1000 ? 3 : 1,
      );
      const { chunks, blob: first } = await request({ kind: "bytes", size });
      platform.kv.reset(new Map());
      const { blob } = await request({ kind: "stream", size, known: `${hash}.${size}`, chunks });
      assert.deepEqual(blob, { ...first, nonce: "77".repeat(8), writes: 0 });
      assert.deepEqual(platform.kv.writes, []);
    }
  });

  it("uses different keys for each write", async () => {
    const before = Math.floor(Date.now() / 1000);
    await request({ kind: "text", size: 2, nonce: "" });
    const written = platform.kv.writes[0]!;
    assert.match(written, /^shop\/b\/[0-9a-f]{64}\.[0-9a-f]{16}$/);
    const time = parseInt(written.slice(-16, -8), 16);
    assert.ok(time >= before && time <= Date.now() / 1000, "the nonce begins with the time");
    await request({ kind: "text", size: 2, nonce: "" });
    assert.notEqual(platform.kv.writes[1], written);
  });

  it("calls the check before it writes", async () => {
    assert.equal((await request({ kind: "stream", size: 9, refuse: true })).error, "refused 9 bytes");
    assert.deepEqual(platform.kv.writes, []);
  });

  it("refuses invalid streams, and writes no index of an incomplete file", async () => {
    for (const [body, name, error] of [
      [{ kind: "breaks", size: 40 * MiB, piece: MiB }, "Error", /connection lost/],
      [{ kind: "text stream", size: 9 }, "TypeError", /yields text instead of bytes; pipe/],
      [{ kind: "locked", size: 9 }, "TypeError", /the stream is locked; give each file/],
      [{ kind: "read", size: 9 }, "TypeError", /the stream is locked; give each file/],
    ] as const) {
      const answer = await request(body);
      assert.deepEqual([answer.name, error.test(answer.error!)], [name, true], answer.error);
      assert.equal(answer.cancelled, body.kind === "text stream");
      assert.ok(platform.kv.writes.length <= 1);
    }
  });

  it("cancels a stream that it does not read to its end", async () => {
    platform.kv.refuse = () => 403;
    const { error, cancelled } = await request({ kind: "stream", size: 60 * MiB, piece: MiB });
    assert.match(error!, /^write shop\/b\/\S+ to KV, attempt 1: /);
    assert.equal(cancelled, true);
  });

  it("writes a Blob again if KV is busy", async () => {
    platform.kv.refuse = (_, earlier) => (earlier === 0 ? 429 : undefined);
    await request({ kind: "blob", size: 100_000 });
    assert.ok([...platform.kv.values.values()][0]!.equals(pattern(0, 100_000)));
  });

  it("refuses 4 GiB", async () => {
    const { name, error, cancelled } = await request({
      kind: "stream",
      size: 2 ** 32,
      piece: chunkSize,
      fill: 0,
      hashed: true,
      deploy: true,
    });
    assert.deepEqual([name, cancelled], ["RefusedError", true]);
    assert.match(error!, /\n {2}film.mp4: the file has 4 GiB or more; make it smaller/);
    assert.equal(platform.kv.writes.length, 1, "all chunks are equal, so one is written");
  });

  it("limits the memory for a stream of any length", async () => {
    const own = await Platform.start([], [], [{ name: "blobs", main: "src/kv/test/blobs.ts" }]);
    try {
      const request = (size: number) =>
        own.request("blobs", "/", {
          method: "POST",
          body: JSON.stringify({ kind: "stream", size, piece: 65_536, fill: 1, placed: true } satisfies Write),
        });
      await request(1);
      const before = own.peakMemory();
      const { blob } = JSON.parse((await request(200 * MiB)).body) as Written;
      assert.equal(blob!.writes, 14);
      const grown = own.peakMemory() - before;
      console.log(`workerd grew by ${(grown / MiB).toFixed(0)} MiB`);
      assert.ok(grown < 100 * MiB, `${grown} bytes`);
    } finally {
      await own.stop();
    }
  });
});
