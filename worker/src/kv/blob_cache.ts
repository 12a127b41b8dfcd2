// Keeps small blobs in the memory of the isolate. A blob never changes under its key, so a
// kept blob is never out of date.

import { LRU } from "./lru";

/** The memory for blobs by default, in bytes. An isolate has 128 MiB in total. */
export const defaultCapacity = 16 << 20;

/** The size of the largest blob that is kept, in bytes. */
export const maxKeptBytes = 256 << 10;

/** The memory that an entry needs besides its bytes: the key, and the entries of two maps. An estimate, in bytes. */
const entryBytes = 512;

/** The number of keys of which the cache remembers that they were read once. */
const maxSeen = 1024;

/**
 * The small blobs of one or more sites. A blob is kept when it is read for the second time: then a crawler, which reads
 * every page once, removes nothing. The least recently used blobs are removed first.
 *
 * `share` is the part of the capacity that one site may use. If the capacity is exceeded, the site that was not used
 * for the longest time loses blobs.
 */
export class BlobCache {
  readonly #capacity: number;
  readonly #share: number;
  /** The blobs of each site. The least recently used site is first. */
  readonly #sites = new Map<string, LRU<ArrayBuffer>>();
  /** The keys of blobs that were read once, the oldest first. */
  readonly #seen = new Set<string>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  constructor({ capacity = defaultCapacity, share = 1 }: { capacity?: number | undefined; share?: number }) {
    this.#capacity = capacity;
    this.#share = capacity * share;
  }

  /**
   * Returns a member of the header Cache-Status (RFC 9211), for a response from this cache (hit) or from KV. The
   * figures are since the isolate started.
   */
  status(hit: boolean): string {
    const figures = `${this.#hits} hits, ${this.#misses} misses, ${this.#bytes} of ${this.#capacity} bytes`;
    return `kv-sync; ${hit ? "hit" : "fwd=miss"}; detail="${figures}"`;
  }

  /** Returns a blob of a site if it is kept. Callers must not change it. */
  get(site: string, key: string): ArrayBuffer | undefined {
    const blobs = this.#sites.get(site);
    const blob = blobs?.get(key);
    if (blob === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    if (this.#sites.size > 1) this.#use(site, blobs!);
    return blob;
  }

  /** Whether a blob of this size should be kept, now that it is read. */
  admits(key: string, size: number): boolean {
    if (size > maxKeptBytes || size + entryBytes > this.#share) return false;
    if (this.#seen.delete(key)) return true;
    this.#seen.add(key);
    if (this.#seen.size > maxSeen) this.#seen.delete(this.#seen.values().next().value!);
    return false;
  }

  /** Keeps a blob of a site. */
  add(site: string, key: string, blob: ArrayBuffer): void {
    const blobs = this.#sites.get(site) ?? new LRU<ArrayBuffer>(this.#share);
    this.#use(site, blobs);
    this.#bytes -= blobs.bytes;
    blobs.set(key, blob, blob.byteLength + entryBytes);
    this.#bytes += blobs.bytes;
    while (this.#bytes > this.#capacity) this.#dropOldest();
  }

  /** Makes a site the most recently used one. */
  #use(site: string, blobs: LRU<ArrayBuffer>): void {
    this.#sites.delete(site);
    this.#sites.set(site, blobs);
  }

  #dropOldest(): void {
    const [site, blobs] = this.#sites.entries().next().value!;
    this.#bytes -= blobs.bytes;
    blobs.dropOldest();
    this.#bytes += blobs.bytes;
    if (blobs.bytes === 0) this.#sites.delete(site);
  }
}
