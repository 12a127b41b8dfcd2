// The daemon's page as people use it: in a browser, without scripts, by the
// names that a screen reader reads. Run by ../browser_test.go.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

const { ADMIN: admin, GALLERY: gallery, SECURE: secure, EVIL: evil, SITE: site, WORK: work, LOGIN: user, PASSWORD: password, CHROMIUM, PACKAGES, SCREENSHOTS } = process.env;
const { chromium } = createRequire(join(PACKAGES, "/"))("playwright-core");
/** Milliseconds. It only bounds a hang: no test's outcome depends on it. */
const hangLimit = 120_000;
mkdirSync(SCREENSHOTS, { recursive: true });

let browser, page;
/** What no page may do: run a script, or be kept from something by its policy. */
const wrongs = [];

before(async () => {
  // Chromium's own sandbox does not work for root; what it is shown here is ours.
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--host-resolver-rules=MAP *.example 127.0.0.1"] });
  page = await open({ javaScriptEnabled: false });
});
after(() => browser?.close());

/** A page in a browser of its own: with no cookies but its own. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(hangLimit);
  page.on("console", (message) => {
    // Chromium writes of every 4xx that a resource could not be loaded.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) wrongs.push(message.text());
  });
  page.on("dialog", (dialog) => {
    wrongs.push(`a dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("pageerror", (error) => wrongs.push(String(error)));
  return page;
}

/** Keeps pages of sites that are at work from reloading while they are looked at. */
const stayStill = (page) =>
  page.context().route("**/*", async (route) => {
    const response = await route.fetch({ maxRedirects: 0 });
    const { refresh, ...headers } = response.headers();
    await route.fulfill({ response, headers });
  });

async function logIn(page, at, withPassword = password) {
  await page.goto(at);
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(withPassword);
  await press(page, "Log in");
}

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const heading = (page) => page.getByRole("heading", { level: 1 }).innerText();
const row = (page, name) => page.getByRole("row", { name });

/** Keeps what a screen looks like, on a desk and on a telephone, by day and by night; and holds it to having a name for everything. */
async function keep(page, name) {
  for (const [kind, width, colorScheme] of [["wide", 1280, "light"], ["dark", 1280, "dark"], ["phone", 390, "light"], ["phone-dark", 390, "dark"]]) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.screenshot({ path: join(SCREENSHOTS, `admin-${name}-${kind}.png`), fullPage: true });
    const { scrollWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth }));
    assert.ok(scrollWidth <= width, `${name} is ${scrollWidth} wide on a screen of ${width}`);
    await legible(page, `${name}, ${kind}`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  const snapshot = await page.locator("body").ariaSnapshot();
  assert.doesNotMatch(snapshot, /^ *- (?:textbox|button|link|table)(?: \[[^\]]*\])*$/m, `${name} has something without a name`);
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, `${name} has one main heading`);
  assert.match(await page.title(), / · kv-sync$/);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
}

/** Every text stands out from what is behind it: 4.5 to 1, as WCAG 2 wants it. */
async function legible(page, where) {
  const faint = await page.evaluate(() => {
    const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
      for (; element; element = element.parentElement) {
        const color = parse(getComputedStyle(element).backgroundColor);
        if (color.length === 3 || color[3] === 1) return color;
      }
      return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
      if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
      const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) found.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return found;
  });
  assert.deepEqual(faint, [], where);
}

