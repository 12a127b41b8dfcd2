// html_handling: at which pathname an HTML file is served, and which other
// pathnames redirect there.

import type { HTMLHandling } from "../format/meta";

/** Returns the index of the asset with this decoded pathname, or -1. */
export type Find = (pathname: string) => number;

/** An asset to serve, or a pathname to redirect to. */
export type Resolution = { asset: number } | { redirect: string };

/** Resolves a decoded pathname; undefined if there is no asset for it. */
export function resolvePathname(pathname: string, handling: HTMLHandling, find: Find): Resolution | undefined {
  const exact = find(pathname);
  if (handling === "none") return exact < 0 ? undefined : { asset: exact };

  if (exact >= 0) {
    const canonical = canonicalPathname(pathname, handling);
    if (canonical === pathname || servedAt(canonical, handling, find) !== exact) return { asset: exact };
    return { redirect: canonical };
  }
  let taken: string | undefined;
  for (const file of spellings(pathname)) {
    const asset = find(file);
    if (asset < 0) continue;
    const canonical = canonicalPathname(file, handling);
    const served = servedAt(canonical, handling, find);
    if (served === asset) return canonical === pathname ? { asset } : { redirect: canonical };
    // Another file takes precedence at that pathname: with drop-trailing-slash, /a.html and /a/index.html are both for
    // /a. If it is a page, too, it is the answer if no other spelling is.
    if (served >= 0 && find(canonical) < 0 && canonical !== pathname) taken ??= canonical;
  }
  return taken === undefined ? undefined : { redirect: taken };
}

/** The files that a pathname without a file of its own may mean, in order of preference. */
function spellings(pathname: string): string[] {
  const files = [];
  const directory = /^(.*)\/(?:index(?:\.html)?)?$/s.exec(pathname);
  if (directory) files.push(`${directory[1]}/index.html`, `${directory[1]}.html`);
  else if (pathname.endsWith(".html")) files.push(`${pathname.slice(0, -".html".length)}/index.html`);
  files.push(`${pathname}.html`, `${pathname}/index.html`);
  return files;
}

/** The pathname at which a file is to be served. */
export function canonicalPathname(file: string, handling: string): string {
  if (file.endsWith("/index.html")) {
    const directory = file.slice(0, -"index.html".length);
    return handling === "drop-trailing-slash" && directory !== "/" ? directory.slice(0, -1) : directory;
  }
  if (file.endsWith(".html")) {
    const stem = file.slice(0, -".html".length);
    if (!stem.endsWith("/")) return handling === "force-trailing-slash" ? `${stem}/` : stem;
  }
  return file;
}

/** The asset that is served at a pathname without a redirect, or -1. */
function servedAt(pathname: string, handling: HTMLHandling, find: Find): number {
  if (pathname.endsWith("/")) {
    const index = find(`${pathname}index.html`);
    if (index >= 0 || handling !== "force-trailing-slash") return index;
    return find(`${pathname.slice(0, -1)}.html`);
  }
  const exact = find(pathname);
  if (exact >= 0 || handling === "force-trailing-slash") return exact;
  const html = find(`${pathname}.html`);
  if (html >= 0 || handling !== "drop-trailing-slash") return html;
  return find(`${pathname}/index.html`);
}
