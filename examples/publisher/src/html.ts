// HTML templates that escape all values.

/** HTML that is safe to send. */
export class Html {
  constructor(readonly text: string) {}
}

/** A value of a template. Text is escaped, HTML is not. null, undefined and false are left out. */
type Part = Html | string | number | false | null | undefined | Part[];

/**
 * A template whose values are escaped, unless they are HTML themselves. Use values only
 * in element content and in quoted attributes.
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
