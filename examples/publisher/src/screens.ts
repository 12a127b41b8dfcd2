// The screens of the editor. Each is a function of its data.

import type { AssetInfo, AssetList } from "@kv-sync/worker/read-write";
import { html, type Html } from "./html";
import { addressOf, slugOf, type Entry, type Page } from "./pages";

/** The data of every screen behind the login. */
export interface Frame {
  /** The name of the editor. */
  name: string;
  /** What forms send along. */
  token: string;
}

/** The fields in the form of a page. */
export interface Typed {
  /** null for a new page. */
  slug: string | null;
  /** The typed address of a new page. */
  address: string;
  title: string;
  body: string;
  /** The version of the page at the start of the edit; null for none. */
  base: string | null;
}

/** Somebody else published first. */
export interface Conflict {
  /** The published page; null for none. */
  current: Page | null;
  /** Its editor. */
  entry?: Entry;
  /** The address that a new page cannot have. */
  taken?: string;
}

/** What is shown with the form of a page. */
interface Beside {
  problem?: string;
  preview?: string;
  conflict?: Conflict;
}

export const screens = {
  /** The login. It contains the fields of an interrupted edit, so that they survive the session. */
  login(token: string, { name = "", problem, typed }: { name?: string; problem?: string; typed?: Typed }): Html {
    return document(
      "Log in",
      html`<main class="narrow">
<h1>Log in</h1>
<p class="hint">The Quay, for those who write it.</p>
${problem && renderProblem(problem)}
${typed && html`<p class="notice">What you typed is kept. It is there again when you are logged in.</p>`}
<form method="post" action="/edit/login" class="card">
${hidden("token", token)}
${typed && [hidden("slug", typed.slug ?? ""), hidden("address", typed.address), hidden("title", typed.title), hidden("body", typed.body), hidden("base", typed.base ?? "")]}
<label for="name">Your name</label>
<p class="hint" id="name-hint">Readers see it above what you write.</p>
<input id="name" name="name" required maxlength="60" autocomplete="name" aria-describedby="name-hint" value="${name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password">
<div class="actions"><button class="primary">Log in</button></div>
</form>
<p><a href="/">Back to the site</a></p>
</main>`,
    );
  },

  /** All pages of the site. */
  list(
    frame: Frame,
    { assets, cursor }: AssetList,
    entries: Entry[],
    done: { published: string | null; deleted: string | null },
  ): Html {
    const known = new Map(entries.map((entry) => [entry.slug, entry]));
    const pages = assets
      .filter(({ path }) => path.endsWith(".html") && !path.endsWith("/404.html") && path !== "/news/index.html")
      .map((asset) => ({ asset, entry: known.get(slugOf(asset.path) ?? "") }))
      // Editable pages come first, the latest edit at the top.
      .toSorted((a, b) => (b.entry?.edited ?? "").localeCompare(a.entry?.edited ?? ""));
    const rows = pages.map(({ asset, entry }) => renderRow(asset, entry));
    return framed(
      frame,
      "Pages",
      html`${done.published && renderPublished(done.published)}
${done.deleted && html`<p class="notice" role="status">The page is deleted. Visitors may still see it for a minute or two.</p>`}
<div class="heading"><h1>Pages</h1> <a class="button primary" href="/edit/new">New page</a></div>
<table role="table">
<thead role="rowgroup"><tr role="row">${["Page", "Last changed", "By", "Where from"].map((name) => html`<th scope="col" role="columnheader">${name}</th>`)}</tr></thead>
<tbody role="rowgroup">
${rows}</tbody>
</table>
${cursor !== undefined && html`<p><a href="/edit/?after=${encodeURIComponent(cursor)}">More pages</a></p>`}`,
    );
  },

  /** The form of a page, with a preview, or with the version that somebody else published. */
  edit(frame: Frame, typed: Typed, { problem, preview, conflict }: Beside = {}): Html {
    const { slug, address, title, body, base } = typed;
    const heading = slug === null ? "New page" : "Edit page";
    const over = conflict && !conflict.taken && conflict.current;
    const shown = preview !== undefined || Boolean(over);
    return framed(
      frame,
      heading,
      html`<h1>${heading}</h1>
${problem && renderProblem(problem)}
${conflict && renderConflict(conflict)}
<div class="${shown ? "beside" : "alone"}">
<form method="post" action="${slug === null ? "/edit/new" : `/edit/news/${slug}`}" class="card">
${hidden("token", frame.token)}${hidden("base", base ?? "")}
${over && html`<h2>Your version</h2>`}
<label for="title">Title</label>
<input id="title" name="title" required maxlength="200" value="${title}">
${
  slug === null &&
  html`<label for="address">Address</label>
<p class="hint" id="address-hint">What comes after /news/. Left empty, it is made of the title.</p>
<input id="address" name="address" maxlength="80" pattern="[a-z0-9]+(-[a-z0-9]+)*" title="small letters, numerals and dashes" aria-describedby="address-hint" value="${address}">`
}
<label for="body">Text</label>
<textarea id="body" name="body" required rows="18">
${body}</textarea>
<details><summary>How to write</summary>${help}</details>
<div class="actions">
<button name="do" value="preview">Preview</button>
<button name="do" value="publish" class="primary">${over ? "Publish mine instead" : "Publish"}</button>
<span class="apart">${slug !== null && base !== null && html`<a href="/edit/news/${slug}/delete">Delete…</a>`} <a href="/edit/">Cancel</a></span>
</div>
</form>
${preview !== undefined && renderPreview(preview)}
${over && renderTheirs(over)}
</div>`,
      "wide",
    );
  },

  /** Asks for a confirmation of a deletion. */
  confirmDelete(frame: Frame, { slug, title, etag }: Page, changed = false): Html {
    return framed(
      frame,
      "Delete page",
      html`<h1>Delete “${title}”?</h1>
${changed && renderProblem("Somebody changed the page since you opened it. Look at it before you delete it.")}
<p>Visitors will find nothing at <a href="${addressOf(slug)}">${addressOf(slug)}</a>, and the listing will not name it.</p>
<form method="post" action="/edit/news/${slug}/delete" class="actions">
${hidden("token", frame.token)}${hidden("base", etag)}
<button class="danger">Delete the page</button>
<a href="/edit/news/${slug}">Keep it</a>
</form>`,
    );
  },

  /** A message with a link. */
  message(title: string, text: string): Html {
    return document(
      title,
      html`<main class="narrow"><h1>${title}</h1><p>${text}</p><p><a href="/edit/">To the list of pages</a></p></main>`,
    );
  },
};

