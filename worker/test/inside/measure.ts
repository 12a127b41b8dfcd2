// Measures look-ups inside workerd, for test/measure.ts. In `workerd test` the clock advances
// during a computation, unlike in production.

import { Manifest } from "../../src/format/manifest";
import { Part } from "../../src/format/part";
import { Root } from "../../src/format/root";
import { sha256 } from "../../src/format/sha256";
import { createAssets, type Env } from "../../src/index";
import { Parted } from "../../src/serve/parted";
import { withParts } from "../../src/serve/parts";
import { bothForms, PartStore } from "../../src/serve/test/part_store";
import { inParts } from "../encode_parts";

const rounds = 20_000;

async function time(name: string, body: (i: number) => unknown): Promise<void> {
  for (let i = 0; i < rounds / 10; i++) await body(i);
  const start = performance.now();
  for (let i = 0; i < rounds; i++) await body(i);
  console.log(`${(((performance.now() - start) / rounds) * 1000).toFixed(2).padStart(8)} µs  ${name}`);
}

/** A site of 20,000 files, whole and in parts. All parts are in memory, so KV is not read. */
async function measureParts(): Promise<void> {
  const entries = Array.from({ length: 20_000 }, (_, i) => ({
    path: `/blog/2024/post-${i}.html`,
    hash: "ab".repeat(32),
    nonce: "0123456789abcdef",
    size: 4,
    modified: 0,
    type: "text/html",
  }));
  const manifest = { site: "measured", entries };
  const store = new PartStore();
  const { whole, parted } = bothForms(store, manifest, 512);
  const root = store.add(inParts(manifest, 512));
  const [[, bytes]] = store.values as unknown as [[string, Uint8Array<ArrayBuffer>]];
  await time(`open a root of ${root.byteLength} bytes`, () => new Root(root));
  await time(`open a part of ${bytes.length} bytes`, () => new Part(bytes, "files"));
  await time("check its order", () => new Part(bytes, "files").checkPaths());
  await time("check its order and hash", () => new Part(bytes, "files").check());
  const path = (i: number) => `/blog/2024/post-${(i * 7919) % 20_000}`;
  const layers = new Parted(new Root(root));
  for (const { path } of entries) await withParts(store.kv, (held) => layers.find(path, held));
  await time("find, in parts", (i) => layers.find(`${path(i)}.html`));
  const headers = { "if-none-match": "*" };
  for (let round = 0; round < 2; round++)
    for (const [name, site] of [
      ["whole", whole],
      ["in parts", parted],
    ] as const) {
      for (let i = 0; i < 20_000; i++)
        await site.fetch(new Request(`https://example.com${path(i)}`, { headers }), store.env);
      await time(`304, 20,000 files ${name}`, (i) =>
        site.fetch(new Request(`https://example.com${path(i)}`, { headers }), store.env),
      );
      await time(`404, 20,000 files ${name}`, (i) =>
        site.fetch(new Request(`https://example.com/no/such/file/${i}`), store.env),
      );
    }
}

export default {
  async test(_controller: unknown, { FEW, MANY }: { FEW: ArrayBuffer; MANY: ArrayBuffer }) {
    const encoder = new TextEncoder();
    await time("a resolved promise", () => undefined);
    await time("hash, sha256.ts", (i) => sha256(`/blog/2024/post-${i}.html`));
    await time("hash, crypto.subtle.digest", (i) =>
      crypto.subtle.digest("SHA-256", encoder.encode(`/blog/2024/post-${i}.html`)),
    );
    const env = {} as Env; // a read of KV would fail
    for (const [name, bytes] of [
      ["10 files", FEW],
      ["100,000 files", MANY],
    ] as const) {
      const start = performance.now();
      const opened = new Manifest(bytes);
      console.log(`${((performance.now() - start) * 1000).toFixed(2).padStart(8)} µs  open, ${name} (${opened.size})`);
      const assets = createAssets(bytes);
      const headers = { "if-none-match": "*" };
      await time(`find, ${name}`, (i) => opened.find(`/blog/2024/post-${i}.html`));
      await time(`new Request alone, ${name}`, () => new Request("https://example.com/blog/2024/post-7", { headers }));
      await time(`304, ${name}`, () =>
        assets.fetch(new Request("https://example.com/blog/2024/post-7", { headers }), env),
      );
      await time(`404, ${name}`, (i) => assets.fetch(new Request(`https://example.com/no/such/file/${i}`), env));
    }
    await measureParts();
    const stream = () => new Response("x".repeat(4000)).body!;
    await time("a body of 4 kB as it comes", async () => (await new Response(stream()).arrayBuffer()).byteLength);
    await time("a body of 4 kB through a FixedLengthStream", async () => {
      const fixed = new FixedLengthStream(4000);
      void stream().pipeTo(fixed.writable);
      return (await new Response(fixed.readable).arrayBuffer()).byteLength;
    });
  },
};
