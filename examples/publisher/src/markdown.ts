// A small part of Markdown: headings, paragraphs, lists, quotes, code, rules;
// and within a line code, bold, italic and links. Everything else, also HTML, is shown as
// it was typed.
//
// The time is proportional to the length of every text: there is no recursion over blocks,
// and spans have a maximum length.

import { html, type Html } from "./html";

interface Block {
  /** The first line after the block. */
  end: number;
  html: Html;
}

const fence = /^```/;
const heading = /^(#{1,3})[ \t]+(.+)$/;
const rule = /^(?:-{3,}|\*{3,})[ \t]*$/;
const quote = /^>[ \t]?(.*)$/;
const bullet = /^[-*][ \t]+(.+)$/;
const numbered = /^\d{1,9}[.)][ \t]+(.+)$/;
const begins = [fence, heading, rule, quote, bullet, numbered];

/** The text as HTML. */
export function renderMarkdown(text: string): Html {
  const lines = text.split(/\r\n?|\n/);
  const blocks: Html[] = [];
  for (let at = 0; at < lines.length; ) {
    if (lines[at]!.trim() === "") {
      at++;
      continue;
    }
    const block = readBlock(lines, at);
    blocks.push(block.html);
    at = block.end;
  }
  return html`${blocks}`;
}

function readBlock(lines: string[], at: number): Block {
  const line = lines[at]!;
  if (fence.test(line)) return readCode(lines, at);
  if (rule.test(line)) return { end: at + 1, html: html`<hr>\n` };
  const title = heading.exec(line);
  if (title) return { end: at + 1, html: renderHeading(title[1]!.length, title[2]!) };
  if (quote.test(line)) return readQuote(lines, at);
  if (bullet.test(line)) return readList(lines, at, bullet, (items) => html`<ul>\n${items}</ul>\n`);
  if (numbered.test(line)) return readList(lines, at, numbered, (items) => html`<ol>\n${items}</ol>\n`);
  return readParagraph(lines, at);
}

/** The first level is the page's title, so headings start at the second. */
function renderHeading(level: number, text: string): Html {
  return level < 3 ? html`<h2>${renderSpans(text)}</h2>\n` : html`<h3>${renderSpans(text)}</h3>\n`;
}

/** A fence without an end extends to the end of the text. */
function readCode(lines: string[], at: number): Block {
  let end = at + 1;
  while (end < lines.length && !fence.test(lines[end]!)) end++;
  return { end: end + 1, html: html`<pre><code>${lines.slice(at + 1, end).join("\n")}</code></pre>\n` };
}

function readQuote(lines: string[], at: number): Block {
  const quoted: string[] = [];
  let end = at;
  for (let match; end < lines.length && (match = quote.exec(lines[end]!)); end++) quoted.push(match[1]!);
  return { end, html: html`<blockquote><p>${renderSpans(quoted.join("\n"))}</p></blockquote>\n` };
}

/** Indented lines continue an item. */
function readList(lines: string[], at: number, item: RegExp, render: (items: Html[]) => Html): Block {
  const items: string[][] = [];
  let end = at;
  for (; end < lines.length; end++) {
    const line = lines[end]!;
    const match = item.exec(line);
    if (match) items.push([match[1]!]);
    else if (/^[ \t]+\S/.test(line)) items.at(-1)!.push(line.trim());
    else break;
  }
  return { end, html: render(items.map((text) => html`<li>${renderSpans(text.join("\n"))}</li>\n`)) };
}

function readParagraph(lines: string[], at: number): Block {
  let end = at + 1;
  while (end < lines.length && lines[end]!.trim() !== "" && !begins.some((begin) => begin.test(lines[end]!))) end++;
  return { end, html: html`<p>${renderSpans(lines.slice(at, end).join("\n"))}</p>\n` };
}

/** Code, bold, italic, a link, or a character after a backslash that means itself. */
const span =
  /`([^`]{1,500})`|\*\*([^*]{1,500})\*\*|\*([^*]{1,500})\*|\[([^[\]]{1,500})\]\(([^()\s]{1,500})\)|\\([\\`*[\]#>-])/g;

function renderSpans(text: string): Html {
  const parts: (string | Html)[] = [];
  let done = 0;
  for (const match of text.matchAll(span)) {
    parts.push(text.slice(done, match.index), renderSpan(match));
    done = match.index + match[0].length;
  }
  parts.push(text.slice(done));
  return html`${parts}`;
}

/** The content of a span is shorter than the span, so the recursion ends. */
function renderSpan([all, code, bold, italic, label, target, literal]: RegExpMatchArray): Html | string {
  if (code !== undefined) return html`<code>${code}</code>`;
  if (bold !== undefined) return html`<strong>${renderSpans(bold)}</strong>`;
  if (italic !== undefined) return html`<em>${renderSpans(italic)}</em>`;
  if (label !== undefined && target !== undefined) {
    return leadsSomewhere(target) ? html`<a href="${target}">${renderSpans(label)}</a>` : all;
  }
  return literal!;
}

/** Other schemes, such as `javascript:`, are not allowed. "//host" and "/\host" would lead to other sites. */
function leadsSomewhere(target: string): boolean {
  return /^(?:https?:\/\/|mailto:|#|\/(?![/\\]))/i.test(target);
}
