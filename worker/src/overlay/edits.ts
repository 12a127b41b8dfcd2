// The seven operations of an asset binding. They read both layers, and write only the
// overlay. The steps of a write:
//
//	check ─► store the body below {site}/o/b/ ─► commit in the Durable Object
//
// A write is not visible before its commit.

import { comparePaths } from "../format/compare_paths";
import type { Asset } from "../format/manifest";
import { describeThrown } from "../format/one_line";
import type { Condition, OverlayChange, OverlayEntry } from "../format/overlay_entry";
import type { StoredAsset } from "../format/stored";
import { newNonce } from "../kv/blob_write";
import { reserveMemory } from "../kv/body_memory";
import { BusyError } from "../kv/byte_budget";
import type { Problem } from "../rules/problem";
import type { Env } from "../serve/assets";
import { preventEdgeCaching } from "../serve/caching";
import { failure } from "../serve/failure";
import type { Site } from "../serve/site";
import { type AssetInfo, assetOf, infoOf } from "./asset_info";
import { listFiles } from "./deployed_list";
import { cancelBodies, type NewFile, storeFiles } from "./edit_bodies";
import {
  type Authorship,
  checkedAuthorship,
  checkedBody,
  checkedCondition,
  checkedHeaders,
  checkedOptions,
  checkedType,
  checkNames,
  isRuleFile,
  type OnlyIf,
  type PutOptions,
  printable,
  readablePath,
  writablePath,
} from "./edit_checks";
import { EditError } from "./edit_error";
import { type AssetList, assetsWithin, mergeLists } from "./edit_list";
import { OverlayClient } from "./overlay_client";
import { conditionHolds } from "./overlay_condition";
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

/** The site of a binding, and its deployed assets. */
export interface EditTarget {
  site: Site;
  env: Env;
  /** Returns the deployed assets of a whole manifest, sorted by path, bytewise. */
  listing(): Promise<StoredAsset[]>;
}

/** One checked change. */
interface CheckedChange {
  path: string;
  condition: Condition | undefined;
  /** The file to store; undefined for a deletion. */
  file: NewFile | undefined;
}

/** The deployed asset of each path, and whether the path has a retired one. */
type DeployedAt = Map<string, { asset: Asset | null; retired: boolean }>;

/** A result that also has the previous content hash of each path; null for no content. */
export type DetailedResult = PublishResult & { before?: (string | null)[] };

/** The expected form of a change, for error messages. */
const changeForm = "use { put: path, body } or { delete: path }";

/** Describes how to give a capability to a binding, for error messages. */
const howToAllow = (members: string) =>
  `set { ${members} }: for the site's own Worker in [overlay] of its configuration, else in the binding's props`;

/** The waits before reads of a body, in milliseconds. KV may show a body later than the entry that refers to it. */
const bodyWaits = [0, 250, 750, 1_500];

/** The operations of one binding. */
export class Edits implements ReadWriteAssets {
  readonly #target: EditTarget;
  readonly #capabilities: Capabilities;
  readonly #overlay: OverlayClient;

  constructor(target: EditTarget, capabilities: Capabilities) {
    this.#target = target;
    this.#capabilities = capabilities;
    this.#overlay = new OverlayClient(target.site, target.env.KV_SYNC_OVERLAY);
  }

