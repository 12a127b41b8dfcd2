// Measures look-ups inside workerd, for test/measure.ts. In `workerd test` the clock advances
// during a computation, unlike in production.

import { Manifest } from "../../src/format/manifest";
import { sha256 } from "../../src/format/sha256";
import { createAssets, type Env } from "../../src/index";

const rounds = 20_000;

async function time(name: string, body: (i: number) => unknown): Promise<void> {
  for (let i = 0; i < rounds / 10; i++) await body(i);
  const start = performance.now();
  for (let i = 0; i < rounds; i++) await body(i);
  console.log(`${(((performance.now() - start) / rounds) * 1000).toFixed(2).padStart(8)} µs  ${name}`);
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
    const stream = () => new Response("x".repeat(4000)).body!;
    await time("a body of 4 kB as it comes", async () => (await new Response(stream()).arrayBuffer()).byteLength);
    await time("a body of 4 kB through a FixedLengthStream", async () => {
      const fixed = new FixedLengthStream(4000);
      void stream().pipeTo(fixed.writable);
      return (await new Response(fixed.readable).arrayBuffer()).byteLength;
    });
  },
};
