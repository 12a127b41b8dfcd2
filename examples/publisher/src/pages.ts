// The pages that editors write, as files of the site. Each page is two files, and two more
// list all pages:
//
//	/news/low-tide.md     what was typed: the title as "# Low tide", then the text
//	/news/low-tide.html   what visitors see
//	/news/news.json       who wrote what and when
//	/news/index.html      the listing for visitors
//
// Every change writes all four in one step, so that they always agree. kv-sync pull brings
// them into git unchanged. A page from git can be edited here, too.

import type { AssetChange, ReadWriteAssets } from "@kv-sync/worker/read-write";
import { backOff } from "./back_off";
import { renderListing, renderPage } from "./layout";

/** What an editor types. */
export interface Draft {
  title: string;
  body: string;
}

/** A published page, for an edit. */
export interface Page extends Draft {
  slug: string;
  /** Identifies the exact typed text. */
  etag: string;
}

/** A page in the listing. */
export interface Entry {
  slug: string;
  title: string;
  author: string;
  /** Times in ISO 8601: of the first publication, and of the last edit. */
  published: string;
  editor: string;
  edited: string;
}

/** The result of a change. */
export type Outcome =
  | { ok: true }
  /** Somebody else published first: the current page; null for none. */
  | { ok: false; current: Page | null };

/** What a change writes. Without source and page it deletes the page. */
interface Change {
  entries: Entry[];
  source?: string;
  page?: string;
}

const folder = "/news/";
const listing = `${folder}news.json`;
const index = `${folder}index.html`;

/** The source is public, but search engines list only the page. */
const asSource = { contentType: "text/markdown; charset=utf-8", headers: { "x-robots-tag": "noindex" } };

/** How often a change is tried, because another page was published meanwhile. */
const mostAttempts = 12;

/** The pages of a site. */
export class Pages {
  readonly #assets: ReadWriteAssets;

  readonly #sleep: (ms: number) => Promise<unknown>;
  readonly #random: () => number;

  constructor(
    assets: ReadWriteAssets,
    sleep: (ms: number) => Promise<unknown> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random = Math.random,
  ) {
    this.#assets = assets;
    this.#sleep = sleep;
    this.#random = random;
  }

  /** The listing, newest page first. */
  async entries(): Promise<Entry[]> {
    return (await this.#listing()).entries;
  }

  /** A page with its typed text; null if the page does not exist. */
  async open(slug: string): Promise<Page | null> {
    const source = isSlug(slug) ? await this.#assets.get(sourcePath(slug)) : null;
    return source && { slug, etag: source.etag, ...parseSource(slug, await new Response(source.body).text()) };
  }

  /** Exactly what would be published. */
  async preview(slug: string, draft: Draft, by: string): Promise<string> {
    return renderPage(draft, entryOf(await this.entries(), slug, draft, by));
  }

  /** Publishes a page, if it has not changed since base: the etag of a Page, or null for none. */
  publish(slug: string, draft: Draft, base: string | null, by: string): Promise<Outcome> {
    return this.#change(slug, base, { author: by, message: `Publish ${draft.title}` }, (entries) => {
      const entry = entryOf(entries, slug, draft, by);
      return {
        entries: [entry, ...entries.filter((other) => other.slug !== slug)],
        source: sourceOf(draft),
        page: renderPage(draft, entry),
      };
    });
  }

  /** Deletes a page, if it has not changed since base. */
  remove(slug: string, base: string, by: string): Promise<Outcome> {
    return this.#change(slug, base, { author: by, message: `Delete ${slug}` }, (entries) => ({
      entries: entries.filter((other) => other.slug !== slug),
    }));
  }

  /**
   * Changes a page and the listing in one step. The page must not have changed since
   * base. If another page was published meanwhile, the listing is made again.
   */
  async #change(
    slug: string,
    base: string | null,
    by: { author: string; message: string },
    make: (entries: Entry[]) => Change,
  ): Promise<Outcome> {
    for (let failed = 0; failed < mostAttempts; failed++) {
      if (failed > 0) await this.#sleep(backOff(failed, this.#random));
      const { entries: before, etag } = await this.#listing();
      const { entries, source, page } = make(before);
      const ordered = entries.toSorted((a, b) => (a.published < b.published ? 1 : -1));
      const onlyIf = base === null ? { etagDoesNotMatch: "*" } : { etagMatches: base };
      const changes: AssetChange[] = [
        source === undefined
          ? { delete: sourcePath(slug), onlyIf }
          : { put: sourcePath(slug), body: source, ...asSource, onlyIf },
        page === undefined ? { delete: pagePath(slug) } : { put: pagePath(slug), body: page },
        {
          put: listing,
          body: `${JSON.stringify(ordered, undefined, 2)}\n`,
          onlyIf: etag === null ? { etagDoesNotMatch: "*" } : { etagMatches: etag },
        },
        { put: index, body: renderListing(ordered) },
      ];
      const result = await this.#assets.publish(changes, by);
      if (result.ok) return { ok: true };
      if (result.failed === 0) return { ok: false, current: await this.open(slug) };
    }
    throw new Error(`${slug}: other pages were published all the time`);
  }

  async #listing(): Promise<{ entries: Entry[]; etag: string | null }> {
    const found = await this.#assets.get(listing);
    if (!found) return { entries: [], etag: null };
    return { entries: await new Response(found.body).json<Entry[]>(), etag: found.etag };
  }
}

/** The path of a page for visitors. */
export function addressOf(slug: string): string {
  return folder + slug;
}

/** The slug of a page's file, or undefined for other files. */
export function slugOf(path: string): string | undefined {
  return path.startsWith(folder) && path.endsWith(".html") && path !== index
    ? path.slice(folder.length, -".html".length)
    : undefined;
}

/** Whether a text can be the last part of a page's address. "index" and "news" are other files. */
export function isSlug(text: string): boolean {
  return /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text) && text.length <= 80 && text !== "index" && text !== "news";
}

/** An address for a title, or "" if the title has no letters for one. */
export function slugFor(title: string): string {
  const plain = title
    .normalize("NFKD")
    .replace(/[\p{M}'’]/gu, "")
    .toLowerCase();
  return plain
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 80)
    .replace(/^-|-$/g, "");
}

function entryOf(entries: Entry[], slug: string, { title }: Draft, by: string): Entry {
  const now = new Date().toISOString();
  const before = entries.find((entry) => entry.slug === slug);
  return { slug, title, author: before?.author ?? by, published: before?.published ?? now, editor: by, edited: now };
}

function sourcePath(slug: string): string {
  return `${folder}${slug}.md`;
}

function pagePath(slug: string): string {
  return `${folder}${slug}.html`;
}

function sourceOf({ title, body }: Draft): string {
  return `# ${title}\n\n${body}\n`;
}

/** The reverse of sourceOf. Without a title in that form, for example after an edit in git, everything is text. */
function parseSource(slug: string, file: string): Draft {
  const text = file.replace(/\r\n?/g, "\n");
  const match = /^# (.+)\n\n?/.exec(text);
  return { title: match ? match[1]! : slug, body: text.slice(match ? match[0].length : 0).replace(/\n$/, "") };
}
