import type { Redirect } from "../format/meta";
import { type Problem, quote } from "./problem";
import { findLoops } from "./redirect_loops";
import {
  characters,
  isComment,
  isDynamicRule,
  normalizeRule,
  placeholders,
  RuleFile,
  splitHost,
  words,
} from "./rule_file";

const maxStatic = 2_000;
const maxDynamic = 100;
const maxLineLength = 1_000;
const statuses = ["200", "301", "302", "303", "307", "308"];
const toIndex = /\/index(?:\.html)?$/;

/**
 * Parses a _redirects file. Returns its rules in order, and the line of each. The rules are valid only if there are no
 * problems. `notices` describe the rules that are left out, because Cloudflare ignores them. html_handling decides
 * which rules these are.
 */
export function parseRedirects(
  path: string,
  text: Uint8Array,
  htmlHandling: string,
): { rules: Redirect[]; lines: number[]; problems: Problem[]; notices: Problem[] } {
  const parser = new Parser(path, htmlHandling);
  for (const [n, line] of parser.file.lines(text)) {
    if (!isComment(line) && !parser.parse(n, line)) break;
  }
  parser.checkLoops();
  return { rules: parser.rules, lines: parser.lines, problems: parser.file.problems, notices: parser.notices };
}

class Parser {
  readonly file: RuleFile;
  readonly rules: Redirect[] = [];
  readonly lines: number[] = [];
  readonly notices: Problem[] = [];
  readonly #htmlHandling: string;
  /** The line of each redirect, by its source. */
  readonly #seen = new Map<string, number>();
  #static = 0;
  #dynamic = 0;

  constructor(path: string, htmlHandling: string) {
    this.file = new RuleFile(path);
    this.#htmlHandling = htmlHandling;
  }

  /** Parses one line. Returns false if all further lines would have the same problem. */
  parse(n: number, line: string): boolean {
    if (characters(line) > maxLineLength) {
      this.file.add(n, "shorten it", `the line is longer than ${maxLineLength} characters`);
      return true;
    }
    let fields = words(line);
    // In "/a /b#x" the last part is a fragment. In "/a /b # x" it is a comment.
    const comment = fields.findIndex((field, i) => i >= 2 && field.startsWith("#"));
    if (comment >= 0) fields = fields.slice(0, comment);
    if (fields.length < 2 || fields.length > 3) {
      this.file.add(n, 'write "from to status"; encode spaces as %20', `expected 2 or 3 words, found ${fields.length}`);
      return true;
    }
    const from = this.#from(n, fields[0]!);
    if (from === undefined) return true;
    if (!this.#count(n, from)) return false;
    const to = this.#to(n, fields[1]!, from);
    if (to === undefined) return true;
    const status = fields[2] ?? "302";
    if (!statuses.includes(status)) {
      this.file.add(n, "use 200, 301, 302, 303, 307 or 308", `${quote(status, 20)} is no status of a redirect`);
      return true;
    }
    const relative = to.startsWith("/");
    if (relative && this.#ignored(from, to)) {
      this.#noteIgnored(n, from, to);
      return true;
    }
    const first = this.#seen.get(from);
    if (first !== undefined) {
      this.file.add(n, "remove one of them", `${from} is already redirected by line ${first}`);
      return true;
    }
    this.#seen.set(from, n);
    if (status === "200" && !relative) {
      this.file.add(
        n,
        "use a path, or a status from 301 to 308",
        `a 200 (proxy) can only lead to a path of this site, not to ${to}`,
      );
      return true;
    }
    this.rules.push({ from, to, status: Number(status) });
    this.lines.push(n);
    return true;
  }

  /** Reports redirect loops, each at its last rule. */
  checkLoops(): void {
    for (const { last, route } of findLoops(this.rules)) {
      this.file.add(
        this.#seen.get(last.from)!,
        "remove one of the rules, or point it at a path that no rule matches",
        `${route} redirects for ever`,
      );
    }
  }

  #from(n: number, text: string): string | undefined {
    if (!text.startsWith("/") && text.includes("://")) {
      this.file.add(
        n,
        "redirect from a path; use a Redirect Rule of the zone for whole hosts",
        `the source of a redirect must be a path, not ${quote(text)}`,
      );
      return undefined;
    }
    const { path } = normalizeRule(text);
    return this.file.checkPattern(n, path) ? path : undefined;
  }

  #to(n: number, text: string, from: string): string | undefined {
    const { host, rest } = splitHost(text);
    if (!this.#checkHost(n, host, from)) return undefined;
    if (host === "" && !text.startsWith("/")) {
      this.file.add(n, 'begin it with "/" or "https://"', `${quote(text)} is neither a path nor an https URL`);
      return undefined;
    }
    const { path, query, fragment } = normalizeRule(rest);
    return (host === "" ? "" : `https://${host}`) + path + query + fragment;
  }

  /**
   * Whether a host can be used. A request must not choose the domain, so serving ignores a rule that would allow it.
   */
  #checkHost(n: number, host: string, from: string): boolean {
    const names = placeholders(host);
    if (names.length === 0) return true;
    const last = names.at(-1)!;
    if (!host.slice(host.lastIndexOf(last) + last.length).includes(".")) {
      this.file.add(
        n,
        "write the domain, as in https://:name.example.com/",
        `a request could choose the host ${quote(host)}, so the rule would never match`,
      );
      return false;
    }
    const captured = new Set(placeholders(from));
    if (from.includes("*")) captured.add(":splat");
    const unknown = names.find((name) => !captured.has(name));
    if (unknown !== undefined) {
      this.file.add(
        n,
        "add the placeholder to the left side, or write the host",
        `the host ${quote(host)} has ${unknown}, which ${from} does not capture`,
      );
      return false;
    }
    return true;
  }

  /** Checks the limits. As on Cloudflare, a static rule after a dynamic one counts as dynamic, to keep the order. */
  #count(n: number, from: string): boolean {
    if (this.#dynamic === 0 && !isDynamicRule(from)) {
      if (++this.#static <= maxStatic) return true;
      this.file.add(n, "remove rules, or join some with a splat", `there are more than ${maxStatic} static redirects`);
      return false;
    }
    if (++this.#dynamic <= maxDynamic) return true;
    this.file.add(
      n,
      "move rules without splats and placeholders to the top of the file, or remove some",
      `there are more than ${maxDynamic} dynamic redirects (every rule after the first dynamic one counts)`,
    );
    return false;
  }

  /**
   * Whether Cloudflare ignores a rule. Cloudflare treats such a rule as a loop, even if it serves the page (status 200)
   * or leads to another folder.
   */
  #ignored(from: string, to: string): boolean {
    return toIndex.test(to) && (from.endsWith("/*") || (from.endsWith("/") && this.#htmlHandling !== "none"));
  }

  #noteIgnored(line: number, from: string, to: string): void {
    let fix = `remove the rule, or leave ${toIndex.exec(to)![0].slice(1)} off its target`;
    if (from === "/*")
      fix =
        'remove the rule; not_found_handling = "single-page-application" serves index.html for a path without a file';
    else if (from.endsWith("/")) fix = "remove the rule; index.html is served for its folder without one";
    this.notices.push({
      path: this.file.path,
      line,
      reason: `${from} to ${to} is not used: Cloudflare ignores a rule from this path to an index.html, as a loop`,
      fix,
    });
  }
}
