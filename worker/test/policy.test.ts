// Tests the decisions in testdata/policy. The Go side tests the same files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { defaultGrace, defaultRetain } from "../src/deploy/deploy_options";
import { maxFileBytes, maxValueBytes } from "../src/format/chunks";
import {
  type HTMLHandling,
  htmlHandlings,
  type NotFoundHandling,
  notFoundHandlings,
  parseMeta,
} from "../src/format/meta";
import { isProjectId, isSite } from "../src/format/project_keys";
import { isInspected } from "../src/rules/content_check";
import { contentType } from "../src/rules/content_type";
import { parseHeaders } from "../src/rules/headers_file";
import { resolvePathname } from "../src/rules/html";
import { resolveNotFound } from "../src/rules/not_found";
import { decodePathname, encodePathname } from "../src/rules/pathname";
import { checkPath } from "../src/rules/publishable";
import { parseRedirects } from "../src/rules/redirects_file";
import { isContentHashed } from "../src/serve/caching";

function read<T>(name: string): T {
  return JSON.parse(readFileSync(join("../testdata/policy", name), "utf8")) as T;
}

test("names of secret files", () => {
  const cases = read<{ name: string; holds: string | null }[]>("secret-names.json");
  assert.ok(cases.length >= 30);
  for (const { name, holds } of cases) {
    const reason = checkPath(`/a/${name}`)?.[0];
    const kind = reason?.includes("private key") ? "private key" : reason?.includes("secrets") ? "secrets" : null;
    // A dotfile without secrets is refused for another reason.
    assert.equal(kind, holds, `${name}: ${reason}`);
  }
});

test("pathnames that are published", () => {
  const cases = read<{ path: string; published: boolean }[]>("paths.json");
  assert.ok(cases.length >= 40);
  for (const { path, published } of cases) {
    assert.equal(checkPath(path) === undefined, published, path.slice(0, 80));
  }
});

test("file names with a hash of the content", () => {
  const cases = read<{ path: string; hashed: boolean }[]>("hashed-names.json");
  assert.ok(cases.length >= 40);
  for (const { path, hashed } of cases) assert.equal(isContentHashed(path), hashed, path);
});

test("names of sites and projects", () => {
  for (const { name, valid } of read<{ name: string; valid: boolean }[]>("names.json")) {
    assert.equal(isProjectId(name), valid, name);
    assert.equal(isSite(name), valid, name);
  }
});

test("defaults", () => {
  const want = read<{ retain: number; grace_seconds: number; content_type: string }>("defaults.json");
  assert.equal(defaultRetain, want.retain);
  assert.equal(defaultGrace, want.grace_seconds);
  for (const path of ["/a", "/a.unknown", "/a."]) assert.equal(contentType(path), want.content_type);
});

test("values of html_handling and not_found_handling", () => {
  const want = read<{ html_handling: string[]; not_found_handling: string[] }>("serving.json");
  assert.deepEqual([...htmlHandlings], want.html_handling);
  assert.deepEqual([...notFoundHandlings], want.not_found_handling);
  const meta = parseMeta(new TextEncoder().encode('{"site":"a","types":[]}'));
  assert.equal(meta.htmlHandling, want.html_handling[0]);
  assert.equal(meta.notFoundHandling, want.not_found_handling[0]);
});

interface Pathnames {
  files: string[];
  cases: { request: string; answers: Record<HTMLHandling, string> }[];
  not_found: { request: string; answers: Record<NotFoundHandling, string> }[];
}

test("the file or the redirect for a pathname", () => {
  const { files, cases } = read<Pathnames>("pathnames.json");
  assert.ok(cases.length >= 45);
  const find = (file: string) => files.indexOf(file);
  for (const { request, answers } of cases) {
    assert.deepEqual(Object.keys(answers), [...htmlHandlings], request);
    for (const handling of htmlHandlings) {
      const found = resolvePathname(decodePathname(request), handling, find);
      const answer = !found
        ? "-"
        : "redirect" in found
          ? `>${encodePathname(found.redirect)}`
          : `=${files[found.asset]}`;
      assert.equal(answer, answers[handling], `${handling} ${request}`);
    }
  }
});

test("the response for a pathname without a file", () => {
  const { files, not_found: cases } = read<Pathnames>("pathnames.json");
  assert.ok(cases.length >= 5);
  const find = (file: string) => files.indexOf(file);
  for (const { request, answers } of cases) {
    const pathname = decodePathname(request);
    assert.equal(resolvePathname(pathname, "auto-trailing-slash", find), undefined, request);
    assert.deepEqual(Object.keys(answers), [...notFoundHandlings], request);
    for (const handling of notFoundHandlings) {
      const found = resolveNotFound(pathname, handling, find);
      const answer = found ? `${found.status} ${files[found.asset]}` : "404";
      assert.equal(answer, answers[handling], `${handling} ${request}`);
    }
  }
});

interface Limits {
  value_bytes: number;
  file_bytes: number;
  path_bytes: number;
  inspected_bytes: number;
  static_redirects: number;
  dynamic_redirects: number;
  redirect_line_characters: number;
  header_rules: number;
  header_line_characters: number;
}

test("limits of values, files and pathnames", () => {
  const want = read<Limits>("limits.json");
  assert.equal(maxValueBytes, want.value_bytes);
  assert.equal(maxFileBytes, want.file_bytes);
  const path = (bytes: number) => `/${"a".repeat(bytes - 1)}`;
  assert.equal(checkPath(path(want.path_bytes)), undefined);
  assert.match(checkPath(path(want.path_bytes + 1))?.[0] ?? "", /longer than/);
  assert.ok(isInspected(want.inspected_bytes));
  assert.ok(!isInspected(want.inspected_bytes + 1));
});

test("limits of rule files", () => {
  const want = read<Limits>("limits.json");
  const bytes = (text: string) => new TextEncoder().encode(text);
  const lines = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => `${line(i)}\n`).join("");
  const redirects = (text: string) => parseRedirects("_redirects", bytes(text), "none").problems.length;
  const headers = (text: string) => parseHeaders("_headers", bytes(text)).problems.length;
  const fixed = (count: number) => redirects(lines(count, (i) => `/s${i} /x`));
  const dynamic = (count: number) => redirects(lines(count, (i) => `/d${i}/* /x`));
  const long = (length: number) => redirects(`/${"a".repeat(length - 4)} /b`);
  const blocks = (count: number) => headers(lines(count, (i) => `/h${i}\n  X: y`));
  const longHeader = (length: number) => headers(`/a\n X: ${"y".repeat(length - 3)}`);
  for (const [problems, limit] of [
    [fixed, want.static_redirects],
    [dynamic, want.dynamic_redirects],
    [long, want.redirect_line_characters],
    [blocks, want.header_rules],
    [longHeader, want.header_line_characters],
  ] as const) {
    assert.equal(problems(limit), 0, `${problems.name} ${limit}`);
    assert.notEqual(problems(limit + 1), 0, `${problems.name} ${limit + 1}`);
  }
});
