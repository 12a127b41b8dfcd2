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
