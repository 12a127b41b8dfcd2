// Decodes stored manifests.

import { maxFileBytes } from "./chunks";
import { comparePaths } from "./compare_paths";
import { ManifestError } from "./manifest";
import { flag, list, parseAdopted, parseRules, record, string } from "./meta";
import { parseRouting } from "./routing";
import { flagChunked, flagsOf, type StoredAsset, type StoredManifest, storedMagic, storedVersion } from "./stored";

/**
 * Decodes a stored manifest of this or an earlier release. The Go side writes the same format. Throws a ManifestError
 * if any part is invalid; it never returns a partial manifest.
 */
export function decodeStored(bytes: Uint8Array<ArrayBuffer>): StoredManifest {
  try {
    return new StoredReader(bytes).manifest();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ManifestError(`kv-sync stored manifest: ${reason}; deploy again with the option to repair`, { cause });
  }
}

const hashBytes = 32;
const nonceBytes = 8;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class StoredReader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;
  #path: Uint8Array = new Uint8Array();
  #modified = 0;
  #oidSize = 0;
  #nonces: string[] = [];
  #types: string[] = [];

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  manifest(): StoredManifest {
    const start = this.#take(8);
    const view = new DataView(start.buffer, start.byteOffset, 8);
    if (view.getUint32(0) !== storedMagic) throw new Error("not a stored manifest");
    if (view.getUint16(4, true) !== storedVersion)
      throw new Error(`unknown format version ${view.getUint16(4, true)}; update kv-sync`);
    const flags = view.getUint16(6, true);
    if ((flags & ~flagChunked) !== 0) throw new Error(`unknown must-understand flags ${flags}; update kv-sync`);

    const head = record(JSON.parse(decoder.decode(this.#take(this.#uint()))), "its head");
    const text = (of: Record<string, unknown>, member: string) =>
      of[member] === undefined ? "" : string(of[member], member);
    const origin = record(head["origin"], "origin");
    const serving = record(head["serving"], "serving");
    // Go encodes a nil list as null.
    this.#types = head["types"] === null ? [] : list(head["types"], "types").map((type) => string(type, "types"));
    const rest = {
      site: text(head, "site"),
      origin: {
        kind: text(origin, "kind"),
        id: text(origin, "id"),
        rules: text(origin, "rules"),
        dir: text(origin, "dir"),
        commit: text(origin, "commit"),
      },
      serving: {
        html_handling: text(serving, "html_handling"),
        not_found_handling: text(serving, "not_found_handling"),
        overlay: flag(serving["overlay"], "overlay"),
      },
      routing: parseRouting(head["routing"]),
      ...parseRules(head),
      adopted: parseAdopted(head["adopted"]),
    };

    this.#nonces = this.#list(() => this.#take(nonceBytes).toHex());
    this.#oidSize = this.#uint();
    if (![0, 20, 32].includes(this.#oidSize)) throw new Error(`unknown object id size ${this.#oidSize}`);
    let previous = "";
    const assets = this.#list(() => {
      const asset = { ...this.#asset(), oid: this.#oid() };
      if (previous !== "" && comparePaths(previous, asset.path) >= 0) throw new Error("paths are not sorted");
      previous = asset.path;
      return asset;
    });
    const directories = this.#list(() => ({ path: this.#nextPath(), tree: this.#oid() }));
    const retired = this.#list(() => ({ ...this.#asset(), oid: "", until: this.#int(), left: this.#uint() }));
    if (this.#at !== this.#bytes.length) throw new Error(`${this.#bytes.length - this.#at} extra bytes at the end`);
    if (flags !== flagsOf({ assets, retired })) throw new Error("the flags do not match the sizes of the assets");
    return { ...rest, assets, directories, retired };
  }

  /** Reads a list. A wrong count does not cause a large allocation: memory grows only with the items. */
  #list<T>(item: () => T): T[] {
    const count = this.#uint();
    this.#path = new Uint8Array();
    const items: T[] = [];
    while (items.length < count) items.push(item());
    return items;
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#bytes.length - this.#at) throw new Error("unexpected end");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #uint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error("unexpected end");
      value += (byte & 127) * unit;
      if (value > Number.MAX_SAFE_INTEGER) throw new Error("a number is too large");
      if (byte < 128) return value;
      if (unit > Number.MAX_SAFE_INTEGER) throw new Error("a number is too long");
    }
  }

  #int(): number {
    const value = this.#uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #nextPath(): string {
    const shared = this.#uint();
    const suffix = this.#take(this.#uint());
    if (shared > this.#path.length) throw new Error("a shared prefix is longer than the previous path");
    const path = new Uint8Array(shared + suffix.length);
    path.set(this.#path.subarray(0, shared));
    path.set(suffix, shared);
    this.#path = path;
    return decoder.decode(path);
  }

  #asset(): Omit<StoredAsset, "oid"> {
    const path = this.#nextPath();
    const hash = this.#take(hashBytes).toHex();
    const nonce = this.#nonces[this.#uint()];
    const size = this.#uint();
    const type = this.#types[this.#uint()];
    this.#modified += this.#int();
    if (nonce === undefined || type === undefined) throw new Error("an entry refers to a missing table entry");
    if (size > maxFileBytes) throw new Error("a file has 4 GiB or more");
    return { path, hash, nonce, size, type, modified: this.#modified };
  }

  #oid(): string {
    return this.#take(this.#oidSize).toHex();
  }
}
