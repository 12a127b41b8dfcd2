/** A cache that removes the least recently used values when their bytes exceed its budget. */
export class LRU<T, K = string> {
  readonly #entries = new Map<K, { value: T; bytes: number }>();
  readonly #budget: number;
  #bytes = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  /** The sum of the values' bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: K): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    // A Map iterates in the order of insertion.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Adds a value. The newest value is kept even if it alone exceeds the budget. */
  set(key: K, value: T, bytes: number): void {
    this.#drop(key);
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#budget && this.#entries.size > 1) this.dropOldest();
  }

  /** Removes the least recently used value. */
  dropOldest(): void {
    const { value: oldest } = this.#entries.keys().next();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(key: K): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
