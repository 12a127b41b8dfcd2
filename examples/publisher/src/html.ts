// HTML in which nothing is markup that was not written as such.

/** HTML that is safe to send. */
export class Html {
  constructor(readonly text: string) {}
}

/** What a template may hold: texts, which are escaped, and HTML. What is not there is left out. */
type Part = Html | string | number | false | null | undefined | Part[];

/**
 * A template whose values are escaped, unless they are HTML themselves. Values
 * stand in element content or in quoted attributes, nowhere else.
 *
 *     html`<p title="${title}">${body}</p>`
 */
export function html(strings: TemplateStringsArray, ...values: Part[]): Html {
  return new Html(strings.reduce((text, string, i) => text + markup(values[i - 1]) + string));
}

function markup(part: Part): string {
  if (part === undefined || part === null || part === false) return "";
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map(markup).join("");
  return escape(String(part));
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