  /** Answers a request as for a visitor. A binding that may write sees all committed writes. */
  async fetch(request: Request): Promise<Response> {
    const { site, env } = this.#target;
    if (!this.#capabilities.write || !site.meta.overlay) return site.fetch(request, env);
    try {
      const response = await (await this.#overlay.view()).fetch(request, env);
      return site.usesEdgeCache ? preventEdgeCaching(response) : response;
    } catch (error) {
      console.error(`kv-sync: cannot answer with the current overlay of ${site.meta.site}:`, describeThrown(error));
      return failure(503);
    }
  }

  async head(path: string): Promise<AssetInfo | null> {
    const checked = readablePath(path);
    const asset = checked === undefined ? null : await this.#find(checked);
    return asset && infoOf(checked!, asset);
  }

  async get(path: string): Promise<AssetWithBody | null> {
    const checked = readablePath(path);
    const asset = checked === undefined ? null : await this.#find(checked);
    return asset && { ...infoOf(checked!, asset), body: await this.#read(checked!, asset) };
  }

  async put(path: string, body: AssetBody, options?: PutOptions): Promise<WriteResult> {
    const { author, message, ...rest } = await this.#checkPutOptions(body, options);
    return toWriteResult(
      await this.write([{ ...rest, put: path, body }], {
        ...(author !== undefined && { author }),
        ...(message !== undefined && { message }),
      }),
    );
  }

  async delete(path: string, options?: Authorship & { onlyIf?: OnlyIf }): Promise<WriteResult> {
    const { author, message, onlyIf } = checkedOptions(options, ["onlyIf", "author", "message"]);
    return toWriteResult(
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
      throw new EditError(400, "list: prefix and cursor must be strings; the cursor is that of the previous page");
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > limits.changes)
      throw new EditError(400, `list: the limit must be a number from 1 to ${limits.changes}`);
    return this.#withLoggedErrors("list", async () => {
      const { site, env, listing } = this.#target;
      const deployed = site.ordered
        ? listFiles(site.ordered, env.KV_SYNC_BLOBS, prefix, cursor)
        : assetsWithin(await listing(), prefix, cursor);
      const readPage = (after: string) => this.#page(prefix, after, limit);
      return mergeLists(site.meta.site, deployed, readPage, { after: cursor, limit });
    });
  }

  /** Like publish, but the result also has the previous content hashes. */
  async write(changes: AssetChange[], by?: Authorship): Promise<DetailedResult> {
    const bodies = Array.isArray(changes) ? changes.map((change) => (change as { body?: unknown } | null)?.body) : [];
    try {
      this.#checkMayWrite();
      const { author } = this.#capabilities;
      const authorship = checkedAuthorship(checkedOptions(by, ["author", "message"]), author);
      const checked = this.#check(changes);
      const memory = await reserveMemory(bodies, this.#target.site.meta.site);
      try {
        return await this.#write(checked, authorship);
      } finally {
        memory.release();
      }
    } catch (cause) {
      const error = cause instanceof BusyError ? new EditError(503, cause.message, { cause }) : cause;
      await cancelBodies(bodies, error);
      throw error;
    }
  }

  async #write(changes: CheckedChange[], by: Authorship): Promise<DetailedResult> {
    const { env, site } = this.#target;
    const { meta } = site;
    await this.#overlay.reportAdopted();
    const deployed = await this.#deployedAt(changes.map(({ path }) => path));
    const failed = await this.#checkConditions(changes, deployed);
    if (failed) {
      await cancelBodies(
        changes.map(({ file }) => file?.body),
        "a condition failed",
      );
      return failed;
    }
    const files = changes.flatMap(({ file }) => file ?? []);
    const stored = (
      await this.#withLoggedErrors("store", () => storeFiles(env.KV_SYNC_BLOBS, meta.site, files, meta.htmlHandling))
    )[Symbol.iterator]();
    const notices: Problem[] = [];
    const committed = changes.map(({ path, condition, file }): OverlayChange => {
      const next = file ? stored.next().value! : { nonce: newNonce(), content: undefined, notices: [] };
      const { nonce, content } = next;
      notices.push(...next.notices);
      const { asset, retired } = deployed.get(path)!;
      return { path, nonce, content, deployed: asset?.hash ?? null, ...(retired && { retired }), onlyIf: condition };
    });
    const result = await this.#overlay.commit(committed, by);
    if (!result.ok) return this.#failure(result.failed, changes[result.failed]!.path, result.current, deployed);
    return {
      ok: true,
      assets: changes.map(({ path }, i) => this.#infoAt(path, result.entries[i]!)),
      ...(notices.length > 0 && { notices }),
      before: result.entries.map((entry) => entry?.was[0] ?? null),
    };
  }

  /** Checks the conditions before any body is read. Returns the first failure, or undefined. */
  async #checkConditions(changes: CheckedChange[], deployed: DeployedAt): Promise<DetailedResult | undefined> {
    const conditional = changes.filter(({ condition }) => condition);
    if (conditional.length === 0) return undefined;
    const entries = await this.#overlay.look(conditional.map(({ path }) => path));
    for (const [i, { path, condition }] of conditional.entries()) {
      const entry = entries[i]!;
      const hash = (entry ? entry.content?.hash : deployed.get(path)!.asset?.hash) ?? null;
      if (!conditionHolds(condition, hash))
        return this.#failure(changes.indexOf(conditional[i]!), path, entry, deployed);
    }
    return undefined;
  }

  #failure(failed: number, path: string, entry: OverlayEntry | null, deployed: DeployedAt): DetailedResult {
    const { asset } = deployed.get(path)!;
    const current = entry ? this.#infoAt(path, entry) : asset && infoOf(path, asset);
    return { ok: false, failed, path, current };
  }

