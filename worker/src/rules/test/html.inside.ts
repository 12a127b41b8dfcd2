import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import type { HTMLHandling } from "../../format/meta";
import { resolvePathname } from "../html";
import { resolveNotFound } from "../not_found";

/** Resolves a path. Returns "=/file" for a served file, ">/path" for a redirect, and "-" if there is no asset. */
function resolve(path: string, handling: HTMLHandling, files: string[]): string {
  const found = resolvePathname(path, handling, (file) => files.indexOf(file));
  if (!found) return "-";
  return "redirect" in found ? `>${found.redirect}` : `=${files[found.asset]}`;
}

// The expected results follow the table for html_handling in Cloudflare's documentation.
const files = [
  "/index.html",
  "/file.html",
  "/folder/index.html",
  "/both.html",
  "/both/index.html",
  "/raw.txt",
  "/a/index",
  "/bin",
  "/bin.html",
];
const expected: Record<string, [auto: string, force: string, drop: string, none: string]> = {
  "/": ["=/index.html", "=/index.html", "=/index.html", "-"],
  "/index": [">/", ">/", ">/", "-"],
  "/index.html": [">/", ">/", ">/", "=/index.html"],
  "/file": ["=/file.html", ">/file/", "=/file.html", "-"],
  "/file/": [">/file", "=/file.html", ">/file", "-"],
  "/file.html": [">/file", ">/file/", ">/file", "=/file.html"],
  "/file/index": [">/file", ">/file/", ">/file", "-"],
  "/file/index.html": [">/file", ">/file/", ">/file", "-"],
  "/folder": [">/folder/", ">/folder/", "=/folder/index.html", "-"],
  "/folder/": ["=/folder/index.html", "=/folder/index.html", ">/folder", "-"],
  "/folder.html": [">/folder/", ">/folder/", ">/folder", "-"],
  "/folder/index": [">/folder/", ">/folder/", ">/folder", "-"],
  "/folder/index.html": [">/folder/", ">/folder/", ">/folder", "=/folder/index.html"],
  "/both": ["=/both.html", ">/both/", "=/both.html", "-"],
  "/both/": ["=/both/index.html", "=/both/index.html", ">/both", "-"],
  "/both.html": [">/both", "=/both.html", ">/both", "=/both.html"],
  "/both/index.html": [">/both/", ">/both/", "=/both/index.html", "=/both/index.html"],
  // With drop-trailing-slash, /both.html has precedence at the pathname of /both/index.html.
  "/both/index": [">/both/", ">/both/", ">/both", "-"],
  "/both/index/": [">/both/", ">/both/", ">/both", "-"],
  "/raw.txt": ["=/raw.txt", "=/raw.txt", "=/raw.txt", "=/raw.txt"],
  "/raw.txt/": ["-", "-", "-", "-"],
  "/a/index": ["=/a/index", "=/a/index", "=/a/index", "=/a/index"],
  "/a/": ["-", "-", "-", "-"],
  // A file without an extension takes precedence at its name.
  "/bin": ["=/bin", "=/bin", "=/bin", "=/bin"],
  "/bin.html": ["=/bin.html", ">/bin/", "=/bin.html", "=/bin.html"],
  "/bin/": ["-", "=/bin.html", "-", "-"],
  "/bin/index": ["-", ">/bin/", "-", "-"],
  "/constructor": ["-", "-", "-", "-"],
  // Static Assets differ here: they redirect to /index, or serve the page at both pathnames.
  "/index/": [">/", ">/", ">/", "-"],
  "/index/index": [">/", ">/", ">/", "-"],
};

test("pathnames resolve as Cloudflare documents html_handling", () => {
  const handlings: HTMLHandling[] = ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"];
  for (const [path, results] of Object.entries(expected)) {
    for (const [i, handling] of handlings.entries()) {
      assert.equal(resolve(path, handling, files), results[i], `${handling} ${path}`);
    }
  }
});

test("every redirect ends at an asset", () => {
  const names = [
    "/index.html",
    "/.html",
    "/a.html",
    "/a/index.html",
    "/a/index",
    "/a.html.html",
    "/a/index/index.html",
    "/a/.html",
  ];
  const paths = [
    "/",
    "/a",
    "/a/",
    "/a.html",
    "/a/index",
    "/a/index.html",
    "/a/index/",
    "/.html",
    "/a/.html",
    "/a.html/",
    "/index",
  ];
  for (const handling of ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash"] as const) {
    for (let set = 0; set < 1 << names.length; set++) {
      const some = names.filter((_, i) => set & (1 << i));
      for (const path of paths) {
        const chain = [path];
        let result = resolve(path, handling, some);
        while (result.startsWith(">") && chain.length <= 3) {
          chain.push(result.slice(1));
          result = resolve(result.slice(1), handling, some);
        }
        assert.ok(
          result.startsWith("=") || chain.length === 1,
          `${handling} ${chain.join(" > ")} ${result} of ${some}`,
        );
        assert.ok(!chain.some((step) => step.startsWith("//")), `${handling} ${chain.join(" > ")}`);
      }
    }
  }
});

test("the 404.html of the nearest directory is used, and the search is limited", () => {
  const pages = ["/404.html", "/a/404.html"];
  const find = (file: string) => pages.indexOf(file);
  assert.deepEqual(resolveNotFound("/x", "404-page", find), { asset: 0, status: 404 });
  assert.deepEqual(resolveNotFound("/a", "404-page", find), { asset: 0, status: 404 });
  assert.deepEqual(resolveNotFound("/a/", "404-page", find), { asset: 1, status: 404 });
  assert.deepEqual(resolveNotFound("/a/b/c", "404-page", find), { asset: 1, status: 404 });
  assert.equal(resolveNotFound("/x", "none", find), undefined);
  assert.equal(resolveNotFound("/x", "single-page-application", find), undefined);
  let lookups = 0;
  const findNothing = () => (lookups++, -1);
  assert.equal(resolveNotFound("/a".repeat(4096), "404-page", findNothing), undefined);
  assert.ok(lookups <= 64, `${lookups} look-ups`);
});
