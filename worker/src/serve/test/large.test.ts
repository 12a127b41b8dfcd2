// Serves a file of 1 GiB in workerd. All of its chunks have the same content.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, it } from "node:test";
import { encodeIndex, sha256Hex } from "../../../test/encode";
import { Platform } from "../../../test/platform";
import { blobKey, nonce } from "../../../test/test_site";

const chunkSize = 16 << 20;
const size = 1 << 30;
const content = Buffer.alloc(chunkSize, "0123456789abcdef");
const index = encodeIndex({
  chunk_size: chunkSize,
  size,
  chunks: Array.from({ length: size / chunkSize }, (_, i) => ({
    hash: sha256Hex(content),
    nonce: i.toString(16).padStart(16, "0"),
  })),
});

let platform: Platform;
before(async () => {
  const entry = { path: "/film.mp4", hash: index.hash, nonce, size, modified: 0, type: "video/mp4", chunked: true };
  platform = await Platform.start([{ name: "films", files: { "/a.txt": "a" }, entries: [entry] }], []);
  platform.kv.values.set(`films/b/${index.hash}.${nonce}`, index.bytes);
  for (let i = 0; i < size / chunkSize; i++) {
    platform.kv.values.set(`films/b/${sha256Hex(content)}.${i.toString(16).padStart(16, "0")}`, content);
  }
});
after(() => platform.stop());

/** Sends a request, and returns the response before its body is read. */
function open(headers: Record<string, string> = {}): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port: platform.port("films"), path: "/film.mp4", headers }, resolve)
      .on("error", reject);
  });
}

async function length(response: http.IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  return bytes;
}

it("1 GiB is served without growing memory", async () => {
  await platform.request("films", "/a.txt");
  const before = platform.peakMemory();
  assert.equal(await length(await open()), size);
  // A range that cuts chunks passes through JavaScript, whose garbage uses memory for a while.
  assert.equal(await length(await open({ range: `bytes=1-${(64 << 20) - 2}` })), (64 << 20) - 2);
  const grown = platform.peakMemory() - before;
  console.log(`workerd grew by ${(grown / (1 << 20)).toFixed(0)} MiB`);
  assert.ok(grown < 128 << 20, `${grown} bytes`);
});

it("a client that does not read has at most two chunks open", async () => {
  platform.kv.reads = [];
  const response = await open();
  response.pause();
  // During the other requests, workerd could read further chunks.
  const film = () => platform.kv.reads.filter(({ key }) => key !== blobKey("films", "a"));
  while (film().length < 2) await platform.request("films", "/a.txt");
  for (let i = 0; i < 100; i++) await platform.request("films", "/a.txt");
  assert.ok(platform.kv.open <= 2, `${platform.kv.open} chunks are open`);
  // The buffers of the sockets may hold more chunks. Their size depends on the system. Without the limit, all chunks
  // would be read.
  assert.ok(film().length < size / chunkSize / 2, `the index and ${film().length - 1} chunks were requested`);
  response.destroy();
  assert.equal((await platform.request("films", "/a.txt")).body, "a");
});
