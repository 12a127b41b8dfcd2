// The test functions for src/*/test/*.inside.ts, which run inside workerd (`workerd test`).

/** The test vectors that inside.test.ts passes. */
export interface Vectors {
  /** Served manifests by name: the description, and the bytes in base64. */
  manifests: Record<string, { json: string; bin: string }>;
  /** Invalid served manifests by name, in base64. */
  refused: Record<string, string>;
  /** Chunk indexes by name: the description, and the bytes in base64. */
  indexes: Record<string, { json: string; bin: string }>;
  /** Invalid chunk indexes by name, in base64. */
  refusedIndexes: Record<string, string>;
  /** Overlay manifests by name: the description, and the bytes in base64. */
  overlays: Record<string, { json: string; bin: string }>;
  /** Invalid overlay manifests by name, in base64. */
  refusedOverlays: Record<string, string>;
  /** A manifest in parts: the root, its parts by "hash.nonce", in base64, and what a reader finds, as JSON. */
  parted: { root: string; parts: Record<string, string>; lookups: string };
  /** Stored manifests by name, in base64. */
  stored: Record<string, string>;
  /** What Go makes of damaged stored manifests, as JSON. */
  mutated: string;
  /** The cases of testdata/routing, as JSON. */
  routings: string;
  /** The cases of testdata/redirected, as JSON. */
  redirected: string;
}

type Body = (vectors: Vectors) => void | Promise<void>;

const tests: { name: string; body: Body }[] = [];

export function test(name: string, body: Body): void {
  tests.push({ name, body });
}

/** Runs a function in which every timer fires immediately. */
export async function withoutWaiting(act: () => Promise<void>): Promise<void> {
  const setTimeout = globalThis.setTimeout;
  globalThis.setTimeout = ((then: () => void) => setTimeout(then, 0)) as typeof setTimeout;
  try {
    await act();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

/** Runs all tests, and fails with the names of those that failed. */
export async function runAll(vectors: Vectors): Promise<void> {
  const failed: string[] = [];
  for (const { name, body } of tests) {
    try {
      await body(vectors);
    } catch (error) {
      failed.push(name);
      console.error(`FAILED ${name}\n`, error instanceof Error ? error.stack : error);
    }
  }
  if (failed.length > 0) throw new Error(`${failed.length} of ${tests.length} tests failed: ${failed.join("; ")}`);
  console.log(`${tests.length} tests passed`);
}
