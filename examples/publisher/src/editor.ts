// The editor's requests, below /edit/. Everything works with links and forms. No script
// runs in the browser: the Content-Security-Policy of every response forbids scripts.

import type { ReadWriteAssets } from "@kv-sync/worker/read-write";
import type { Logins } from "./attempts";
import { readCookie, readForm, RefusedError, setCookie } from "./form";
import type { Html } from "./html";
import { isSlug, Pages, slugFor, type Draft, type Outcome } from "./pages";
import { screens, type Conflict, type Typed } from "./screens";
import { Sessions, type Session } from "./session";

/** A request of a logged-in editor. */
interface Visit {
  request: Request;
  url: URL;
  session: Session;
  /** The token that forms contain. */
  token: string;
}

type Field = (name: string) => string;

const home = "/edit/";
const loginPath = "/edit/login";

const headers = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  // With no-referrer, browsers would not send the origin of a form.
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "X-Robots-Tag": "noindex",
};

/** The editor of a site, for one request. */
export class Editor {
  readonly #assets: ReadWriteAssets;
  readonly #pages: Pages;
  readonly #sessions: Sessions;
  readonly #logins: Logins;

  constructor(assets: ReadWriteAssets, password: string, logins: Logins) {
    this.#assets = assets;
    this.#pages = new Pages(assets);
    this.#sessions = new Sessions(password);
    this.#logins = logins;
  }

