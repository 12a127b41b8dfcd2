// What a request asks for (its target URI; RFC 9110, section 7.1).

/**
 * A URL of which nothing needs to be parsed to know its pathname: neither has
 * the host anything to check or to spell otherwise (no numbers as in IPv4, no
 * "xn--"), nor the pathname dot segments or what is to be percent-encoded.
 */
const plain = /^https?:\/\/(?:[a-z0-9]+[.-])*[a-z]+(?::\d{1,4})?((?:\/(?:[\w\-~][\w\-.~]*)?)+)(?:\?|$)/;

/**
 * The URL of a request. Nearly every answer depends on the pathname alone, and
 * a URL object, which lives outside of JavaScript, costs more than to find a
 * file: it is made when it is asked for.
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

  /** Null for what is no URL. */
  static parse(text: string): Target | null {
    const pathname = plain.exec(text)?.[1];
    if (pathname !== undefined) return new Target(text, pathname, undefined);
    const url = URL.parse(text);
    return url && new Target(text, url.pathname, url);
  }

  get url(): URL {
    return (this.#url ??= new URL(this.#text));
  }
}
