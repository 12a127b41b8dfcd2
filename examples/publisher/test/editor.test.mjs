// The editor in a browser, by the accessible names. Run by ../../publisher_test.go.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { alert, keep as keepScreens, launch, open as openPage, pageErrors, press, until } from "../../../internal/browsertest/harness.mjs";

const { PUBLISHER_URL: site, PUBLISHER_PASSWORD: password, PUBLISHER_FOLDER: folder } = process.env;

let ada, bob;
launch(async () => {
  ada = await open({ javaScriptEnabled: false });
  bob = await open();
});

/** Opens a page, and records requests that fail. */
async function open(options) {
  const page = await openPage(options);
  page.on("response", (response) => {
    if (response.status() >= 400 && response.request().resourceType() !== "document") pageErrors.push(`${response.status()} for ${response.url()}`);
  });
  return page;
}

async function logIn(page, name, withPassword = password) {
  await page.goto(`${site}/edit/`);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Password").fill(withPassword);
  await press(page, "Log in");
}

const follow = (page, name) => page.getByRole("link", { name, exact: true }).click();
const field = (page, name) => page.getByLabel(name, { exact: true });

async function write(page, { title, address, text }) {
  if (title !== undefined) await field(page, "Title").fill(title);
  if (address !== undefined) await field(page, "Address").fill(address);
  if (text !== undefined) await field(page, "Text").fill(text);
}

/** What somebody without cookies is sent. */
async function visit(path) {
  const response = await fetch(site + path);
  return { status: response.status, text: await response.text() };
}

/** Waits until visitors get what is wanted: they see a change within ten seconds. */
const seen = (path, isWanted) => until(() => visit(path), isWanted);

const unnamed = /^ *- (?:textbox|button|link|combobox)(?: \[[^\]]*\])*(?::.*)?$/m;
const keep = (page, name) => keepScreens(page, `publisher-${name}`, { unnamed });

test("the password is asked for, and a wrong one refused", async () => {
  await logIn(ada, "Ada", "not the password");
  assert.equal(await alert(ada), "That is not the password.");
  assert.equal(await field(ada, "Your name").inputValue(), "Ada");
  assert.equal((await visit("/edit/")).text.includes("New page"), false);
  assert.equal((await visit("/news/ferry-in-winter")).status, 200, "for now");
  await keep(ada, "login");

  await logIn(ada, "Ada");
  await logIn(bob, "Bob");
  assert.equal(await ada.getByRole("heading", { level: 1 }).innerText(), "Pages");
  const cookie = (await ada.context().cookies()).find(({ name }) => name === "publisher-session");
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
  assert.ok(cookie.expires > Date.now() / 1000 && cookie.expires < Date.now() / 1000 + 9 * 3600);
});

const draft = {
  title: "Low tide at noon",
  text: "The *lowest* tide of the year.\n\n## When\n\n1. 11:40 at the **pier**\n2. 12:05 at the `bar`\n\n- a list\n  that goes on\n\n> Bring boots.\n\n```\n<b>as typed</b>\n```\n\n---\n\n[About](/about), \\*starred\\*.",
};
const rendered = `<p>The <em>lowest</em> tide of the year.</p>
<h2>When</h2>
<ol>
<li>11:40 at the <strong>pier</strong></li>
<li>12:05 at the <code>bar</code></li>
</ol>
<ul>
<li>a list
that goes on</li>
</ul>
<blockquote><p>Bring boots.</p></blockquote>
<pre><code>&lt;b&gt;as typed&lt;/b&gt;</code></pre>
<hr>
<p><a href="/about">About</a>, *starred*.</p>
`;
let preview;

