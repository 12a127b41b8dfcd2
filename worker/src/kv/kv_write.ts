// Writes values to KV.

/** KV accepts one write per key and second. The retries take longer than a few other writes of the same key. */
const attempts = 6;
const firstWait = 1_000;
const maxWait = 8_000;

/** The maximum number of open connections of a Worker. */
const concurrency = 6;

/** Writes a value. Retries if KV is busy or fails, and throws after the last attempt. A Blob is streamed. */
export async function write(kv: KVNamespace, key: string, value: string | Uint8Array | Blob): Promise<void> {
  await retry(`write ${key} to KV`, () =>
    kv.put(key, value instanceof Blob ? value.stream() : (value as string | Uint8Array<ArrayBuffer>)),
  );
}

/** Deletes a key, with the same retries as `write`. */
export async function remove(kv: KVNamespace, key: string): Promise<void> {
  await retry(`delete ${key} from KV`, () => kv.delete(key));
}

async function retry(what: string, attemptOnce: () => Promise<void>): Promise<void> {
  for (let attempt = 1, wait = firstWait; ; attempt++, wait = Math.min(wait * 2, maxWait)) {
    try {
      await attemptOnce();
      return;
    } catch (cause) {
      const transient = /\b(?:429|5\d\d)\b|network connection lost|internal error/i.test(String(cause));
      if (!transient || attempt === attempts)
        throw new Error(`${what}, attempt ${attempt}: ${String(cause)}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** Writes values in parallel. After a failure it starts no further write, waits for the running ones, and throws. */
export async function writeAll<T>(items: T[], writeOne: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      try {
        await writeOne(items[next++]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
