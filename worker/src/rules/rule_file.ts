// The common parts of the parsers for _redirects and _headers. The Go side
// (internal/routing) has the same rules, limits and messages. The tests of both sides read
// testdata/project/rule-files.json. A line that cannot be used is a problem. A file with a
// problem is not deployed.

import { type Problem, quote } from "./problem";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The number of problems after which parsing stops. A file may consist only of invalid lines. */
const maxProblems = 1_000;

/** A _redirects or _headers file that is being parsed. */
export class RuleFile {
  readonly problems: Problem[] = [];
  constructor(readonly path: string) {}

  add(line: number, fix: string, reason: string): void {
    this.problems.push({ path: this.path, line, reason, fix });
  }

  /**
   * Yields each line with its number, trimmed. If the text is not UTF-8, it adds a problem for the first invalid line
   * and yields nothing.
   */
  *lines(text: Uint8Array): Generator<[number, string]> {
    if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) text = text.subarray(3);
    const invalid = firstInvalidLine(text);
    if (invalid !== undefined) {
      this.add(invalid, "save the file as UTF-8", "the line is not UTF-8 text");
      return;
    }
    let n = 0;
    for (const line of split(text)) {
      if (this.problems.length >= maxProblems) return;
      yield [++n, trim(decoder.decode(line))];
    }
  }

  /** Whether a pattern is valid. Adds a problem for an invalid one. */
  checkPattern(line: number, pattern: string): boolean {
    const splats = pattern.split("*").length - 1;
    if (splats > 1) {
      this.add(line, 'keep one "*"', `${quote(pattern)} has more than one splat`);
      return false;
    }
    const seen = new Set(splats > 0 ? [":splat"] : []);
    for (const name of placeholders(pattern)) {
      if (seen.has(name)) {
        this.add(line, "give each placeholder its own name", `${quote(pattern)} uses ${name} twice`);
        return false;
      }
      seen.add(name);
    }
    if (pattern.includes("\\")) {
      this.add(line, 'use "/"', `${quote(pattern)} has a backslash, which no request's path has`);
      return false;
    }
    return true;
  }
}

/** Matches ":name", a placeholder. */
const placeholder = /:[A-Za-z]\w*/g;

/** Returns the placeholders of a text, with their colons. */
export function placeholders(text: string): string[] {
  return [...text.matchAll(placeholder)].map(([name]) => name);
}

/** Whether a pattern has a splat or a placeholder. */
export function isDynamicRule(pattern: string): boolean {
  return pattern.includes("*") || pattern.search(placeholder) >= 0;
}

/** Matches white space as Go defines it. JavaScript's \s differs. */
const space = /[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Trims white space at both ends, in linear time. */
export function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && space.test(text[start]!)) start++;
  while (start < end && space.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** Splits a line into words. */
export function words(line: string): string[] {
  return line.split(space).filter((word) => word !== "");
}

function* split(text: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from <= text.length; ) {
    const end = text.indexOf(0x0a, from);
    yield text.subarray(from, end < 0 ? text.length : end);
    from = end < 0 ? Infinity : end + 1;
  }
}

function firstInvalidLine(text: Uint8Array): number | undefined {
  if (isText(text)) return undefined;
  let n = 0;
  for (const line of split(text)) {
    n++;
    if (!isText(line)) return n;
  }
  return n;
}

function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

export function isComment(line: string): boolean {
  return line === "" || line.startsWith("#");
}

/** Returns the number of code points of a text. */
export function characters(text: string): number {
  return [...text].length;
}

/** Splits an absolute https URL into the host and the rest. For anything else the host is "". */
export function splitHost(text: string): { host: string; rest: string } {
  const [, host, rest] = /^https:\/\/+([^/]+)\/?(.*)/s.exec(text) ?? [];
  return host === undefined ? { host: "", rest: text } : { host, rest: rest! };
}

/**
 * Normalizes a path as a URL parser does: percent-encoded, without dot segments, with a leading slash. Also returns the
 * query with its "?" and the fragment with its "#", or "".
 */
export function normalizeRule(text: string): { path: string; query: string; fragment: string } {
  const [, before, query, fragment] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(text)!;
  const segments = before!.replace(/^\//, "").split("/");
  const kept: string[] = [];
  segments.forEach((segment, i) => {
    const dots = /^(?:\.|%2e){1,2}$/i.test(segment) ? segment.replace(/%2e/gi, ".").length : 0;
    if (dots === 0) {
      kept.push(encode(segment, '"<>`{}'));
      return;
    }
    if (dots === 2) kept.pop();
    if (i === segments.length - 1) kept.push("");
  });
  return {
    path: `/${kept.join("/")}`,
    query: query === undefined || query === "?" ? "" : encode(query, '"<>'),
    fragment: fragment === undefined || fragment === "#" ? "" : encode(fragment, '"<>`'),
  };
}

/** Percent-encodes control characters, spaces, non-ASCII characters and those in `also`. Existing escapes are kept. */
function encode(text: string, also: string): string {
  let out = "";
  for (const byte of new TextEncoder().encode(text)) {
    const unit = String.fromCharCode(byte);
    out +=
      byte <= 0x20 || byte >= 0x7f || also.includes(unit)
        ? `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
        : unit;
  }
  return out;
}