test("a page is previewed as it will be, and is not public before it is published", async () => {
  await follow(ada, "New page");
  await write(ada, draft);
  await press(ada, "Preview");
  const frame = ada.frameLocator('iframe[title="Preview of the page"]');
  assert.equal(await frame.getByRole("heading", { level: 1 }).innerText(), draft.title);
  await ada.waitForLoadState();
  assert.equal(await frame.locator("body").evaluate((body) => getComputedStyle(body).maxWidth), "684px", "with the site's own style");
  preview = await ada.locator("iframe").getAttribute("srcdoc");
  assert.ok(preview.includes(rendered), preview);
  assert.equal(await field(ada, "Text").inputValue(), draft.text);
  await keep(ada, "preview");
  assert.equal((await visit("/news/low-tide-at-noon")).status, 404);

  await press(ada, "Publish");
  assert.match(await ada.getByRole("status").innerText(), /^Published\./);
  const row = ada.getByRole("row", { name: draft.title });
  assert.match(await row.innerText(), /Ada/);
  assert.match(await row.innerText(), /Written here/);
});

test("who was slower is told so, and loses nothing", async () => {
  await bob.goto(`${site}/edit/`);
  await follow(bob, draft.title);
  assert.equal(await field(bob, "Text").inputValue(), draft.text);

  await follow(ada, draft.title);
  await write(ada, { text: "Ada's second text." });
  await press(ada, "Publish");

  await write(bob, { title: "Low tide at one", text: "Bob's own text." });
  await press(bob, "Publish");
  assert.match(await alert(bob), /^Ada published this page while you were writing/);
  assert.equal(await field(bob, "Title").inputValue(), "Low tide at one");
  assert.equal(await field(bob, "Text").inputValue(), "Bob's own text.");
  assert.equal(await field(bob, "Their text").inputValue(), "Ada's second text.");
  await keep(bob, "conflict");

  // While Bob looks at it, Ada publishes again: his decision was about another text.
  await follow(ada, draft.title);
  await write(ada, { text: "Ada's third text." });
  await press(ada, "Publish");
  await press(bob, "Publish mine instead");
  assert.equal(await field(bob, "Their text").inputValue(), "Ada's third text.");
  await press(bob, "Publish mine instead");
  assert.match(await bob.getByRole("status").innerText(), /^Published\./);
  await ada.goto(`${site}/edit/news/low-tide-at-noon`);
  assert.equal(await field(ada, "Text").inputValue(), "Bob's own text.");
});

test("a new page is never published over another", async () => {
  await bob.goto(`${site}/edit/new`);
  await write(bob, { title: "Harbour light", text: "Another one." });
  await press(bob, "Publish");
  assert.match(await alert(bob), /^There is a page at \/news\/harbour-light already/);
  await write(bob, { address: "harbour-light-again" });
  await press(bob, "Publish");
  assert.match(await bob.getByRole("status").innerText(), /harbour-light-again/);
});

const boats = ["Anna", "Berta", "Clara", "Dora", "Elsa"].map((name) => `The boat ${name}`);

test("pages that are published at once are all in the listing", async () => {
  await bob.goto(`${site}/edit/new`);
  const token = await bob.locator('form.card input[name="token"]').inputValue();
  const publish = (title) => bob.context().request.post(`${site}/edit/new`, { form: { token, title, body: title, do: "publish" }, headers: { Origin: site }, maxRedirects: 0 });
  const answers = await Promise.all(boats.map(publish));
  assert.deepEqual(answers.map((answer) => answer.status()), boats.map(() => 303));
  await ada.goto(`${site}/edit/`);
  for (const title of boats) assert.equal(await ada.getByRole("link", { name: title, exact: true }).count(), 1, title);
});

test("a page that was deployed from git is edited like any other", async () => {
  await ada.goto(`${site}/edit/`);
  const title = "The harbour light is lit again";
  assert.match(await ada.getByRole("row", { name: title }).innerText(), /Deployed/);
  await follow(ada, title);
  const text = await field(ada, "Text").inputValue();
  assert.equal(`# ${title}\n\n${text}\n`, readFileSync(join(folder, "public/news/harbour-light.md"), "utf8"));
  await write(ada, { text: `${text}\n\nClosed on Monday.` });
  await press(ada, "Publish");
  const row = ada.getByRole("row", { name: title });
  assert.match(await row.innerText(), /Written here/);
  await keep(ada, "list");
});

