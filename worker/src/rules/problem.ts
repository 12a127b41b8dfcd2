// What is wrong with what somebody wants to deploy, for them to read.

import { comparePaths } from "../format/compare_paths";

/** Something about one path that has to be mended. */
export interface Problem {
  /** Without the slash in front, as a file's name; or what else is meant. */
  path: string;
  /** Counts from 1; left out where no line is meant. */
  line?: number;
  reason: string;
  /** What to do. */
  fix: string;
}

/** Lists everything that is refused, in the order of the paths. What is live is as it was. */
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

/** A text as a message may quote it, cut after so many characters. */
export function quote(text: string, most = 100): string {
  return JSON.stringify([...text].slice(0, most).join(""));
}
