// _headers: applies the rules that match a URL to the headers of a response.

import type { HeaderPair, HeaderRule } from "../format/meta";
import { Pattern, substitute } from "./pattern";

/** The header rules of a manifest. */
export class HeaderRules {
  readonly #rules: { rule: HeaderRule; pattern: Pattern }[];

  /** Whether a rule sets Content-Encoding. */
  readonly encodes: boolean;

  constructor(rules: HeaderRule[]) {
    this.encodes = rules.some(({ set }) => set.some(([name]) => name.toLowerCase() === "content-encoding"));
    this.#rules = rules.map((rule) => ({ rule, pattern: new Pattern(rule.path) }));
  }

  get size(): number {
    return this.#rules.length;
  }

  /**
   * Applies every matching rule in order. The first rule that sets a header replaces it; further rules append to it.
   */
  apply(url: URL, headers: Headers): void {
    const own = new Set<string>();
    for (const { rule, pattern } of this.#rules) {
      const captures = pattern.match(url);
      if (!captures) continue;
      for (const name of rule.unset) headers.delete(name);
      setHeaders(
        headers,
        rule.set.map(([name, template]) => [name, substitute(template, captures)]),
        own,
      );
    }
  }
}

/** Sets headers, and appends to those whose names are in `set`. Adds their names to `set`. */
export function setHeaders(headers: Headers, pairs: HeaderPair[], set = new Set<string>()): void {
  for (const [name, value] of pairs) {
    if (set.has(name.toLowerCase())) headers.append(name, value);
    else headers.set(name, value);
    set.add(name.toLowerCase());
  }
}