const hostile = {
  title: `</title><script>alert("title")</script><img src=x onerror=alert(1)>`,
  address: "hostile",
  text: `<script>alert("text")</script></textarea><img src=x onerror=alert(2)>

[link](javascript:alert(3)) [link](data:text/html,<script>alert(4)</script>) [link](//evil.example) [link](/\\evil.example)
[a](https://example.com/"onmouseover="alert(5)) **<svg onload=alert(6)>** \`</code><script>alert(7)</script>\`

# <iframe srcdoc="<script>alert(8)</script>">

\`\`\`
</pre><script>alert(9)</script>
\`\`\`
`,
};

test("what is typed is never markup, nor a script", async () => {
  await bob.goto(`${site}/edit/new`);
  await write(bob, hostile);
  await press(bob, "Preview");
  assert.equal(await field(bob, "Text").inputValue(), hostile.text);
  assert.equal(await field(bob, "Title").inputValue(), hostile.title);
  await press(bob, "Publish");
  await follow(bob, hostile.title);
  assert.equal(await field(bob, "Text").inputValue(), hostile.text);
});

test("a page is deleted after a question, if nobody changed it meanwhile", async () => {
  const title = "The ferry in winter";
  await follow(ada, title);
  await follow(ada, "Delete…");
  await keep(ada, "delete");
  await bob.goto(`${site}/edit/news/ferry-in-winter`);
  await write(bob, { text: "It is cancelled." });
  await press(bob, "Publish");
  await press(ada, "Delete the page");
  assert.match(await alert(ada), /^Somebody changed the page/);
  await press(ada, "Delete the page");
  assert.match(await ada.getByRole("status").innerText(), /deleted/);
  assert.equal(await ada.getByRole("link", { name: title, exact: true }).count(), 0);
  await ada.goto(`${site}/edit/news/ferry-in-winter`);
  assert.equal(await ada.getByRole("heading", { level: 1 }).innerText(), "There is no such page");
  await ada.goto(`${site}/edit/`);
});

test("visitors see what was published", async () => {
  // What was deployed there was deleted last, so all that came before is seen by then.
  await seen("/news/ferry-in-winter", ({ status }) => status === 404);
  const { text } = await visit("/news/hostile");
  assert.equal((await visit("/news/low-tide-at-noon")).text, preview.replaceAll(draft.title, "Low tide at one").replace(rendered, "<p>Bob&#39;s own text.</p>\n"));
  assert.match((await visit("/news/harbour-light")).text, /Closed on Monday\./);
  const listing = (await visit("/news/")).text;
  assert.ok(!listing.includes("The ferry in winter"));
  for (const title of ["Low tide at one", ...boats, "The harbour light is lit again"]) assert.ok(listing.includes(title), title);

  // Without the policy, which forbids scripts once more.
  const visitor = await open({ bypassCSP: true });
  for (const path of ["/news/hostile", "/news/"]) {
    await visitor.goto(site + path);
    assert.equal(await visitor.locator("script, img, svg, iframe, [onmouseover], [onerror]").count(), 0);
    for (const link of await visitor.locator("main a").all()) assert.match(await link.getAttribute("href"), /^(?:\/news\/|https:\/\/example\.com\/)/);
  }
  assert.ok(!text.includes("<script"));
  await visitor.goto(`${site}/news/harbour-light`);
  await keep(visitor, "page");
  assert.deepEqual(await visitor.context().cookies(), []);
});

/** A session as the Worker signs it. */
function signed(expires) {
  const sign = (text) => createHmac("sha256", `publisher session ${password}`).update(text).digest("base64url");
  const payload = Buffer.from(JSON.stringify({ kind: "editor", name: "Eve", expires, id: "1" })).toString("base64url");
  return `${payload}.${sign(`session ${payload}`)}`;
}

