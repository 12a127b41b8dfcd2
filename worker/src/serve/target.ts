// The target URI of a request (RFC 9110, section 7.1).

/**
 * Matches a URL that is already normalized. Its pathname is known without a URL parser: the host needs no check (no
 * IPv4, no "xn--"), and the pathname has no dot segments and nothing to encode.
 */
const normalized = /^https?:\/\/(?:[a-z0-9]+[.-])*[a-z]+(?::\d{1,4})?((?:\/(?:[\w\-~][\w\-.~]*)?)+)(?:\?|$)/;

/**
 * The URL of a request. Most responses depend only on the pathname. A URL object is created only if it is needed,
 * because it costs more than finding a file.
 */
export class Target {
  readonly pathname: string;
  readonly #text: string;
  #url: URL | undefined;

  private constructor(text: string, pathname: string, url: URL | undefined) {
    this.#text = text;
    this.pathname = pathname;
    this.#url = url;
  }

  /** Returns null for an invalid URL. */
  static parse(text: string): Target | null {
    const pathname = normalized.exec(text)?.[1];
    if (pathname !== undefined) return new Target(text, pathname, undefined);
    const url = URL.parse(text);
    return url && new Target(text, url.pathname, url);
  }

  get url(): URL {
    this.#url ??= new URL(this.#text);
    return this.#url;
  }
}
