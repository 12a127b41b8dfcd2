// _headers: what the rules that match a URL change about a response.

import type { HeaderPair, HeaderRule } from "../format/meta";
import { Pattern, substitute } from "./pattern";

/** The header rules of a manifest. */
export class HeaderRules {
  readonly #rules: { rule: HeaderRule; pattern: Pattern }[];

  constructor(rules: HeaderRule[]) {
    this.#rules = rules.map((rule) => ({ rule, pattern: new Pattern(rule.path) }));
  }

  get size(): number {
    return this.#rules.length;
  }

  /**
   * Applies every rule that matches, in order. The first rule to name a header
   * replaces what was there; further ones add to it.
   */
  apply(url: URL, response: Response): void {
    const { headers } = response;
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

/** Replaces headers, and adds to those that were set before, which are remembered by their names. */
export function setHeaders(headers: Headers, pairs: HeaderPair[], set = new Set<string>()): void {
  for (const [name, value] of pairs) {
    if (set.has(name.toLowerCase())) headers.append(name, value);
    else headers.set(name, value);
    set.add(name.toLowerCase());
  }
}
