// The pages for visitors, in the layout of the site.

import { html, type Html } from "./html";
import { renderMarkdown } from "./markdown";
import type { Draft, Entry } from "./pages";

/** A published page. */
export function renderPage({ title, body }: Draft, { author, published, editor, edited }: Entry): string {
  const later = edited.slice(0, 10) !== published.slice(0, 10);
  return renderSite(
    title,
    html`<article>
<h1>${title}</h1>
<p class="byline">By ${author}, ${renderDay(published)}${later && html`, edited by ${editor}, ${renderDay(edited)}`}</p>
${renderMarkdown(body)}</article>
<p><a href="/news/">All news</a></p>
`,
  );
}

/** The listing of the pages, in the given order. */
export function renderListing(entries: Entry[]): string {
  const items = entries.map(
    ({ slug, title, author, published }) =>
      html`<li><a href="/news/${slug}">${title}</a> <span class="byline">${author}, ${renderDay(published)}</span></li>\n`,
  );
  return renderSite(
    "News",
    html`<h1>News</h1>\n${items.length > 0 ? html`<ul class="news">\n${items}</ul>\n` : html`<p>Nothing yet.</p>\n`}`,
  );
}

function renderSite(title: string, main: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · The Quay</title>
<link rel="icon" href="/quay.svg">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
<a class="name" href="/">The Quay</a>
<nav aria-label="Site"><a href="/news/">News</a> <a href="/about">About</a></nav>
</header>
<main>
${main}</main>
</body>
</html>
`.text;
}

/** A date. It has no time, so that a preview equals the published page. */
function renderDay(iso: string): Html {
  const words = new Date(iso).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return html`<time datetime="${iso.slice(0, 10)}">${words}</time>`;
}