/** What visitors of the site are sent, who may see a switch a little later. */
async function visited(text) {
  for (const end = Date.now() + hangLimit; ; ) {
    const got = await (await fetch(site)).text();
    if (got.includes(text)) return;
    assert.ok(Date.now() < end, `the site still says ${got}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("a login is asked for, and leads to where one wanted to go", async () => {
  await visited("low tide at midnight");
  await logIn(page, `${admin}/sites/tides`, "not the password");
  assert.equal(await page.getByRole("alert").innerText(), "That is not the user and the password.");
  assert.equal(await page.getByLabel("User").inputValue(), user);
  assert.deepEqual(await page.context().cookies(), []);
  await keep(page, "login");
  await page.getByLabel("Password").fill(password);
  await press(page, "Log in");
  assert.equal(page.url(), `${admin}/sites/tides`);
  assert.equal(await heading(page), "tides");
});

test("the session's cookie is out of reach for scripts", async () => {
  const scripted = await open();
  await logIn(scripted, admin);
  const [cookie, ...more] = await scripted.context().cookies();
  assert.deepEqual(more, []);
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.secure, cookie.path], ["kv-sync", true, "Strict", false, "/"]);
  assert.equal(await scripted.evaluate(() => document.cookie), "");
  await scripted.context().close();
});

test("a rollback is asked about, done, and seen by visitors", async () => {
  const first = row(page, "The first tide table");
  assert.match(await row(page, "A table with a mistake").innerText(), /live/);
  await keep(page, "real-site");
  await first.getByRole("link", { name: /^Roll back to deployment/ }).click();
  assert.equal(await heading(page), "Roll tides back?");
  await keep(page, "rollback");
  await visited("low tide at midnight");
  await press(page, "Roll back");
  assert.equal(page.url(), `${admin}/sites/tides`);
  assert.match(await page.getByRole("status").innerText(), /^Rolled back to deployment \d{8}-\d{6}-/);
  await visited("low tide at noon");
  const now = row(page, "rollback to").first();
  assert.match(await now.innerText(), /The first tide table/);
  assert.match(await now.innerText(), /live/);
  assert.match(await now.innerText(), /ada/);
  assert.match(await page.locator("body").innerText(), /held by a rollback/);
  await keep(page, "rolled-back");
});

// From another site the browser keeps the cookie back. From another port of this
// machine it sends it, for a port is no part of a site: there the page has to
// see by itself where the form comes from.
for (const from of [evil, evil.replace("127.0.0.1", "evil.example")]) {
  test(`a form on a page of ${new URL(from).hostname} on another port changes nothing`, async () => {
    await page.goto(`${admin}/sites/tides`);
    const link = page.getByRole("link", { name: /^Roll back to deployment/ });
    const target = new URL(await link.getAttribute("href"), admin);
    for (const to of [target.href, `${admin}/sites/tides/look`, `${admin}/logout`]) {
      await page.goto(`${from}/?to=${encodeURIComponent(to)}`);
      const answered = page.waitForResponse((response) => response.request().method() === "POST");
      await press(page, "You have won");
      assert.equal((await answered).status(), 403, to);
    }
    await visited("low tide at noon");
    await page.goto(`${admin}/sites/tides`);
    assert.equal(await heading(page), "tides", "and the session goes on");
  });
}

test("a link on another site leads where it says, and for others to the login", async () => {
  const link = `${evil.replace("127.0.0.1", "evil.example")}/?to=${encodeURIComponent(`${admin}/sites/tides`)}`;
  await page.goto(link);
  await page.getByRole("link", { name: "Look at this" }).click();
  await page.waitForURL(`${admin}/sites/tides`);
  assert.equal(await heading(page), "tides");
  const stranger = await open({ javaScriptEnabled: false });
  await stranger.goto(link);
  await stranger.getByRole("link", { name: "Look at this" }).click();
  await stranger.getByLabel("Password").waitFor();
  await stranger.waitForLoadState("networkidle");
  assert.equal(stranger.url(), `${admin}/login?next=%2Fsites%2Ftides`);
  await stranger.context().close();
});

test("over TLS the cookie is one that only this host can have set", async () => {
  const safe = await open({ ignoreHTTPSErrors: true });
  await logIn(safe, secure);
  assert.equal(await heading(safe), "Sites");
  const [cookie, ...more] = await safe.context().cookies();
  assert.deepEqual(more, []);
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.secure, cookie.path], ["__Host-kv-sync", true, "Strict", true, "/"]);
  await safe.context().close();
});

test("under a foreign name there is no page, and none stands in a frame", async () => {
  const rebound = await page.goto(admin.replace("127.0.0.1", "rebound.example"));
  assert.equal(rebound.status(), 421);
  const framed = await open();
  await framed.setContent(`<iframe src="${admin}/login"></iframe>`);
  await framed.waitForLoadState();
  assert.equal(await framed.frameLocator("iframe").getByLabel("Password").count(), 0);
  await framed.context().close();
  wrongs.splice(0, wrongs.length, ...wrongs.filter((text) => !text.includes("frame-ancestors")));
});

test("every state is shown, and what others wrote is only ever text", async () => {
  const visitor = await open(); // with scripts, if there were any
  await logIn(visitor, gallery);
  assert.equal(await heading(visitor), "Sites");
  await stayStill(visitor);
  await visitor.goto(gallery);
  for (const state of ["idle", "building", "held by a rollback", "waiting to try again", "refused"]) {
    assert.equal(await visitor.getByRole("cell").filter({ hasText: state }).count(), 1, state);
  }
  await keep(visitor, "sites");
  for (const name of ["blog", "harbour", "project/kiosk", "shop", "docs"]) {
    await visitor.goto(gallery);
    await visitor.getByRole("link", { name, exact: true }).click();
    assert.equal(await heading(visitor), name);
    await keep(visitor, name.replace("/", "-"));
    assert.equal(await visitor.locator("script, main img, [onerror]").count(), 0);
    for (const link of await visitor.locator("a").all()) assert.match(await link.getAttribute("href"), /^(?:\/|#main$|$)/);
  }
  await visitor.goto(`${gallery}/sites/blog`);
  assert.match(await row(visitor, "<script>").innerText(), /<script>document\.title = 'owned'<\/script>/);
  assert.match(await row(visitor, "Right").innerText(), /Right\\u202eto\\u2066left\\a and \\x1b\[31mred/);
  await visitor.context().close();
});

/** Waits for a page that reloads by itself. */
async function becomes(page, isSo) {
  for (const end = Date.now() + hangLimit; ; ) {
    const text = await page.locator("main").innerText().catch(() => "");
    if (isSo(text)) return;
    assert.ok(Date.now() < end, `the page still says ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("a release deploys what was rolled back", async () => {
  await page.goto(`${admin}/sites/tides`);
  await press(page, "Release");
  await visited("low tide at midnight");
  await becomes(page, (text) => !text.includes("held by a rollback") && text.includes("idle"));
  await keep(page, "released");
});

test("a look deploys what was pushed", async () => {
  execFileSync("sh", ["testdata/push.sh", work, "A table without the mistake", "low tide at one"], { stdio: "pipe" });
  await press(page, "Look now");
  await becomes(page, (text) => text.includes("A table without the mistake"));
  await visited("low tide at one");
  assert.match(await row(page, "A table without the mistake").innerText(), /ada[^]*1.changed[^]*live/);
});

test("the keyboard reaches everything, and one sees where it is", async () => {
  await page.goto(`${admin}/sites/tides`);
  await page.keyboard.press("Tab");
  assert.equal(await page.locator(":focus").innerText(), "To the content");
  await page.keyboard.press("Tab");
  const focus = page.locator(":focus");
  assert.equal(await focus.innerText(), "kv-sync");
  assert.notEqual(await focus.evaluate((element) => getComputedStyle(element).outlineStyle), "none");
});

test("who logs out is out", async () => {
  await page.goto(admin);
  const kept = await page.context().cookies();
  await press(page, "Log out");
  await page.context().addCookies(kept);
  await page.goto(`${admin}/sites/tides`);
  assert.equal(page.url(), `${admin}/login?next=%2Fsites%2Ftides`);
});

test("nothing ran that should not, and no policy was in the way", () => assert.deepEqual(wrongs, []));
