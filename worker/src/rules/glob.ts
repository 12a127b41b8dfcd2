/** A compiled pattern of run_worker_first. "*" matches any text. Matching takes linear time for any pathname. */
export class Glob {
  readonly #parts: string[];

  constructor(pattern: string) {
    this.#parts = pattern.split("*");
  }

  /** Whether the pattern matches the whole pathname, which is percent-encoded as in a URL. */
  matches(pathname: string): boolean {
    const [first = "", ...rest] = this.#parts;
    const last = rest.pop();
    if (last === undefined) return pathname === first;
    if (!pathname.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = pathname.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return pathname.length - last.length >= at && pathname.endsWith(last);
  }
}
