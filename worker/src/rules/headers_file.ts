import type { HeaderRule } from "../format/meta";
import { type Problem, quote } from "./problem";
import { characters, isComment, normalizeRule, RuleFile, splitHost, trim } from "./rule_file";

const maxRules = 100;
const maxLineLength = 2_000;
/** Matches a line that begins a block. The line may still be invalid. */
const pathLine = /^(?:\/|[^\t\n\f\r ]+:\/\/)/;
const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** All control characters except the tab. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
const controlCharacter = /[\0-\x08\x0a-\x1f\x7f]/;

/**
 * Parses a _headers file. Returns its rules in order, with header names in lower case, and the line of each rule. The
 * rules are valid only if there are no problems.
 */
export function parseHeaders(
  path: string,
  text: Uint8Array,
): { rules: HeaderRule[]; lines: number[]; problems: Problem[] } {
  const parser = new Parser(path);
  for (const [n, line] of parser.file.lines(text)) {
    if (!isComment(line) && !parser.parse(n, line)) break;
  }
  parser.finish();
  return { rules: parser.rules, lines: parser.lines, problems: parser.file.problems };
}

/** The block that is being parsed. */
interface Block {
  line: number;
  rule: HeaderRule;
  /** Whether the path line was refused. Then the headers below it are ignored. */
  isRefused: boolean;
  /** Whether there was no header line yet. */
  empty: boolean;
}

class Parser {
  readonly file: RuleFile;
  readonly rules: HeaderRule[] = [];
  readonly lines: number[] = [];
  #block: Block | undefined;
  #blocks = 0;

  constructor(path: string) {
    this.file = new RuleFile(path);
  }

  /** Parses one line. Returns false to stop. */
  parse(n: number, line: string): boolean {
    if (characters(line) > maxLineLength) {
      this.file.add(n, "shorten it", `the line is longer than ${maxLineLength} characters`);
      // The line counts as a header, so that its block is not reported as empty.
      if (this.#block) this.#block.empty = false;
      return true;
    }
    if (!pathLine.test(line)) {
      this.#header(n, line);
      return true;
    }
    this.finish();
    if (++this.#blocks > maxRules) {
      this.file.add(n, "remove rules, or join some with a splat", `there are more than ${maxRules} rules`);
      return false;
    }
    this.#begin(n, line);
    return true;
  }

  /** Ends the current block, and adds its rule. */
  finish(): void {
    const block = this.#block;
    this.#block = undefined;
    if (!block || block.isRefused) return;
    const { rule, line, empty } = block;
    if (empty) this.file.add(line, "add a header below it, or remove it", `${rule.path} has no headers`);
    else if (rule.set.length + rule.unset.length > 0) {
      this.rules.push(rule);
      this.lines.push(line);
    }
  }

  #begin(n: number, line: string): void {
    const block: Block = { line: n, rule: { path: "", set: [], unset: [] }, isRefused: true, empty: true };
    this.#block = block;
    const { host, rest } = splitHost(line);
    if (host === "" && !line.startsWith("/")) {
      this.file.add(
        n,
        'begin it with "/" or "https://"; in a header, put a space after the colon',
        `${quote(line)} is neither a path nor an https URL`,
      );
      return;
    }
    if (/:\d+$/.test(host)) {
      this.file.add(n, "leave the port out; rules apply on every port", `${quote(line)} names a port`);
      return;
    }
    const { path } = normalizeRule(rest);
    block.rule.path = host === "" ? path : `https://${host}${path}`;
    block.isRefused = !this.file.checkPattern(n, block.rule.path);
  }

  #header(n: number, line: string): void {
    const block = this.#block;
    if (!block) {
      this.file.add(n, 'put a path such as "/*" above it', "a header without a path");
      return;
    }
    block.empty = false;
    if (line.startsWith("! ") && !line.includes(":")) {
      const name = trim(line.slice(2));
      if (token.test(name)) block.rule.unset.push(name.toLowerCase());
      else this.file.add(n, 'write "! Name"', `${quote(name)} is no header name`);
      return;
    }
    const colon = line.indexOf(":");
    const name = trim(line.slice(0, Math.max(colon, 0))).toLowerCase();
    const value = trim(line.slice(colon + 1));
    if (colon < 0) {
      // The message does not quote the line, which may contain a secret.
      this.file.add(n, 'write "Name: value", or "! Name" to remove a header', "the line is no header");
    } else if (!token.test(name)) {
      this.file.add(n, "use letters, digits and dashes", `${quote(name)} is no header name`);
    } else if (value === "") {
      this.file.add(n, 'give it one, or write "! Name" to remove the header', `the header ${name} has no value`);
    } else if (controlCharacter.test(value)) {
      this.file.add(n, "remove them", `the value of ${name} has control characters`);
    } else {
      set(block.rule, name, value);
    }
  }
}

/** Adds a header to a rule. Several values of the same name are joined, as in a Headers object. */
function set(rule: HeaderRule, name: string, value: string): void {
  const same = rule.set.find(([known]) => known === name);
  if (same) same[1] += `, ${value}`;
  else rule.set.push([name, value]);
}
