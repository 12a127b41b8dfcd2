// The manifest's meta section: JSON, checked member by member, so that what
// follows may rely on the types.

/** How pathnames that name HTML are spelt. */
export type HTMLHandling = "auto-trailing-slash" | "force-trailing-slash" | "drop-trailing-slash" | "none";

/** What answers a pathname that names no asset. */
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
  set: [name: string, value: string][];
  unset: string[];
}

/** What a manifest says beside its assets. */
export interface Meta {
  site: string;
  types: string[];
  htmlHandling: HTMLHandling;
  notFoundHandling: NotFoundHandling;
  redirects: Redirect[];
  headers: HeaderRule[];
  /** For how many seconds Workers Caching may keep a response; 0 where it is not used. */
  edgeCache: number;
}

export const htmlHandlings = ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"] as const;
export const notFoundHandlings = ["404-page", "single-page-application", "none"] as const;
const redirectStatuses = [200, 301, 302, 303, 307, 308];

/** Reads a meta section, or throws an Error that names the member that is wrong. */
export function parseMeta(bytes: Uint8Array): Meta {
  const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  const meta = record(json, "meta");
  const site = string(meta["site"], "site");
  if (!/^(?:project\/)?[a-z0-9][a-z0-9_-]{0,62}$/.test(site)) throw new Error("site is no site id");
  return {
    site,
    types: list(meta["types"], "types").map((type) => string(type, "types")),
    htmlHandling: oneOf(htmlHandlings, meta["html_handling"], "html_handling"),
    notFoundHandling: oneOf(notFoundHandlings, meta["not_found_handling"], "not_found_handling"),
    ...parseRules(meta),
    edgeCache: seconds(meta["edge_cache"], "edge_cache"),
  };
}

/** The redirects and headers of a manifest, served or stored. */
export function parseRules(meta: Record<string, unknown>): Pick<Meta, "redirects" | "headers"> {
  return {
    redirects: list(meta["redirects"], "redirects").map(redirect),
    headers: list(meta["headers"], "headers").map(headerRule),
  };
}

function redirect(json: unknown): Redirect {
  const { from, to, status } = record(json, "redirects");
  if (!redirectStatuses.includes(status as number)) throw new Error("redirects: a status is none of a redirect");
  return { from: string(from, "redirects"), to: string(to, "redirects"), status: status as number };
}

function headerRule(json: unknown): HeaderRule {
  const rule = record(json, "headers");
  return {
    path: string(rule["path"], "headers"),
    set: list(rule["set"], "headers").map((pair) => {
      const [name, value] = list(pair, "headers");
      return [string(name, "headers"), string(value, "headers")];
    }),
    unset: list(rule["unset"], "headers").map((name) => string(name, "headers")),
  };
}

/** Refuses what is no object. */
export function record(json: unknown, member: string): Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error(`${member} holds no object`);
  return json as Record<string, unknown>;
}

/** Refuses what is no string. */
export function string(json: unknown, member: string): string {
  if (typeof json !== "string") throw new Error(`${member} holds no string`);
  return json;
}

/** A time that was left out is none. */
function seconds(json: unknown, member: string): number {
  if (json === undefined) return 0;
  if (!Number.isSafeInteger(json) || (json as number) < 0) throw new Error(`${member} holds no number of seconds`);
  return json as number;
}

/** A list that was left out is empty. */
export function list(json: unknown, member: string): unknown[] {
  if (json === undefined) return [];
  if (!Array.isArray(json)) throw new Error(`${member} holds no list`);
  return json;
}

/** The first value is what a member that was left out, or is empty, means. */
function oneOf<T extends string>(values: readonly [T, ...T[]], json: unknown, member: string): T {
  if (json === undefined || json === "") return values[0];
  const value = values.find((known) => known === json);
  if (value === undefined) throw new Error(`${member} is not known`);
  return value;
}
