// The admin page in a browser without scripts, by the accessible names. Run by
// ../browser_test.go.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import * as harness from "../../../browsertest/harness.mjs";
import { alert, heading, launch, open, pageErrors, press, until } from "../../../browsertest/harness.mjs";

const { ADMIN: admin, GALLERY: gallery, SECURE: secure, EVIL: evil, SITE: site, WORK: work } = process.env;
const { LOGIN: user, PASSWORD: password } = process.env;

let page;
launch(async () => {
  page = await open({ javaScriptEnabled: false });
}, ["--host-resolver-rules=MAP *.example 127.0.0.1"]);

/** Keeps pages with a run in progress from reloading. */
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

const attributes = ({ name, httpOnly, sameSite, secure, path }) => [name, httpOnly, sameSite, secure, path];
const row = (page, name) => page.getByRole("row", { name });

const screens = [
  ["wide", 1280, 900, "light"],
  ["dark", 1280, 900, "dark"],
  ["phone", 390, 844, "light"],
  ["phone-dark", 390, 844, "dark"],
];

/** Keeps screenshots of a page, wide and narrow, light and dark, and checks its accessibility. */
async function keep(page, name) {
  const unnamed = /^ *- (?:textbox|button|link|table)(?: \[[^\]]*\])*$/m;
  await harness.keep(page, `admin-${name}`, { on: screens, unnamed, each: (where) => legible(page, where) });
  assert.match(await page.title(), / · kv-sync$/);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
}

/** Checks that every text has a contrast of at least 4.5 to 1, as WCAG 2 requires. */
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

/** Waits until visitors get a text: they may see a switch a little later. */
const visited = (text) => until(async () => (await fetch(site)).text(), (got) => got.includes(text));

test("a login leads to the requested page", async () => {
  await visited("low tide at midnight");
  await logIn(page, `${admin}/sites/tides`, "not the password");
  assert.equal(await alert(page), "The user or the password is wrong.");
  assert.equal(await page.getByLabel("User").inputValue(), user);
  assert.deepEqual(await page.context().cookies(), []);
  await keep(page, "login");
  await page.getByLabel("Password").fill(password);
  await press(page, "Log in");
  assert.equal(page.url(), `${admin}/sites/tides`);
  assert.equal(await heading(page), "tides");
});

test("scripts cannot read the session's cookie", async () => {
  const scripted = await open();
  await logIn(scripted, admin);
  const [cookie, ...more] = await scripted.context().cookies();
  assert.deepEqual(more, []);
  assert.deepEqual(attributes(cookie), ["kv-sync", true, "Strict", false, "/"]);
  assert.equal(await scripted.evaluate(() => document.cookie), "");
  await scripted.context().close();
});

test("a rollback is confirmed, done, and visible to visitors", async () => {
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

// The browser withholds the cookie from another site, but not from another port of this
// machine. There the page itself checks where a form comes from.
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
    assert.equal(await heading(page), "tides", "the session is still valid");
  });
}

test("a link on another site leads to the page, and without a session to the login", async () => {
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

test("over TLS the cookie has the prefix __Host-", async () => {
  const safe = await open({ ignoreHTTPSErrors: true });
  await logIn(safe, secure);
  assert.equal(await heading(safe), "Sites");
  const [cookie, ...more] = await safe.context().cookies();
  assert.deepEqual(more, []);
  assert.deepEqual(attributes(cookie), ["__Host-kv-sync", true, "Strict", true, "/"]);
  await safe.context().close();
});

test("the page is refused under a foreign name and in a frame", async () => {
  const rebound = await page.goto(admin.replace("127.0.0.1", "rebound.example"));
  assert.equal(rebound.status(), 421);
  const framed = await open();
  await framed.setContent(`<iframe src="${admin}/login"></iframe>`);
  await framed.waitForLoadState();
  assert.equal(await framed.frameLocator("iframe").getByLabel("Password").count(), 0);
  await framed.context().close();
  pageErrors.splice(0, pageErrors.length, ...pageErrors.filter((text) => !text.includes("frame-ancestors")));
});

test("every state is shown, and untrusted texts are escaped", async () => {
  const visitor = await open(); // runs scripts, if there are any
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
    for (const link of await visitor.locator("a").all()) {
      assert.match(await link.getAttribute("href"), /^(?:\/|#main$|$)/);
    }
  }
  await visitor.goto(`${gallery}/sites/blog`);
  assert.match(await row(visitor, "<script>").innerText(), /<script>document\.title = 'owned'<\/script>/);
  assert.match(await row(visitor, "Right").innerText(), /Right\\u202eto\\u2066left\\a and \\x1b\[31mred/);
  await visitor.context().close();
});

/** Waits for a page that reloads by itself. */
const becomes = (page, isWanted) => until(() => page.locator("main").innerText().catch(() => ""), isWanted);

test("a release deploys what was rolled back", async () => {
  await page.goto(`${admin}/sites/tides`);
  await press(page, "Release");
  await visited("low tide at midnight");
  await becomes(page, (text) => !text.includes("held by a rollback") && text.includes("idle"));
  await keep(page, "released");
});

test("a poll deploys what was pushed", async () => {
  execFileSync("sh", ["testdata/push.sh", work, "A table without the mistake", "low tide at one"], { stdio: "pipe" });
  await press(page, "Poll now");
  await becomes(page, (text) => text.includes("A table without the mistake"));
  await visited("low tide at one");
  assert.match(await row(page, "A table without the mistake").innerText(), /ada[^]*1.changed[^]*live/);
});

test("the keyboard reaches everything, and the focus is visible", async () => {
  await page.goto(`${admin}/sites/tides`);
  await page.keyboard.press("Tab");
  assert.equal(await page.locator(":focus").innerText(), "To the content");
  await page.keyboard.press("Tab");
  const focus = page.locator(":focus");
  assert.equal(await focus.innerText(), "kv-sync");
  assert.notEqual(await focus.evaluate((element) => getComputedStyle(element).outlineStyle), "none");
});

test("a logout ends the session", async () => {
  await page.goto(admin);
  const kept = await page.context().cookies();
  await press(page, "Log out");
  await page.context().addCookies(kept);
  await page.goto(`${admin}/sites/tides`);
  assert.equal(page.url(), `${admin}/login?next=%2Fsites%2Ftides`);
});

test("there were no page errors", () => assert.deepEqual(pageErrors, []));
