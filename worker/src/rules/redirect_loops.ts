// Finds redirect loops.

import type { Redirect } from "../format/meta";
import { matchesPath } from "./pattern";
import { isDynamicRule, placeholders } from "./rule_file";

/** The number of rules of a loop that a message names. */
const shown = 5;

/**
 * The limit of comparisons, in characters of pathnames times characters of patterns. No file that a person wrote needs
 * more. Loops beyond the limit are not found; browsers give up on them.
 */
const mostWork = 100_000_000;

/** A loop of rules. It is reported at the last of them. */
export interface Circle {
  last: Redirect;
  way: string;
}

/**
 * Finds every loop once. If a rule redirects to a fixed path of this site, at most one rule answers there, so loops are
 * found by following the rules. A target with captures is unknown here, unless it is the rule's own source.
 */
export function findCircles(rules: Redirect[]): Circle[] {
  const next = followers(rules);
  const state: ("on path" | "done" | undefined)[] = [];
  const circles: Circle[] = [];
  rules.forEach((_, start) => {
    const path: number[] = [];
    let at = start;
    while (at >= 0 && state[at] === undefined) {
      state[at] = "on path";
      path.push(at);
      at = next[at]!;
    }
    if (at >= 0 && state[at] === "on path") circles.push(describe(rules, path.slice(path.indexOf(at))));
    for (const i of path) state[i] = "done";
  });
  return circles;
}

function describe(rules: Redirect[], circle: number[]): Circle {
  const steps = circle.slice(0, shown).map((i) => rules[i]!.to);
  if (circle.length > shown) steps.push("…");
  return {
    last: rules[circle.reduce((a, b) => Math.max(a, b))]!,
    way: [rules[circle[0]!]!.from, ...steps].join(" to "),
  };
}

/** For each rule, the rule that answers at its target, or -1. */
function followers(rules: Redirect[]): number[] {
  const fixedRules = new Map<string, number>();
  const dynamicRules: number[] = [];
  rules.forEach(({ from }, i) => {
    if (isDynamicRule(from)) dynamicRules.push(i);
    else fixedRules.set(from, i);
  });
  let work = 0;
  const answers = (path: string): number => {
    const first = fixedRules.get(path);
    for (const i of dynamicRules) {
      if (first !== undefined && i > first) break;
      const { from } = rules[i]!;
      work += path.length * from.length;
      if (work > mostWork) return -1;
      if (matchesPath(from, path)) return i;
    }
    return first ?? -1;
  };
  return rules.map((rule, i) => {
    const { path, fixed } = leadsTo(rule);
    if (rule.status === 200 || path === "") return -1; // serves a file, or redirects to another site
    const follower = fixed ? answers(path) : path.replaceAll(":splat", "*") === rule.from ? i : -1;
    // A rewrite is not followed by another rule.
    return follower >= 0 && rules[follower]!.status === 200 ? -1 : follower;
  });
}

/** The path that a rule redirects to ("" for another host), and whether it is the same for every request. */
function leadsTo({ from, to }: Redirect): { path: string; fixed: boolean } {
  if (!to.startsWith("/") || to.startsWith("//")) return { path: "", fixed: false };
  const path = to.replace(/[?#].*$/s, "");
  const captured = new Set(placeholders(from));
  if (from.includes("*")) captured.add(":splat");
  return { path, fixed: !placeholders(path).some((name) => captured.has(name)) };
}
