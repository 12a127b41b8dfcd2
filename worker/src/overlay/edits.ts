// The seven operations of a binding of assets: they see the overlay over what is
// deployed, and change the overlay alone. A write goes
//
//	checks ─► body below {site}/o/b/ ─► commit in the Durable Object
//
// and nobody sees anything of it before the commit.

import { assetOf, infoOf, type AssetInfo } from "./asset_info";
import { type Env } from "../serve/assets";
import { type Site } from "../serve/site";
import { failure } from "../serve/failure";
import { newNonce } from "../kv/blob_write";
import { holdKept } from "../kv/body_memory";
import { BusyError } from "../kv/byte_budget";
import { unstored } from "../serve/caching";
import { giveUp, storeFiles, type NewFile } from "./edit_bodies";
import {
  checkNames,
  checkedAuthorship,
  checkedBody,
  checkedCondition,
  checkedHeaders,
  checkedOptions,
  checkedType,
  isRuleFile,
  readablePath,
  shown,
  writablePath,
  type Authorship,
  type OnlyIf,
  type PutOptions,
} from "./edit_checks";
import { EditError } from "./edit_error";
import { mergeLists, within, type AssetList } from "./edit_list";
import type { Asset } from "../format/manifest";
import { OverlayClient } from "./overlay_client";
import { holds } from "./overlay_condition";
import type { Condition, OverlayChange, OverlayEntry } from "../format/overlay_entry";
import { limits } from "./overlay_limits";
import type {
  AssetBody,
  AssetChange,
  AssetWithBody,
  Capabilities,
  ListOptions,
  PublishResult,
  ReadWriteAssets,
  WriteResult,
} from "./read_write_assets";
import type { StoredAsset } from "../format/stored";

/** What a binding works on. */
export interface Ground {
  site: Site;
  env: Env;
  /** What is deployed, sorted bytewise by path. */
  listing(): Promise<StoredAsset[]>;
}

/** One change, checked. */
interface Checked {
  path: string;
  condition: Condition | undefined;
  /** undefined to delete. */
  file: NewFile | undefined;
}

/** A result, and what was there before the write at each path; null for nothing. */
export type Written = PublishResult & { before?: (string | null)[] };

/** KV may show a body later here than the entry that names it. In milliseconds. */
const bodyWaits = [0, 250, 750, 1_500];

/** A site or project as one binding sees it. */
export class Edits implements ReadWriteAssets {
  readonly #ground: Ground;
  readonly #may: Capabilities;
  readonly #overlay: OverlayClient;

  constructor(ground: Ground, may: Capabilities) {
    this.#ground = ground;
    this.#may = may;
    this.#overlay = new OverlayClient(ground.site, ground.env.KV_SYNC_OVERLAY);
  }

