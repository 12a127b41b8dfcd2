// The patterns of _redirects and _headers: a pathname, or https://host/pathname,
// with splats ("*", any characters) and placeholders (":name", one segment of
// the pathname or one label of the host).
//
// They are matched without regular expressions: with backtracking, a hostile
// pathname could take exponential time. Matching takes at most the length of the
// pathname times that of the pattern.

type Token = { literal: string } | { name: string; stops: string };

/** The captured texts by placeholder name; a splat is named "splat". */
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

  /** The captures in a URL, or undefined if the pattern does not match. */
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

/** The key of a pattern without placeholders. It matches a URL that has it among its `staticKeys`. */
export function staticKey(source: string): string {
  const { host, path } = splitPattern(source);
  return host + path;
}

/** The keys of static patterns that match this URL. */
export function staticKeys(url: URL): [string, string] {
  return [`https://${url.hostname}${url.pathname}`, url.pathname];
}

/** Replaces placeholders by their captures. A placeholder without a capture stays. */
export function substitute(template: string, captures: Captures): string {
  return template.replace(/:([A-Za-z]\w*)/g, (placeholder, name: string) => captures.get(name) ?? placeholder);
}

/** A pattern with a host is written with https and matches requests of any protocol. */
function splitPattern(source: string): { host: string; path: string } {
  const withHost = /^(https:\/\/[^/]*)(.*)$/s.exec(source);
  const host = withHost ? withHost[1]!.toLowerCase() : "";
  const path = withHost ? withHost[2]! || "/" : source;
  // Request pathnames are percent-encoded; patterns may be written decoded.
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
  // Most patterns that do not match differ in the first characters.
  const first = tokens[0];
  if (first && "literal" in first && !text.startsWith(first.literal)) return undefined;

  // Backwards: the positions at which each token may begin so that it and all
  // following tokens match to the end.
  const begins: Uint8Array[] = [];
  let next = new Uint8Array(text.length + 1);
  next[text.length] = 1;
  for (let t = tokens.length - 1; t >= 0; t--) {
    begins[t] = next;
    next = tokenBegins(tokens[t]!, text, next);
  }
  if (!next[0]) return undefined;

  // Forwards: each wildcard takes as much as possible.
  const captures: Captures = new Map();
  let at = 0;
  tokens.forEach((token, t) => {
    if ("literal" in token) {
      at += token.literal.length;
      return;
    }
    const least = token.stops === "" ? at : at + 1;
    const end = begins[t]!.lastIndexOf(1, furthest(token.stops, text, at));
    captures.set(token.name, text.slice(at, Math.max(end, least)));
    at = Math.max(end, least);
  });
  return captures;
}

/** The positions at which a token may begin, from those at which it may end. */
function tokenBegins(token: Token, text: string, ends: Uint8Array): Uint8Array<ArrayBuffer> {
  const begins = new Uint8Array(text.length + 1);
  if ("literal" in token) {
    for (let at = text.indexOf(token.literal); at >= 0; at = text.indexOf(token.literal, at + 1)) {
      begins[at] = ends[at + token.literal.length]!;
    }
    return begins;
  }
  const empty = token.stops === "";
  let reachable = 0; // an end that a wildcard that begins here can reach
  for (let at = text.length; at >= 0; at--) {
    if (empty) {
      reachable |= ends[at]!;
    } else {
      reachable = at < text.length && !token.stops.includes(text[at]!) ? reachable | ends[at + 1]! : 0;
    }
    begins[at] = reachable;
  }
  return begins;
}

/** The end of the longest match of a wildcard that begins here. */
function furthest(stops: string, text: string, at: number): number {
  if (stops === "") return text.length;
  while (at < text.length && !stops.includes(text[at]!)) at++;
  return at;
}