test("a form that is not this session's own changes nothing", async () => {
  const { request } = bob.context();
  await bob.goto(`${site}/edit/news/harbour-light-again`);
  const token = await bob.locator('form.card input[name="token"]').inputValue();
  const base = await bob.locator('form.card input[name="base"]').inputValue();
  const post = async (path, form, headers = { Origin: site }) => (await request.post(site + path, { form, headers, maxRedirects: 0 })).status();
  const as = (session) => ({ Origin: site, Cookie: `publisher-session=${session}` });
  const form = { token, base, title: "Forged", body: "Forged.", do: "publish" };
  const page = "/edit/news/harbour-light-again";
  assert.equal(await post(page, { ...form, token: "" }), 403);
  assert.equal(await post(page, { ...form, token: `A${token.slice(1)}` === token ? `B${token.slice(1)}` : `A${token.slice(1)}` }), 403);
  assert.equal(await post(`${page}/delete`, { base }), 403);
  assert.equal(await post("/edit/logout", {}), 403);
  assert.equal(await post("/edit/login", { token, name: "Eve", password }), 403, "and logs nobody in");
  const cookieOf = async (page, wanted) => (await page.context().cookies()).find(({ name }) => name === wanted).value;
  const session = await cookieOf(ada, "publisher-session");
  assert.equal(await post(page, form, as(session)), 403, "a token of another session");
  assert.equal(await post(page, form, as(session.replace(/^./, (first) => (first === "e" ? "f" : "e")))), 401, "a session that was changed");
  assert.equal(await post(page, form, as(await cookieOf(ada, "publisher-login"))), 401, "a login is no session");
  const status = async (token) => (await request.get(`${site}/edit/`, { headers: as(token), maxRedirects: 0 })).status();
  assert.deepEqual([await status(signed(Date.now() + 3_600_000)), await status(signed(Date.now() - 1000))], [200, 303], "a session that has expired");
  assert.equal(await post(page, form, {}), 403, "a form from nowhere");
  await bob.reload();
  assert.equal(await field(bob, "Title").inputValue(), "Harbour light");
  assert.equal(await post(page, form, { Origin: "https://evil.example" }), 403);
  assert.equal(await post(page, form), 303, "and the right one does");
  assert.equal(await post(page, form), 303, "and is no conflict with itself");
});

test("what was typed outlives the session", async () => {
  await bob.goto(`${site}/edit/news/harbour-light-again`);
  await write(bob, { text: "Typed for hours." });
  await bob.context().clearCookies();
  await press(bob, "Publish");
  assert.match(await alert(bob), /session has ended/);
  await field(bob, "Your name").fill("Bob");
  await field(bob, "Password").fill(password);
  await press(bob, "Log in");
  assert.equal(await field(bob, "Text").inputValue(), "Typed for hours.");
  await press(bob, "Publish");
  assert.match(await bob.getByRole("status").innerText(), /^Published\./);
});

test("a deploy changes nothing of what was written", async () => {
  appendFileSync(join(folder, "public/about.html"), "<!-- deployed anew -->\n");
  execFileSync("kv-sync", ["deploy", "--local"], { cwd: folder, stdio: "pipe" });
  await seen("/about", ({ text }) => text.includes("deployed anew"));
  assert.match((await visit("/news/harbour-light")).text, /Closed on Monday\./);
  assert.equal((await visit("/news/ferry-in-winter")).status, 404);
  await ada.reload();
  assert.equal(await ada.getByRole("heading", { level: 1 }).innerText(), "Pages", "and the session goes on");
});

test("nobody guesses for long, and who logs out is out", async () => {
  await press(ada, "Log out");
  await ada.goto(`${site}/edit/`);
  const { request } = ada.context();
  const tried = [];
  for (let i = 0; i < 7; i++) {
    const token = await ada.locator('input[name="token"]').inputValue();
    const guess = i < 5 ? "wrong" : password;
    tried.push((await request.post(`${site}/edit/login`, { form: { token, name: i < 6 ? "Eve" : "Eva", password: guess }, headers: { Origin: site }, maxRedirects: 0 })).status());
    await ada.goto(`${site}/edit/login`);
  }
  assert.deepEqual(tried, [401, 401, 401, 401, 401, 429, 303], "somebody else at the address may log in");
});

test("there were no page errors", () => assert.deepEqual(pageErrors, []));