  /** Describes the asset of an overlay entry. Returns null without an entry, and for a tombstone. */
  #infoAt(path: string, entry: OverlayEntry | null): AssetInfo | null {
    const asset = entry && assetOf(this.#target.site.meta.site, entry);
    return asset && infoOf(path, asset);
  }

  /** Returns what the deployed manifest has at these paths. It may have to read parts of the manifest. */
  #deployedAt(paths: string[]): Promise<DeployedAt> {
    const { site, env } = this.#target;
    return this.#withLoggedErrors("find", async () => {
      const found: DeployedAt = new Map();
      // In this order each part is read once.
      for (const path of paths.toSorted(comparePaths)) {
        found.set(path, await site.deployed.lookUp(path, env.KV_SYNC_BLOBS));
      }
      return found;
    });
  }

  #checkMayWrite(): void {
    if (this.#capabilities.write !== true)
      throw new EditError(403, `this binding can only read; ${howToAllow("write: true")}`);
    if (!this.#target.site.meta.overlay) throw new EditError(403, "the site has no overlay; enable it and deploy");
  }

  #check(changes: AssetChange[]): CheckedChange[] {
    if (!Array.isArray(changes) || changes.length === 0)
      throw new EditError(400, `there are no changes; ${changeForm}`);
    if (changes.length > limits.changes)
      throw new EditError(413, `${changes.length} changes, the limit is ${limits.changes} at a time`);
    const checked = changes.map((change) => this.#checkOne(change));
    const paths = new Set<string>();
    for (const { path } of checked) {
      if (paths.has(path)) throw new EditError(422, `${printable(path)} is changed twice; change each path once`);
      paths.add(path);
    }
    return checked;
  }

  #checkOne(change: AssetChange): CheckedChange {
    if (typeof change !== "object" || change === null)
      throw new EditError(400, `a change is not an object; ${changeForm}`);
    const isPut = "put" in change;
    if (isPut === "delete" in change) throw new EditError(400, `a change is neither a put nor a delete; ${changeForm}`);
    const path = writablePath(isPut ? change.put : change.delete);
    if (isRuleFile(path) && this.#capabilities.rules !== true)
      throw new EditError(
        403,
        `${printable(path)}: this binding cannot write rules; ${howToAllow("write: true, rules: true")}`,
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

  async #checkPutOptions(body: unknown, options: PutOptions | undefined): Promise<PutOptions> {
    try {
      return checkedOptions(options, ["contentType", "headers", "onlyIf", "author", "message"]);
    } catch (error) {
      await cancelBodies([body], error);
      throw error;
    }
  }

  /** Finds the asset at a path. Only the Durable Object has all committed writes, and the rule files. */
  async #find(path: string): Promise<Asset | null> {
    const { site, env } = this.#target;
    if (!site.meta.overlay) return this.#findDeployed(path);
    if (!this.#capabilities.write && !isRuleFile(path))
      return this.#withLoggedErrors(
        "read",
        async () => (await (await site.view(env)).lookUp(path, env.KV_SYNC_BLOBS)).asset,
      );
    const [entry] = await this.#overlay.look([path]);
    return entry ? assetOf(site.meta.site, entry) : this.#findDeployed(path);
  }

  async #findDeployed(path: string): Promise<Asset | null> {
    return (await this.#deployedAt([path])).get(path)!.asset;
  }

  async #read(path: string, asset: Asset): Promise<ReadableStream> {
    const { site, env } = this.#target;
    for (const wait of bodyWaits) {
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const body = await this.#withLoggedErrors("read", () => site.deployed.read(asset, env.KV_SYNC_BLOBS));
      if (body) return body;
    }
    throw new EditError(503, `${printable(path)} is not visible in KV at this location yet; try again in a minute`);
  }

  async #page(
    prefix: string,
    after: string,
    limit: number,
  ): Promise<{ entries: OverlayEntry[]; next: string | undefined }> {
    if (!this.#target.site.meta.overlay) return { entries: [], next: undefined };
    return this.#overlay.list({ prefix, after, limit });
  }

  /** Runs an action. An unexpected error is logged, and the caller gets a general EditError. */
  async #withLoggedErrors<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof EditError) throw error;
      console.error(`kv-sync: cannot ${what} assets of ${this.#target.site.meta.site}:`, describeThrown(error));
      throw new EditError(503, `cannot ${what} assets now; try again`, { cause: error });
    }
  }
}

function toWriteResult(written: DetailedResult): WriteResult {
  if (!written.ok) return { ok: false, current: written.current };
  const { assets, notices } = written;
  return { ok: true, asset: assets[0]!, ...(notices && { notices }) };
}
