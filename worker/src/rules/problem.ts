// The problems that prevent a deploy, for a person to fix.

import { comparePaths } from "../format/compare_paths";

/** A problem that must be fixed before the deploy. */
export interface Problem {
  /** The file, without a leading slash, or another subject such as "code". */
  path: string;
  /** The number of the line; the first line is 1. */
  line?: number;
  reason: string;
  /** How to fix it. */
  fix: string;
}

/** Thrown if a deploy is refused. Nothing was changed. The problems are sorted by path. */
export class RefusedError extends Error {
  override name = "RefusedError";
  readonly problems: readonly Problem[];

  constructor(problems: Problem[]) {
    const ordered = problems.toSorted((a, b) => comparePaths(a.path, b.path) || (a.line ?? 0) - (b.line ?? 0));
    const lines = ordered.map(
      ({ path, line, reason, fix }) => `\n  ${line === undefined ? path : `${path}:${line}`}: ${reason}; ${fix}`,
    );
    super(`kv-sync refuses to deploy, what is live stays as it is:${lines.join("")}`);
    this.problems = ordered;
  }
}

/** Quotes a text for a message, and cuts it after `max` characters. */
export function quote(text: string, max = 100): string {
  return JSON.stringify([...text].slice(0, max).join(""));
}