  /** Answers as visitors are answered, or where the binding may write, with all that is written by now. */
  async fetch(request: Request): Promise<Response> {
    const { site, env } = this.#ground;
    if (!this.#may.write || !site.meta.overlay) return site.fetch(request, env);
    try {
      const response = await (await this.#overlay.view()).fetch(request, env);
      return site.isStored ? unstored(response) : response;
    } catch (error) {
      console.error("kv-sync: cannot answer with what was written by now:", error);
      return failure(503);
    }
  }

  async head(path: string): Promise<AssetInfo | null> {
    const found = readablePath(path);
    const asset = found === undefined ? null : await this.#find(found);
    return asset && infoOf(found!, asset);
  }

  async get(path: string): Promise<AssetWithBody | null> {
    const found = readablePath(path);
    const asset = found === undefined ? null : await this.#find(found);
    return asset && { ...infoOf(found!, asset), body: await this.#read(found!, asset) };
  }

  async put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult> {
    const { author, message, ...rest } = await this.#options(body, options);
    return single(
      await this.write([{ ...rest, put: path, body }], {
        ...(author !== undefined && { author }),
        ...(message !== undefined && { message }),
      }),
    );
  }

  async delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult> {
    const { author, message, onlyIf } = checkedOptions(options, ["onlyIf", "author", "message"]);
    return single(
      await this.write([{ delete: path, ...(onlyIf !== undefined && { onlyIf }) }], {
        ...(author !== undefined && { author }),
        ...(message !== undefined && { message }),
      }),
    );
  }

  async publish(changes: AssetChange[], by?: Authorship): Promise<PublishResult> {
    const { before: _, ...result } = await this.write(changes, by);
    return result;
  }

  async list(options?: ListOptions): Promise<AssetList> {
    const { prefix = "", cursor = "", limit = limits.changes } = checkedOptions(options, ["prefix", "cursor", "limit"]);
    if (
      typeof prefix !== "string" ||
      typeof cursor !== "string" ||
      !prefix.isWellFormed() ||
      !cursor.isWellFormed() ||
      Math.max(prefix.length, cursor.length) > limits.path
    ) {
      throw new EditError(400, "list: prefix and cursor are texts; give as cursor what the page before gave");
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > limits.changes)
      throw new EditError(400, `list: the limit is no number from 1 to ${limits.changes}; give one, or leave it out`);
    const { site } = this.#ground;
    const begin = prefix.normalize("NFC");
    const deployed = within(await this.#listing(), begin, cursor);
    return mergeLists(site.meta.site, deployed, (after) => this.#page(begin, after, limit), { after: cursor, limit });
  }

  /** As publish; it says besides what was there. */
  async write(changes: AssetChange[], by?: Authorship): Promise<Written> {
    const bodies = Array.isArray(changes) ? changes.map((change) => (change as { body?: unknown } | null)?.body) : [];
    try {
      this.#checkMayWrite();
      const { author } = this.#may;
      const authorship = checkedAuthorship(checkedOptions(by, ["author", "message"]), author);
      const checked = this.#check(changes);
      const memory = await holdKept(bodies, this.#ground.site.meta.site);
      try {
        return await this.#write(checked, authorship);
      } finally {
        memory.release();
      }
    } catch (cause) {
      const error = cause instanceof BusyError ? new EditError(503, cause.message, { cause }) : cause;
      await giveUp(bodies, error);
      throw error;
    }
  }

  async #write(changes: Checked[], by: Authorship): Promise<Written> {
    const { env, site } = this.#ground;
    const { meta } = site;
    await this.#overlay.settle();
    const failed = await this.#failed(changes);
    if (failed) {
      await giveUp(
        changes.map(({ file }) => file?.body),
        "a condition failed",
      );
      return failed;
    }
    const files = changes.flatMap(({ file }) => file ?? []);
    const stored = (
      await this.#asked("store", () => storeFiles(env.KV_SYNC_BLOBS, meta.site, files, meta.htmlHandling))
    )[Symbol.iterator]();
    const committed = changes.map(({ path, condition, file }): OverlayChange => {
      const { nonce, content } = file ? stored.next().value! : { nonce: newNonce(), content: undefined };
      return {
        path,
        nonce,
        content,
        deployed: this.#deployedHash(path),
        ...(site.deployed.retires(path) && { retired: true }),
        onlyIf: condition,
      };
    });
    const result = await this.#overlay.commit(committed, by);
    if (!result.ok) return this.#failure(changes, result.failed, result.current);
    return {
      ok: true,
      assets: changes.map(({ path }, i) => this.#infoAt(path, result.entries[i]!)),
      before: result.entries.map((entry) => entry?.was[0] ?? null),
    };
  }

  /** Judges the conditions that there are, before any body is taken in. */
  async #failed(changes: Checked[]): Promise<Written | undefined> {
    const conditional = changes.filter(({ condition }) => condition);
    if (conditional.length === 0) return undefined;
    const entries = await this.#overlay.look(conditional.map(({ path }) => path));
    for (const [i, { path, condition }] of conditional.entries()) {
      const entry = entries[i]!;
      const hash = entry ? (entry.content?.hash ?? null) : this.#deployedHash(path);
      if (!holds(condition, hash)) return this.#failure(changes, changes.indexOf(conditional[i]!), entry);
    }
    return undefined;
  }

  #failure(changes: Checked[], failed: number, entry: OverlayEntry | null): Written {
    const { path } = changes[failed]!;
    const current = entry ? this.#infoAt(path, entry) : this.#deployedInfo(path);
    return { ok: false, failed, path, current };
  }

  /** What is at a path after a write; without an entry nothing is, or it would have one. */
  #infoAt(path: string, entry: OverlayEntry | null): AssetInfo | null {
    const asset = entry && assetOf(this.#ground.site.meta.site, entry);
    return asset && infoOf(path, asset);
  }

  #deployedInfo(path: string): AssetInfo | null {
    const asset = this.#ground.site.deployed.look(path);
    return asset && infoOf(path, asset);
  }

  #deployedHash(path: string): string | null {
    return this.#ground.site.deployed.look(path)?.hash ?? null;
  }

  #checkMayWrite(): void {
    if (this.#may.write !== true)
      throw new EditError(
        403,
        "this binding of assets may only read; give it { write: true }: the site's own Worker below [overlay] of its configuration, others in the binding's props",
      );
    if (!this.#ground.site.meta.overlay)
      throw new EditError(
        403,
        "what is deployed has no overlay, so nobody would see what is written; switch the overlay on and deploy",
      );
  }

  #check(changes: AssetChange[]): Checked[] {
    if (!Array.isArray(changes) || changes.length === 0)
      throw new EditError(
        400,
        "there is no list of changes; give one or more, like { put: path, body } or { delete: path }",
      );
    if (changes.length > limits.changes)
      throw new EditError(413, `${changes.length} changes are too many; make at most ${limits.changes} at a time`);
    const checked = changes.map((change) => this.#checkOne(change));
    const paths = new Set<string>();
    for (const { path } of checked) {
      if (paths.has(path)) throw new EditError(422, `${shown(path)} is changed twice; change each path once`);
      paths.add(path);
    }
    return checked;
  }

  #checkOne(change: AssetChange): Checked {
    if (typeof change !== "object" || change === null)
      throw new EditError(400, "a change is no object; give it like { put: path, body } or { delete: path }");
    const isPut = "put" in change;
    if (isPut === "delete" in change)
      throw new EditError(
        400,
        "a change is neither a put nor a delete; give it like { put: path, body } or { delete: path }",
      );
    const path = writablePath(isPut ? change.put : change.delete);
    if (isRuleFile(path) && this.#may.rules !== true)
      throw new EditError(
        403,
        `${shown(path)}: this binding may not write rules; give it { write: true, rules: true }: the site's own Worker below [overlay] of its configuration, others in the binding's props`,
      );
    checkNames("a change", change, isPut ? ["put", "body", "contentType", "headers", "onlyIf"] : ["delete", "onlyIf"]);
    const condition = checkedCondition(change.onlyIf);
    if (!isPut) return { path, condition, file: undefined };
    const headers = checkedHeaders(path, change.headers);
    return {
      path,
      condition,
      file: { path, body: checkedBody(path, change.body), type: checkedType(path, change.contentType), headers },
    };
  }

  async #options(body: unknown, options: PutOptions | undefined): Promise<PutOptions> {
    try {
      return checkedOptions(options, ["contentType", "headers", "onlyIf", "author", "message"]);
    } catch (error) {
      await giveUp([body], error);
      throw error;
    }
  }

  /** The asset at a path. Only the Durable Object knows what was written by now, and rule files, which are not served. */
  async #find(path: string): Promise<Asset | null> {
    const { site, env } = this.#ground;
    if (!site.meta.overlay) return site.deployed.look(path);
    if (!this.#may.write && !isRuleFile(path))
      return this.#asked("read", async () => (await site.view(env)).look(path));
    const [entry] = await this.#overlay.look([path]);
    return entry ? assetOf(site.meta.site, entry) : site.deployed.look(path);
  }

  async #read(path: string, asset: Asset): Promise<ReadableStream> {
    const { site, env } = this.#ground;
    for (const wait of bodyWaits) {
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const body = await this.#asked("read", () => site.deployed.read(asset, env.KV_SYNC_BLOBS));
      if (body) return body;
    }
    throw new EditError(
      503,
      `${shown(path)} is there, but KV does not show its bytes at this location yet; ask again in a minute`,
    );
  }

  #listing(): Promise<StoredAsset[]> {
    return this.#asked("list", () => this.#ground.listing());
  }

  async #page(
    prefix: string,
    after: string,
    limit: number,
  ): Promise<{ entries: OverlayEntry[]; next: string | undefined }> {
    if (!this.#ground.site.meta.overlay) return { entries: [], next: undefined };
    return this.#overlay.list({ prefix, after, limit });
  }

  /** What goes wrong below is told in the log; the caller, who may be anybody, is told to try again. */
  async #asked<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof EditError) throw error;
      console.error(`kv-sync: cannot ${what} assets:`, error);
      throw new EditError(503, `cannot ${what} assets now; try again`, { cause: error });
    }
  }
}

function single(written: Written): WriteResult {
  return written.ok ? { ok: true, asset: written.assets[0]! } : { ok: false, current: written.current };
}
