// _redirects and _headers that are written at run time. They say the same as
// those that are deployed, for paths below their own folder.

import { EditError } from "./edit_error";
import { parseHeaders } from "../rules/headers_file";
import type { HTMLHandling } from "../format/meta";
import type { OverlayContent } from "../format/overlay_entry";
import type { Problem } from "../rules/problem";
import { parseRedirects } from "../rules/redirects_file";
import { normalizeRule } from "../rules/rule_file";

/** A rule file has less than others: all of its rules are looked at for each request. */
export const largestRuleFile = 100_000;

/** How many problems a caller is told of at a time. */
const mostTold = 20;

/** The rules of a file. Throws an EditError that lists what is wrong, with file and line. */
export function compileRules(
  path: string,
  text: Uint8Array,
  htmlHandling: HTMLHandling,
): NonNullable<OverlayContent["rules"]> {
  const name = path.slice(1);
  const folder = normalizeRule(path.slice(0, path.lastIndexOf("/") + 1)).path;
  // There "/:a/x" would mean every folder.
  if (/[:*]/.test(folder))
    throw new EditError(
      422,
      `${name}: rules cannot be told from paths in a folder whose name has ":" or "*"; write them into a file further up`,
    );
  const outside = outsideOf(name, folder);
  if (path.endsWith("/_redirects")) {
    const { rules, problems, lines } = parseRedirects(name, text, htmlHandling);
    rules.forEach(({ from, to, status }, i) => {
      outside(problems, lines[i]!, from);
      if (status === 200) outside(problems, lines[i]!, to);
    });
    refuse(problems);
    return { redirects: rules };
  }
  const { rules, problems, lines } = parseHeaders(name, text);
  rules.forEach((rule, i) => outside(problems, lines[i]!, rule.path));
  refuse(problems);
  return { headers: rules };
}

/** Reports rules that name a path outside of a folder, or a host: caches that know no hosts keep what is served here. */
function outsideOf(name: string, folder: string): (problems: Problem[], line: number, path: string) => void {
  return (problems, line, path) => {
    if (path.startsWith(folder)) return;
    problems.push({
      path: name,
      line,
      reason: `${path} is not below ${folder}, where this file's rules apply`,
      fix: path.startsWith("/") ? "write it into a file further up" : "name the path without the host",
    });
  };
}

function refuse(problems: Problem[]): void {
  if (problems.length === 0) return;
  const ordered = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const told = ordered
    .slice(0, mostTold)
    .map(({ path, line, reason, fix }) => `\n  ${path}:${line}: ${reason}; ${fix}`);
  const more = ordered.length > mostTold ? `\n  and ${ordered.length - mostTold} more` : "";
  throw new EditError(422, `the rules are refused, nothing was written:${told.join("")}${more}`);
}