const help = html`
<p>Leave a line empty between paragraphs.</p>
<dl>
<dt><code>## Heading</code></dt><dd>a heading; with ### a smaller one</dd>
<dt><code>**bold** *italic*</code></dt><dd><strong>bold</strong> <em>italic</em></dd>
<dt><code>[text](https://example.com)</code></dt><dd>a link; within the site, [text](/about)</dd>
<dt><code>- item</code></dt><dd>a list; with 1. a numbered one</dd>
<dt><code>&gt; quote</code></dt><dd>a quotation</dd>
<dt><code>\`code\`</code></dt><dd>code; more lines of it between lines of \`\`\`</dd>
</dl>`;

/** The roles repeat those of the elements, because some browsers drop them in the layout for telephones. */
function renderRow({ path, layer, modified }: AssetInfo, entry: Entry | undefined): Html {
  const address = path.replace(/(?:index)?\.html$/, "");
  const name = entry ? html`<a href="/edit/news/${entry.slug}">${entry.title}</a>` : html`${address}`;
  return html`<tr role="row"><th scope="row" role="rowheader">${name}<span class="hint"><a href="${address.split("/").map(encodeURIComponent).join("/")}">${entry ? address : "View"}</a></span></th>
<td role="cell" data-label="Last changed">${renderTime(entry?.edited ?? modified.toISOString())}</td>
<td role="cell" data-label="By">${entry?.editor ?? "–"}</td>
<td role="cell" data-label="Where from"><span class="badge ${layer}">${layer === "overlay" ? "Written here" : "Deployed"}</span></td></tr>
`;
}

function renderPublished(slug: string): Html {
  return html`<p class="notice" role="status">Published. Visitors see it at <a href="${addressOf(slug)}">${addressOf(slug)}</a> within a minute or two.</p>`;
}

function renderConflict({ current, entry, taken }: Conflict): Html {
  if (taken)
    return renderProblem(
      html`There is a page at ${addressOf(taken)} already: “${current?.title}”. Choose another address. Your text is below.`,
    );
  if (!current)
    return renderProblem(
      "Somebody deleted this page while you were writing. Your text is below. If you publish it, the page is there again.",
    );
  return renderProblem(
    html`${entry?.editor ?? "Somebody"} published this page while you were writing${entry && html`, ${renderTime(entry.edited)}`}. Nothing of yours is lost: your text is below, with what is published now. Take over what you need, then publish.`,
  );
}

function renderTheirs({ title, body }: Page): Html {
  return html`<section class="card theirs" aria-labelledby="theirs-heading">
<h2 id="theirs-heading">What is published now</h2>
<label for="their-title">Their title</label>
<input id="their-title" readonly value="${title}">
<label for="their-body">Their text</label>
<textarea id="their-body" readonly rows="18">
${body}</textarea>
</section>`;
}

/** The page as visitors will see it. The sandbox runs no scripts. It keeps the origin, which the style sheet needs. */
function renderPreview(page: string): Html {
  return html`<section class="preview" aria-labelledby="preview-heading">
<h2 id="preview-heading">Preview <span class="hint">not published yet</span></h2>
<iframe title="Preview of the page" sandbox="allow-same-origin" srcdoc="${page}"></iframe>
</section>`;
}

function renderProblem(text: string | Html): Html {
  return html`<p class="problem" role="alert">${text}</p>`;
}

function renderTime(iso: string): Html {
  const words = new Date(iso).toLocaleString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZone: "UTC",
  });
  return html`<time datetime="${iso}">${words} UTC</time>`;
}

function hidden(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}">`;
}

function framed({ name, token }: Frame, title: string, main: Html, width = ""): Html {
  return document(
    title,
    html`<header class="bar">
<a class="name" href="/edit/">The Quay <span>editor</span></a>
<form method="post" action="/edit/logout"><span>${name}</span>${hidden("token", token)}<button class="quiet">Log out</button></form>
</header>
<main class="${width}">
${main}
</main>`,
  );
}

function document(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · The Quay, editor</title>
<link rel="icon" href="/quay.svg">
<link rel="stylesheet" href="/editor.css">
</head>
<body>
${body}
</body>
</html>
`;
}
