// Generates sites with pseudo-random _redirects and _headers, and pathnames that are likely
// to match the rules.

import type { Site } from "../../../test/test_site";

const files: Record<string, string> = {
  "/index.html": "root",
  "/404.html": "nothing",
  "/t.html": "t",
  "/a.html": "a",
  "/b/index.html": "b",
  "/s/a.html": "s a",
  "/t/a.html": "t a",
  "/a/b.html": "a b",
  "/file.txt": "file",
};

const patternSegments = ["a", "b", ":x", ":y", "*", "a-:x", ":x.html", "b*", "ü", "a%20b", "A"];
const pathSegments = [
  "a",
  "b",
  "c",
  "a-b",
  "c.html",
  "a.html",
  "bx",
  "%C3%BC",
  "a%20b",
  "A",
  "",
  "file.txt",
  "a%2fb",
  "%zz",
];
const statuses = [200, 301, 302, 303, 307, 308];

export function randomRules(seed: number): { site: Site; paths: string[] } {
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  const pick = <T>(from: T[]): T => from[random(from.length)]!;
  const join = (segments: string[], max: number) =>
    `/${Array.from({ length: 1 + random(max) }, () => pick(segments)).join("/")}`;

  // A valid rule has at most one splat, and each placeholder once. Two rules must not have the same path, because
  // Static Assets differ there (docs/serving.md).
  const used = new Set<string>();
  const pattern = (): string => {
    for (;;) {
      const candidate = join(patternSegments, 3) + pick(["", "", "/"]);
      const placeholders = candidate.match(/\*|:[xy]/g) ?? [];
      if (new Set(placeholders).size !== placeholders.length || used.has(candidate)) continue;
      used.add(candidate);
      return candidate;
    }
  };
  const redirect = (): string => {
    const from = pattern();
    const placeholders = (from.match(/:[xy]/g) ?? []).map((name) => `/${name}`).join("");
    const status = pick(statuses);
    const targets = ["/t", `/t${placeholders}`, "/a#part", "/b?z=1"];
    if (from.includes("*")) targets.push("/s/:splat", "/s/:splat/end");
    if (status !== 200) targets.push(`https://other.example.org${placeholders || "/"}`);
    return `${from} ${pick(targets)} ${status}\n`;
  };
  const header = (_: unknown, i: number): string =>
    `${pattern()}\n  X-${i % 5}: ${i} :x :y :splat\n${random(3) === 0 ? `  ! X-${random(5)}\n` : ""}`;

  const name = `random-${seed}`;
  const redirects = Array.from({ length: 40 }, redirect).join("");
  used.clear();
  const headers = Array.from({ length: 20 }, header).join("");
  const paths = Array.from({ length: 300 }, () => join(pathSegments, 4) + pick(["", "", "?q=1"]));
  return { site: { name, files, redirects, headers }, paths: [...new Set(paths)] };
}
