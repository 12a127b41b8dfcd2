// Writes values to KV.

/** KV accepts one write per second and key, so the retries outlast a few other writes of that key. */
const attempts = 6;
const firstWait = 1_000;
const longestWait = 8_000;

/** The limit of a Worker for open connections. */
const concurrency = 6;

/** Writes a value, and retries if KV is busy or fails. Throws after the last attempt. A Blob is streamed. */
export async function write(kv: KVNamespace, key: string, value: string | Uint8Array | Blob): Promise<void> {
  await retried(`write ${key} to KV`, () =>
    kv.put(key, value instanceof Blob ? value.stream() : (value as string | Uint8Array<ArrayBuffer>)),
  );
}

/** Deletes a key, and retries as a write does. */
export async function remove(kv: KVNamespace, key: string): Promise<void> {
  await retried(`delete ${key} from KV`, () => kv.delete(key));
}

async function retried(what: string, act: () => Promise<void>): Promise<void> {
  for (let attempt = 1, wait = firstWait; ; attempt++, wait = Math.min(wait * 2, longestWait)) {
    try {
      await act();
      return;
    } catch (cause) {
      const transient = /\b(?:429|5\d\d)\b|network connection lost|internal error/i.test(String(cause));
      if (!transient || attempt === attempts)
        throw new Error(`${what}, attempt ${attempt}: ${String(cause)}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** Writes values in parallel. After a failure it starts no more writes, waits for the running ones and throws. */
export async function writeAll<T>(items: T[], one: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      try {
        await one(items[next++]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
