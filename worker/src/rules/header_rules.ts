import type { HeaderPair, HeaderRule } from "../format/meta";
import { Pattern, substitute } from "./pattern";

/** The compiled header rules of a manifest. */
export class HeaderRules {
  readonly #rules: { rule: HeaderRule; pattern: Pattern }[];

  /** Whether any rule sets Content-Encoding. */
  readonly encodes: boolean;

  constructor(rules: HeaderRule[]) {
    this.encodes = rules.some(({ set }) => set.some(([name]) => name.toLowerCase() === "content-encoding"));
    this.#rules = rules.map((rule) => ({ rule, pattern: new Pattern(rule.path) }));
  }

  get size(): number {
    return this.#rules.length;
  }

  /** Applies all rules that match a URL, in order. The first rule that sets a header replaces it; later ones append. */
  apply(url: URL, headers: Headers): void {
    const alreadySet = new Set<string>();
    for (const { rule, pattern } of this.#rules) {
      const captures = pattern.match(url);
      if (!captures) continue;
      for (const name of rule.unset) headers.delete(name);
      setHeaders(
        headers,
        rule.set.map(([name, template]) => [name, substitute(template, captures)]),
        alreadySet,
      );
    }
  }
}

/** Sets headers, and adds their names to `alreadySet`. Appends to a header whose name is in `alreadySet`. */
export function setHeaders(headers: Headers, pairs: HeaderPair[], alreadySet = new Set<string>()): void {
  for (const [name, value] of pairs) {
    if (alreadySet.has(name.toLowerCase())) headers.append(name, value);
    else headers.set(name, value);
    alreadySet.add(name.toLowerCase());
  }
}
