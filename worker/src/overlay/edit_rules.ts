// Compiles _redirects and _headers files that are written at run time. They have the same
// syntax as deployed ones. Their rules apply only to paths below the folder of the file.

import type { HTMLHandling } from "../format/meta";
import type { OverlayContent } from "../format/overlay_entry";
import { parseHeaders } from "../rules/headers_file";
import type { Problem } from "../rules/problem";
import { parseRedirects } from "../rules/redirects_file";
import { normalizeRule } from "../rules/rule_file";
import { EditError } from "./edit_error";

/** The maximum size of a rule file. It is low, because each request checks all rules. */
export const maxRuleFileBytes = 100_000;

/** The maximum number of problems in an error message. */
const maxListedProblems = 20;

/** Parses a rule file. If it is invalid, throws an EditError that lists the problems with their lines. */
export function compileRules(
  path: string,
  text: Uint8Array,
  htmlHandling: HTMLHandling,
  notes: Problem[],
): NonNullable<OverlayContent["rules"]> {
  const name = path.slice(1);
  const folder = normalizeRule(path.slice(0, path.lastIndexOf("/") + 1)).path;
  // A rule for "/:a/x" in the folder ":a" would match every folder.
  if (/[:*]/.test(folder))
    throw new EditError(
      422,
      `${name}: a folder with ":" or "*" in its name cannot have rules; write them to a parent folder`,
    );
  const checkRule = checkInside(name, folder);
  if (path.endsWith("/_redirects")) {
    const { rules, problems, notices, lines } = parseRedirects(name, text, htmlHandling);
    notes.push(...notices);
    for (const [i, { from, to, status }] of rules.entries()) {
      checkRule(problems, lines[i]!, from);
      if (status === 200) checkRule(problems, lines[i]!, to);
    }
    throwIfAny(problems);
    return { redirects: rules };
  }
  const { rules, problems, lines } = parseHeaders(name, text);
  for (const [i, { path }] of rules.entries()) checkRule(problems, lines[i]!, path);
  throwIfAny(problems);
  return { headers: rules };
}

/**
 * Returns a function that adds a problem for a rule whose path is outside of the folder. A rule with a host is refused,
 * too, because the keys of Workers Caching do not contain the host.
 */
function checkInside(name: string, folder: string): (problems: Problem[], line: number, path: string) => void {
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

function throwIfAny(problems: Problem[]): void {
  if (problems.length === 0) return;
  const ordered = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const listed = ordered
    .slice(0, maxListedProblems)
    .map(({ path, line, reason, fix }) => `\n  ${path}:${line}: ${reason}; ${fix}`);
  const more = ordered.length > maxListedProblems ? `\n  and ${ordered.length - maxListedProblems} more` : "";
  throw new EditError(422, `the rules are refused, nothing was written:${listed.join("")}${more}`);
}
