// _redirects and _headers files that are written at run time. They have the same
// syntax as deployed ones and apply to paths below their own folder.

import type { HTMLHandling } from "../format/meta";
import type { OverlayContent } from "../format/overlay_entry";
import { parseHeaders } from "../rules/headers_file";
import type { Problem } from "../rules/problem";
import { parseRedirects } from "../rules/redirects_file";
import { normalizeRule } from "../rules/rule_file";
import { EditError } from "./edit_error";

/** The size limit of a rule file. It is low because each request checks all rules. */
export const largestRuleFile = 100_000;

/** The number of problems in an error message. */
const mostListed = 20;

/** Parses a rule file. Throws an EditError that lists the problems with file and line. */
export function compileRules(
  path: string,
  text: Uint8Array,
  htmlHandling: HTMLHandling,
): NonNullable<OverlayContent["rules"]> {
  const name = path.slice(1);
  const folder = normalizeRule(path.slice(0, path.lastIndexOf("/") + 1)).path;
  // In a folder ":a", the path "/:a/x" would match every folder.
  if (/[:*]/.test(folder))
    throw new EditError(
      422,
      `${name}: a folder with ":" or "*" in its name cannot have rules; write them to a parent folder`,
    );
  const outside = outsideOf(name, folder);
  if (path.endsWith("/_redirects")) {
    const { rules, problems, lines } = parseRedirects(name, text, htmlHandling);
    for (const [i, { from, to, status }] of rules.entries()) {
      outside(problems, lines[i]!, from);
      if (status === 200) outside(problems, lines[i]!, to);
    }
    refuse(problems);
    return { redirects: rules };
  }
  const { rules, problems, lines } = parseHeaders(name, text);
  for (const [i, { path }] of rules.entries()) outside(problems, lines[i]!, path);
  refuse(problems);
  return { headers: rules };
}

/** Reports rules for a path outside of the folder, or for a host: the cache of the responses does not know hosts. */
function outsideOf(name: string, folder: string): (problems: Problem[], line: number, path: string) => void {
  return (problems, line, path) => {
    if (path.startsWith(folder)) return;
    problems.push({
      path: name,
      line,
      reason: `${path} is not below ${folder}, where this file's rules apply`,
      fix: path.startsWith("/") ? "write it to a parent folder" : "use the path without the host",
    });
  };
}

function refuse(problems: Problem[]): void {
  if (problems.length === 0) return;
  const ordered = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const listed = ordered
    .slice(0, mostListed)
    .map(({ path, line, reason, fix }) => `\n  ${path}:${line}: ${reason}; ${fix}`);
  const more = ordered.length > mostListed ? `\n  and ${ordered.length - mostListed} more` : "";
  throw new EditError(422, `the rules are refused, nothing was written:${listed.join("")}${more}`);
}
