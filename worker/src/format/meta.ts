// Parses the meta section of a manifest, which is JSON. Every member is checked, so that
// other code can rely on the types.

import { isSite } from "./project_keys";

/** The canonical form of pathnames of HTML files. */
export type HTMLHandling = "auto-trailing-slash" | "force-trailing-slash" | "drop-trailing-slash" | "none";

/** The response for a pathname without an asset. */
export type NotFoundHandling = "404-page" | "single-page-application" | "none";

/** One line of _redirects, compiled. */
export interface Redirect {
  from: string;
  to: string;
  status: number;
}

/** One block of _headers, compiled. */
export interface HeaderRule {
  path: string;
  set: HeaderPair[];
  unset: string[];
}

/** The settings and rules of a manifest. */
export interface Meta {
  site: string;
  types: string[];
  htmlHandling: HTMLHandling;
  notFoundHandling: NotFoundHandling;
  redirects: Redirect[];
  headers: HeaderRule[];
  /** How long Workers Caching may store a response, in seconds. 0 disables it. */
  edgeCache: number;
  /** The memory of an isolate for small blobs, in bytes. undefined means the default; 0 disables it. */
  memoryCache: number | undefined;
  /** Whether responses have the header Cache-Status, for debugging. */
  cacheStatus: boolean;
  /** Whether the site has an overlay. */
  overlay: boolean;
  /** The overlay writes that this manifest has adopted: nonces by pathname. */
  adopted: Map<string, string>;
  /** Overlay only: the number of commits. */
  revision: number;
  /** Overlay only: headers of single assets, by pathname. */
  ownHeaders: Map<string, HeaderPair[]>;
}

/** A name and a value. */
export type HeaderPair = [name: string, value: string];

export const htmlHandlings = ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"] as const;
export const notFoundHandlings = ["404-page", "single-page-application", "none"] as const;
const redirectStatuses = [200, 301, 302, 303, 307, 308];

/** The two layers of a site. The overlay has what was written at run time. */
export type Layer = "deployed" | "overlay";

/** Parses a meta section. Throws an Error that names the invalid member. */
export function parseMeta(bytes: Uint8Array, layer: Layer = "deployed"): Meta {
  const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  const meta = record(json, "meta");
  const site = string(meta["site"], "site");
  const owner = layer === "overlay" ? (/^(.*)\/o$/.exec(site)?.[1] ?? "") : site;
  if (!isSite(owner)) throw new Error("invalid site");
  return {
    site,
    types: list(meta["types"], "types").map((type) => string(type, "types")),
    htmlHandling: oneOf(htmlHandlings, meta["html_handling"], "html_handling"),
    notFoundHandling: oneOf(notFoundHandlings, meta["not_found_handling"], "not_found_handling"),
    ...parseRules(meta),
    edgeCache: count(meta["edge_cache"], "edge_cache"),
    memoryCache: meta["memory_cache"] === undefined ? undefined : count(meta["memory_cache"], "memory_cache"),
    cacheStatus: flag(meta["cache_status"], "cache_status"),
    overlay: flag(meta["overlay"], "overlay"),
    adopted: parseAdopted(meta["adopted"]),
    revision: count(meta["revision"], "revision"),
    ownHeaders: byPathname(meta["own_headers"], "own_headers", pairs),
  };
}

/** Parses the adopted writes of a served or stored manifest: nonces by pathname. */
export function parseAdopted(json: unknown): Map<string, string> {
  return byPathname(json, "adopted", (json) => {
    const nonce = string(json, "adopted");
    if (!/^[0-9a-f]{16}$/.test(nonce)) throw new Error("invalid nonce in adopted");
    return nonce;
  });
}

function byPathname<T>(json: unknown, member: string, parse: (json: unknown, member: string) => T): Map<string, T> {
  if (json === undefined) return new Map();
  return new Map(Object.entries(record(json, member)).map(([pathname, value]) => [pathname, parse(value, member)]));
}

/** Parses the redirects and headers of a served or stored manifest. */
export function parseRules(meta: Record<string, unknown>): Pick<Meta, "redirects" | "headers"> {
  return {
    redirects: list(meta["redirects"], "redirects").map(redirect),
    headers: list(meta["headers"], "headers").map(headerRule),
  };
}

function redirect(json: unknown): Redirect {
  const { from, to, status } = record(json, "redirects");
  if (!redirectStatuses.includes(status as number)) throw new Error("invalid status in redirects");
  return { from: string(from, "redirects"), to: string(to, "redirects"), status: status as number };
}

function headerRule(json: unknown): HeaderRule {
  const rule = record(json, "headers");
  return {
    path: string(rule["path"], "headers"),
    set: pairs(rule["set"], "headers"),
    unset: list(rule["unset"], "headers").map((name) => string(name, "headers")),
  };
}

function pairs(json: unknown, member: string): HeaderPair[] {
  return list(json, member).map((pair) => {
    const [name, value] = list(pair, member);
    return [string(name, member), string(value, member)];
  });
}

/** Requires an object. */
export function record(json: unknown, member: string): Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error(`${member} is not an object`);
  return json as Record<string, unknown>;
}

/** Requires a string. */
export function string(json: unknown, member: string): string {
  if (typeof json !== "string") throw new Error(`${member} is not a string`);
  return json;
}

/** Requires a whole number; the default is 0. */
function count(json: unknown, member: string): number {
  if (json === undefined) return 0;
  if (!Number.isSafeInteger(json) || (json as number) < 0) throw new Error(`${member} is not a whole number`);
  return json as number;
}

/** Requires a boolean; the default is false. */
export function flag(json: unknown, member: string): boolean {
  if (json !== undefined && typeof json !== "boolean") throw new Error(`${member} is not a boolean`);
  return json === true;
}

/** Requires a list; the default is empty. */
export function list(json: unknown, member: string): unknown[] {
  if (json === undefined) return [];
  if (!Array.isArray(json)) throw new Error(`${member} is not a list`);
  return json;
}

/** Requires one of these values. The default is the first value; "" also means the default. */
function oneOf<T extends string>(values: readonly [T, ...T[]], json: unknown, member: string): T {
  if (json === undefined || json === "") return values[0];
  const value = values.find((known) => known === json);
  if (value === undefined) throw new Error(`${member} is unknown`);
  return value;
}
