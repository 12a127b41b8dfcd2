// Finds redirect loops.

import type { Redirect } from "../format/meta";
import { matchesPath } from "./pattern";
import { isDynamicRule, placeholders } from "./rule_file";

/** The maximum number of rules of a loop that a message names. */
const maxShownSteps = 5;

/**
 * The maximum work of a search. Each comparison adds the length of the pathname times the length of the pattern. A file
 * that was written by hand needs less. Beyond the limit, loops are not reported.
 */
const maxWork = 100_000_000;

/** A redirect loop. It is reported at the last of its rules. `route` lists its paths for the message. */
export interface RedirectLoop {
  last: Redirect;
  route: string;
}

/**
 * Finds each redirect loop once, by following the rules: at most one rule applies to the target of another rule. A
 * target with captures is not known in advance, so such a rule is only found if its target is its own source.
 */
export function findLoops(rules: Redirect[]): RedirectLoop[] {
  const next = nextRules(rules);
  const state: ("on path" | "done" | undefined)[] = [];
  const loops: RedirectLoop[] = [];
  rules.forEach((_, start) => {
    const path: number[] = [];
    let at = start;
    while (at >= 0 && state[at] === undefined) {
      state[at] = "on path";
      path.push(at);
      at = next[at]!;
    }
    if (at >= 0 && state[at] === "on path") loops.push(describe(rules, path.slice(path.indexOf(at))));
    for (const i of path) state[i] = "done";
  });
  return loops;
}

function describe(rules: Redirect[], loop: number[]): RedirectLoop {
  const steps = loop.slice(0, maxShownSteps).map((i) => rules[i]!.to);
  if (loop.length > maxShownSteps) steps.push("…");
  return {
    last: rules[loop.reduce((a, b) => Math.max(a, b))]!,
    route: [rules[loop[0]!]!.from, ...steps].join(" to "),
  };
}

/** Returns for each rule the index of the rule that applies to its target, or -1. */
function nextRules(rules: Redirect[]): number[] {
  const fixedRules = new Map<string, number>();
  const dynamicRules: number[] = [];
  rules.forEach(({ from }, i) => {
    if (isDynamicRule(from)) dynamicRules.push(i);
    else fixedRules.set(from, i);
  });
  let work = 0;
  const ruleAt = (path: string): number => {
    const first = fixedRules.get(path);
    for (const i of dynamicRules) {
      if (first !== undefined && i > first) break;
      const { from } = rules[i]!;
      work += path.length * from.length;
      if (work > maxWork) return -1;
      if (matchesPath(from, path)) return i;
    }
    return first ?? -1;
  };
  return rules.map((rule, i) => {
    const { path, fixed } = targetOf(rule);
    if (rule.status === 200 || path === "") return -1; // it serves a file, or redirects to another host
    const next = fixed ? ruleAt(path) : path.replaceAll(":splat", "*") === rule.from ? i : -1;
    // A rule with the status 200 ends the chain: it serves a file.
    return next >= 0 && rules[next]!.status === 200 ? -1 : next;
  });
}

/** Returns the path that a rule redirects to ("" for another host), and whether it is the same for every request. */
function targetOf({ from, to }: Redirect): { path: string; fixed: boolean } {
  if (!to.startsWith("/") || to.startsWith("//")) return { path: "", fixed: false };
  const path = to.replace(/[?#].*$/s, "");
  const captured = new Set(placeholders(from));
  if (from.includes("*")) captured.add(":splat");
  return { path, fixed: !placeholders(path).some((name) => captured.has(name)) };
}