  /** Answers a request below /edit. */
  async fetch(request: Request): Promise<Response> {
    try {
      return await this.#answer(request);
    } catch (error) {
      if (error instanceof RefusedError)
        return show(
          screens.message("That did not work", error.message),
          error.status,
          error.status === 405 ? { Allow: "GET, POST" } : {},
        );
      console.error(`publisher: cannot answer ${request.method} ${new URL(request.url).pathname}:`, error);
      return show(
        screens.message("That did not work", "Something went wrong here. Go back, and try again in a minute."),
        500,
      );
    }
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { pathname } = url;
    if (request.method !== "GET" && request.method !== "POST")
      throw new RefusedError(405, "Only GET and POST are allowed.");
    if (pathname === "/edit") return redirect(home);
    if (pathname === loginPath) return request.method === "POST" ? this.#login(request) : this.#showLogin(request);

    const session = await this.#sessions.open(readCookie(request, "publisher-session"));
    if (!session) return request.method === "POST" ? this.#keepDraft(request) : redirect(loginPath);
    const visit = { request, url, session, token: await this.#sessions.formToken(session) };
    if (request.method === "GET") return this.#show(visit);

    const field = await readForm(request);
    if (!(await this.#sessions.isFormToken(session, field("token"))))
      throw new RefusedError(403, "The form is not one of this session. Open the page again and send it from there.");
    return this.#act(visit, field);
  }

  async #show({ url, session, token }: Visit): Promise<Response> {
    const { pathname, searchParams } = url;
    const frame = { name: session.name, token };
    if (pathname === home) {
      const cursor = searchParams.get("after");
      const [list, entries] = await Promise.all([this.#assets.list(cursor ? { cursor } : {}), this.#pages.entries()]);
      return show(
        screens.list(frame, list, entries, {
          published: searchParams.get("published"),
          deleted: searchParams.get("deleted"),
        }),
      );
    }
    if (pathname === "/edit/new")
      return show(screens.edit(frame, { slug: null, address: "", title: "", body: "", base: null }));

    const { slug, action } = parsePath(pathname);
    const page = slug === undefined ? null : await this.#pages.open(slug);
    if (!page || (action !== "" && action !== "delete"))
      return show(screens.message("There is no such page", "Somebody may have deleted it."), 404);
    if (action === "delete") return show(screens.confirmDelete(frame, page));
    return show(screens.edit(frame, { ...page, address: page.slug, base: page.etag }));
  }

  async #act(visit: Visit, field: Field): Promise<Response> {
    const { pathname } = visit.url;
    if (pathname === "/edit/logout")
      return redirect(loginPath, { "Set-Cookie": setCookie(visit.request, "publisher-session", "", 0) });
    const { slug, action } = parsePath(pathname);
    if (action === "delete" && slug !== undefined) return this.#delete(visit, slug, field("base"));
    if (action !== "" || (slug === undefined && pathname !== "/edit/new"))
      return show(screens.message("There is no such page", "Go back to the list of pages."), 404);

    const typed = readDraft(field, slug);
    return field("do") === "publish" ? this.#publish(visit, typed) : this.#preview(visit, typed);
  }

  async #preview({ session, token }: Visit, typed: Typed): Promise<Response> {
    const frame = { name: session.name, token };
    const { slug, problem } = checkDraft(typed);
    if (problem) return show(screens.edit(frame, typed, { problem }), 422);
    return show(screens.edit(frame, typed, { preview: await this.#pages.preview(slug, typed, session.name) }));
  }

  async #publish({ session, token }: Visit, typed: Typed): Promise<Response> {
    const frame = { name: session.name, token };
    const { slug, problem } = checkDraft(typed);
    if (problem) return show(screens.edit(frame, typed, { problem }), 422);
    let outcome: Outcome;
    try {
      outcome = await this.#pages.publish(slug, typed, typed.base, session.name);
    } catch (error) {
      // Never lose the typed text, whether it was published or not.
      console.error(`publisher: cannot publish ${slug}:`, error);
      return show(
        screens.edit(frame, typed, {
          problem: "Publishing may have failed. Your text is below; publish it again in a minute.",
        }),
        503,
      );
    }
    // A form may be sent twice, for example after its response was lost.
    if (outcome.ok || isSame(outcome.current, typed)) return redirect(`${home}?published=${slug}`);
    return show(screens.edit(frame, ...(await this.#conflict(slug, typed, outcome.current))), 409);
  }

  /** Shows the typed text with the current page. The next attempt replaces that page: the editor has seen it. */
  async #conflict(slug: string, typed: Typed, current: Conflict["current"]): Promise<[Typed, { conflict: Conflict }]> {
    // A new page never replaces one with the same address: the editor chooses another address.
    if (typed.slug === null && current) return [typed, { conflict: { current, taken: slug } }];
    const entry = (await this.#pages.entries()).find((other) => other.slug === slug);
    return [{ ...typed, slug, base: current?.etag ?? null }, { conflict: { current, ...(entry && { entry }) } }];
  }

  async #delete({ session, token }: Visit, slug: string, base: string): Promise<Response> {
    const outcome = await this.#pages.remove(slug, base, session.name);
    if (outcome.ok) return redirect(`${home}?deleted=${slug}`);
    if (!outcome.current) return show(screens.message("It is gone already", "Somebody else deleted the page."), 404);
    return show(screens.confirmDelete({ name: session.name, token }, outcome.current, true), 409);
  }

  /** The login form, with the text that was typed when the session ended. */
  async #showLogin(
    request: Request,
    given: { name?: string; problem?: string; typed?: Typed } = {},
    status = 200,
  ): Promise<Response> {
    const login = await this.#sessions.startLogin();
    const token = await this.#sessions.formToken(login);
    return show(screens.login(token, given), status, {
      "Set-Cookie": setCookie(request, "publisher-login", login.token, login.expires),
    });
  }

  async #keepDraft(request: Request): Promise<Response> {
    const field = await readForm(request);
    const { slug, action } = parsePath(new URL(request.url).pathname);
    const typed = action === "" ? readDraft(field, slug) : undefined;
    return this.#showLogin(
      request,
      { problem: "Your session has ended. Log in again.", ...(typed?.body && { typed }) },
      401,
    );
  }

  async #login(request: Request): Promise<Response> {
    const field = await readForm(request);
    const name = field("name").replace(/\s+/g, " ").trim();
    const typed = field("body") ? readDraft(field, isSlug(field("slug")) ? field("slug") : undefined) : undefined;
    const again = (status: number, problem: string) =>
      this.#showLogin(request, { name, problem, ...(typed && { typed }) }, status);

    const login = await this.#sessions.openLogin(readCookie(request, "publisher-login"));
    if (!login || !(await this.#sessions.isFormToken(login, field("token"))))
      return again(403, "This form was open for too long. Log in again.");
    if (name === "" || name.length > 60) return again(422, "Say who you are, in at most 60 characters.");
    const address = request.headers.get("CF-Connecting-IP") ?? "";
    if (!this.#logins.take(address, name)) return again(429, "Too many attempts. Wait ten minutes.");
    if (!(await this.#sessions.isPassword(field("password")))) return again(401, "That is not the password.");
    this.#logins.forget(address, name);

    const session = await this.#sessions.start(name);
    const cookie = { "Set-Cookie": setCookie(request, "publisher-session", session.token, session.expires) };
    if (!typed) return redirect(home, cookie);
    return show(screens.edit({ name, token: await this.#sessions.formToken(session) }, typed), 200, cookie);
  }
}

/** Parses paths of a page such as "/edit/news/low-tide/delete". */
function parsePath(pathname: string): { slug?: string; action: string } {
  const match = /^\/edit\/news\/([^/]+)(?:\/([a-z]+))?$/.exec(pathname);
  return match && isSlug(match[1]!) ? { slug: match[1]!, action: match[2] ?? "" } : { action: "" };
}

function readDraft(field: Field, slug: string | undefined): Typed {
  const address = field("address").trim();
  return {
    slug: slug ?? null,
    address: slug ?? address,
    title: field("title").replace(/\s+/g, " ").trim(),
    body: field("body"),
    base: field("base") || null,
  };
}

/** The address of a page, or the problem with it. */
function checkDraft({ slug, address, title, body }: Typed): { slug: string; problem?: string } {
  const wanted = slug ?? (address || slugFor(title));
  const problem =
    problemOf({ title, body }) ??
    (isSlug(wanted) ? undefined : "Give the page an address of small letters, numerals and dashes, such as low-tide.");
  return { slug: wanted, ...(problem !== undefined && { problem }) };
}

function isSame(page: Draft | null, { title, body }: Draft): boolean {
  return page?.title === title && page.body === body;
}

function problemOf({ title, body }: Draft): string | undefined {
  if (title === "") return "Give the page a title.";
  if (title.length > 200) return "Give the page a title of at most 200 characters.";
  if (body.trim() === "") return "Write some text.";
  return undefined;
}

function show(body: Html, status = 200, more: Record<string, string> = {}): Response {
  return new Response(body.text, { status, headers: { ...headers, ...more } });
}

/** After 303 the browser uses GET, so that "back" does not send the form again. */
function redirect(to: string, more: Record<string, string> = {}): Response {
  return new Response(null, { status: 303, headers: { ...headers, ...more, Location: to } });
}
