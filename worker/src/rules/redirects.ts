import type { Redirect } from "../format/meta";
import { type Captures, isDynamic, Pattern, staticKey, staticKeys, substitute } from "./pattern";

/**
 * A redirect, or a pathname to serve instead of the requested one. `byHost` means that the location depends on the host
 * of the request: it is a pathname if the target is on that host, else a whole URL.
 */
export type Redirection = { status: number; location: string; byHost?: true } | { pathname: string };

/** The compiled redirects of a manifest. The first matching rule applies. */
export class Redirects {
  /** The index of the first static rule, by key. So a look-up does not compare up to 2,000 rules. */
  readonly #static = new Map<string, number>();
  readonly #dynamic: { index: number; pattern: Pattern }[] = [];
  readonly #rules: Redirect[];

  constructor(rules: Redirect[]) {
    this.#rules = rules;
    rules.forEach(({ from }, index) => {
      if (isDynamic(from)) {
        this.#dynamic.push({ index, pattern: new Pattern(from) });
        return;
      }
      const key = staticKey(from);
      if (!this.#static.has(key)) this.#static.set(key, index);
    });
  }

  get size(): number {
    return this.#rules.length;
  }

  /** Returns the redirection of a URL, or undefined if no rule matches. */
  match(url: URL): Redirection | undefined {
    const fixed = Math.min(...staticKeys(url).map((key) => this.#static.get(key) ?? Infinity));
    for (const { index, pattern } of this.#dynamic) {
      if (index > fixed) break;
      const captures = pattern.match(url);
      const redirection = captures && follow(this.#rules[index]!, captures, url);
      if (redirection) return redirection;
    }
    return fixed === Infinity ? undefined : follow(this.#rules[fixed]!, new Map(), url);
  }
}

/**
 * Returns the target of a rule, or undefined if the captures do not give a valid URL. Captures come from the request,
 * so they must not choose the host. They may only be a label before a fixed domain, as in https://:lang.example.com/.
 */
function follow({ to, status }: Redirect, captures: Captures, url: URL): Redirection | undefined {
  const authority = /^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]*/i.exec(to)?.[0] ?? "";
  const names = [...authority.matchAll(/:([A-Za-z]\w*)/g)].map(([, name]) => name!);
  if (names.length > 0) {
    const fixedSuffix = authority.replace(/^.*:[A-Za-z]\w*/s, "");
    if (!fixedSuffix.includes(".")) return undefined;
    if (!names.every((name) => /^[A-Za-z0-9-]+$/.test(captures.get(name) ?? ""))) return undefined;
  }
  let target = substitute(authority, captures) + substitute(to.slice(authority.length), captures);
  // A splat may begin with a slash, and "//host" would lead to another host.
  if (captures.size > 0 && /^\/(?![/\\])/.test(to)) target = target.replace(/^[^?#]*/, mergeSlashes);

  const destination = parse(target, url);
  if (!destination) return undefined;
  if (status === 200) return { pathname: destination.pathname };

  // For the same host only the pathname is sent. It must not begin with "//", which would lead to another host.
  const local = destination.origin === url.origin;
  const base = local
    ? destination.pathname.replace(/^\/{2,}/, "/")
    : destination.href.slice(0, destination.href.length - destination.search.length - destination.hash.length);
  return {
    status,
    location: base + (destination.search || url.search) + destination.hash,
    ...(authority !== "" && { byHost: true as const }),
  };
}

function mergeSlashes(pathname: string): string {
  return pathname.replace(/[/\\]{2,}/g, "/");
}

function parse(target: string, base: URL): URL | undefined {
  try {
    return new URL(target, base);
  } catch {
    return undefined;
  }
}
