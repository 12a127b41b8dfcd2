// The harness of all tests in Chromium. browser.go sets its environment variables.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before } from "node:test";

const { CHROMIUM, PACKAGES, SCREENSHOTS } = process.env;
const { chromium } = createRequire(join(PACKAGES, "/"))("playwright-core");
mkdirSync(SCREENSHOTS, { recursive: true });

/** The timeout of a test that hangs, in milliseconds. No result depends on it. */
export const hangLimit = 120_000;

/** Errors of pages, and violations of their security policies. The last test of a file checks that there are none. */
export const pageErrors = [];

let browser;

/** Starts Chromium before the tests of a file, and then calls ready. */
export function launch(ready, args = []) {
  before(async () => {
    // Chromium's sandbox does not work for root. It is not needed: the pages are this repository's own.
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", ...args] });
    await ready();
  });
  after(() => browser?.close());
}

/** Opens a page with its own cookies. */
export async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(hangLimit);
  page.on("console", (message) => {
    // Chromium logs every 4xx as a resource that could not be loaded.
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) pageErrors.push(text);
  });
  page.on("dialog", (dialog) => {
    pageErrors.push(`a dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("pageerror", (error) => pageErrors.push(String(error)));
  return page;
}

export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
export const heading = (page) => page.getByRole("heading", { level: 1 }).innerText();
export const alert = (page) => page.getByRole("alert").innerText();

/** Calls read until isWanted accepts its result, and returns that result. */
export async function until(read, isWanted) {
  for (const end = Date.now() + hangLimit; ; ) {
    const got = await read();
    if (isWanted(got)) return got;
    assert.ok(Date.now() < end, `it is still ${JSON.stringify(got)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Two screen sizes, as [name, width, height, colour scheme]. */
export const screens = [["1280", 1280, 900, "light"], ["390", 390, 844, "light"]];

/**
 * Saves a screenshot for each screen size and calls each. It checks that the page is not
 * wider than the screen, and that every control has an accessible name. The expression
 * unnamed matches a control without a name in the page's ARIA snapshot.
 */
export async function keep(page, name, { on = screens, unnamed, each = () => {} }) {
  for (const [kind, width, height, colorScheme] of on) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.screenshot({ path: join(SCREENSHOTS, `${name}-${kind}.png`), fullPage: true });
    const { scrollWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth }));
    assert.ok(scrollWidth <= width, `${name} is ${scrollWidth} wide on a screen of ${width}`);
    await each(`${name}, ${kind}`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  const snapshot = await page.locator("body").ariaSnapshot();
  assert.doesNotMatch(snapshot, unnamed, `${name} has a control without a name`);
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, `${name} has one main heading`);
  assert.notEqual(await page.title(), "");
}
