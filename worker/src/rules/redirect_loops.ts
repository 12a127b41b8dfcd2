// Redirects that send a visitor round for ever.

import type { Redirect } from "../format/meta";
import { matchesPath } from "./pattern";
import { isDynamicRule, placeholders } from "./rule_file";

/** Of a circle of 2,000. */
const shown = 5;

/**
 * What is compared at most, in characters of pathnames times those of patterns:
 * more than any file needs that a person wrote. Circles that only show beyond
 * it are left to browsers, which give up on them.
 */
const mostWork = 100_000_000;

/** A circle of rules, said at the last of them. */
export interface Circle {
  last: Redirect;
  way: string;
}

/**
 * Every circle, once. A rule that leads to a fixed path of this site has at
 * most one rule that answers there, so circles show by following them. Where a
 * rule leads by what it captured is not known here, unless that is the very
 * path it came from.
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

/** For each rule the one that answers where it leads, or -1. */
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
      if ((work += path.length * from.length) > mostWork) return -1;
      if (matchesPath(from, path)) return i;
    }
    return first ?? -1;
  };
  return rules.map((rule, i) => {
    const { path, fixed } = leadsTo(rule);
    if (rule.status === 200 || path === "") return -1; // serves a file, or leaves the site
    const follower = fixed ? answers(path) : path.replaceAll(":splat", "*") === rule.from ? i : -1;
    // A rewrite ends the way: no rule is looked for behind it.
    return follower >= 0 && rules[follower]!.status === 200 ? -1 : follower;
  });
}

/** The path of this site that a rule leads to, "" for another host's, and whether it is the same for every request. */
function leadsTo({ from, to }: Redirect): { path: string; fixed: boolean } {
  if (!to.startsWith("/") || to.startsWith("//")) return { path: "", fixed: false };
  const path = to.replace(/[?#].*$/s, "");
  const captured = new Set(placeholders(from));
  if (from.includes("*")) captured.add(":splat");
  return { path, fixed: !placeholders(path).some((name) => captured.has(name)) };
}
