// The tests in src/*/test/*.inside.ts run inside workerd (`workerd test`).

/** What inside.test.ts hands in. */
export interface Vectors {
  /** By name: the description, and the manifest in base64. */
  manifests: Record<string, { json: string; bin: string }>;
  /** Manifests to refuse, in base64, by name. */
  refused: Record<string, string>;
  /** Chunk indexes in base64, and those to refuse, by name. */
  indexes: Record<string, { json: string; bin: string }>;
  refusedIndexes: Record<string, string>;
  /** Overlay manifests as manifests, and those to refuse. */
  overlays: Record<string, { json: string; bin: string }>;
  refusedOverlays: Record<string, string>;
  /** Stored manifests in base64, by name. */
  stored: Record<string, string>;
  /** The cases of testdata/routing, as JSON. */
  routings: string;
  redirected: string;
}

type Body = (vectors: Vectors) => void | Promise<void>;

const tests: { name: string; body: Body }[] = [];

export function test(name: string, body: Body): void {
  tests.push({ name, body });
}

/** Runs an act that waits again and again, and has none of it take time. */
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
