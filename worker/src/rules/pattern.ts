// The patterns of _redirects and _headers. A pattern is a pathname, or
// https://host/pathname. A splat ("*") matches any characters. A placeholder (":name")
// matches one segment of the pathname, or one label of the host.
//
// Matching does not use regular expressions: with backtracking, a hostile pathname could
// take exponential time. The time of a match is at most proportional to the length of the
// pathname times the length of the pattern.

/** A part of a pattern. A wildcard has a name, and matches no character of `stops`. */
type Token = { literal: string } | { name: string; stops: string };

/** The captured texts by the name of the placeholder. The name of a splat is "splat". */
export type Captures = Map<string, string>;

/** A compiled pattern. */
export class Pattern {
  readonly #tokens: Token[];
  readonly #withHost: boolean;

  constructor(source: string) {
    const { host, path } = splitPattern(source);
    this.#withHost = host !== "";
    this.#tokens = [...tokenize(host, "/."), ...tokenize(path, "/")];
  }

  /** Matches a URL. Returns its captures, or undefined if the pattern does not match. */
  match(url: URL): Captures | undefined {
    return matchTokens(this.#tokens, this.#withHost ? `https://${url.hostname}${url.pathname}` : url.pathname);
  }
}

/** Whether an encoded pathname matches a pattern of encoded pathnames. */
export function matchesPath(pattern: string, pathname: string): boolean {
  return matchTokens(tokenize(pattern, "/"), pathname) !== undefined;
}

/** Whether a pattern matches more than one URL. */
export function isDynamic(source: string): boolean {
  return /\*|:[A-Za-z]/.test(source.replace(/^https:\/\//, ""));
}

/** Whether a pattern names a host. */
export function namesHost(source: string): boolean {
  return splitPattern(source).host !== "";
}

/**
 * Returns the key of a pattern without wildcards. The pattern matches a URL if `staticKeys` of the URL has this key.
 */
export function staticKey(source: string): string {
  const { host, path } = splitPattern(source);
  return host + path;
}

/** Returns the keys of the patterns without wildcards that match a URL. */
export function staticKeys(url: URL): [string, string] {
  return [`https://${url.hostname}${url.pathname}`, url.pathname];
}

/** Replaces placeholders by their captures. A placeholder without a capture is not changed. */
export function substitute(template: string, captures: Captures): string {
  return template.replace(/:([A-Za-z]\w*)/g, (placeholder, name: string) => captures.get(name) ?? placeholder);
}

/**
 * Splits a pattern into host and path. A pattern with a host begins with https, but matches requests of any protocol.
 */
function splitPattern(source: string): { host: string; path: string } {
  const withHost = /^(https:\/\/[^/]*)(.*)$/s.exec(source);
  const host = withHost ? withHost[1]!.toLowerCase() : "";
  const path = withHost ? withHost[2]! || "/" : source;
  // The pathname of a request is percent-encoded. A pattern may be written without encoding.
  return { host, path: normalize(path) };
}

function normalize(path: string): string {
  if (!path.startsWith("/")) return path;
  try {
    return new URL(`https://x${path}`).pathname;
  } catch {
    return path;
  }
}

function tokenize(source: string, stops: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of source.matchAll(/\*|:([A-Za-z]\w*)/g)) {
    if (match.index > end) tokens.push({ literal: source.slice(end, match.index) });
    tokens.push(match[1] === undefined ? { name: "splat", stops: "" } : { name: match[1], stops });
    end = match.index + match[0].length;
  }
  if (end < source.length) tokens.push({ literal: source.slice(end) });
  return tokens;
}

function matchTokens(tokens: Token[], text: string): Captures | undefined {
  // A fast path: most patterns that do not match already differ in their first characters.
  const first = tokens[0];
  if (first && "literal" in first && !text.startsWith(first.literal)) return undefined;

  // First pass, backwards: find the positions at which the rest of the pattern after each token can match.
  const restBegins: Uint8Array[] = [];
  let next = new Uint8Array(text.length + 1);
  next[text.length] = 1;
  for (let t = tokens.length - 1; t >= 0; t--) {
    restBegins[t] = next;
    next = tokenBegins(tokens[t]!, text, next);
  }
  if (!next[0]) return undefined;

  // Second pass, forwards: each wildcard takes as much text as possible.
  const captures: Captures = new Map();
  let at = 0;
  tokens.forEach((token, t) => {
    if ("literal" in token) {
      at += token.literal.length;
      return;
    }
    const minEnd = token.stops === "" ? at : at + 1;
    const end = Math.max(restBegins[t]!.lastIndexOf(1, maxEnd(token.stops, text, at)), minEnd);
    captures.set(token.name, text.slice(at, end));
    at = end;
  });
  return captures;
}

/** Returns the positions at which a token may begin, given the positions at which it may end. */
function tokenBegins(token: Token, text: string, ends: Uint8Array): Uint8Array<ArrayBuffer> {
  const begins = new Uint8Array(text.length + 1);
  if ("literal" in token) {
    for (let at = text.indexOf(token.literal); at >= 0; at = text.indexOf(token.literal, at + 1)) {
      begins[at] = ends[at + token.literal.length]!;
    }
    return begins;
  }
  const mayBeEmpty = token.stops === "";
  let reachable = 0; // 1 if a wildcard that begins at this position can reach a valid end
  for (let at = text.length; at >= 0; at--) {
    if (mayBeEmpty) {
      reachable |= ends[at]!;
    } else {
      reachable = at < text.length && !token.stops.includes(text[at]!) ? reachable | ends[at + 1]! : 0;
    }
    begins[at] = reachable;
  }
  return begins;
}

/** Returns the end of the longest text that a wildcard can match from a position on. */
function maxEnd(stops: string, text: string, at: number): number {
  if (stops === "") return text.length;
  while (at < text.length && !stops.includes(text[at]!)) at++;
  return at;
}
