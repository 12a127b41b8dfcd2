// Implements html_handling, which decides at which pathname an HTML file is served, and
// which other pathnames redirect there.

import type { HTMLHandling } from "../format/meta";

/** Returns the index of the asset with this decoded pathname, or -1. */
export type Find = (pathname: string) => number;

/** An asset to serve, or a pathname to redirect to. */
export type Resolution = { asset: number } | { redirect: string };

/** Resolves a decoded pathname. Returns undefined if there is no asset for it. */
export function resolvePathname(pathname: string, handling: HTMLHandling, find: Find): Resolution | undefined {
  const exact = find(pathname);
  if (handling === "none") return exact < 0 ? undefined : { asset: exact };

  if (exact >= 0) {
    const canonical = canonicalPathname(pathname, handling);
    if (canonical === pathname || servedAt(canonical, handling, find) !== exact) return { asset: exact };
    return { redirect: canonical };
  }
  let fallback: string | undefined;
  for (const file of candidates(pathname)) {
    const asset = find(file);
    if (asset < 0) continue;
    const canonical = canonicalPathname(file, handling);
    const served = servedAt(canonical, handling, find);
    if (served === asset) return canonical === pathname ? { asset } : { redirect: canonical };
    // Another file is served at the canonical pathname: with drop-trailing-slash, /a.html and /a/index.html both have
    // the pathname /a. If that file is a page, redirect there, unless another candidate resolves.
    if (served >= 0 && find(canonical) < 0 && canonical !== pathname) fallback ??= canonical;
  }
  return fallback === undefined ? undefined : { redirect: fallback };
}

/** Returns the files that a pathname may stand for if no file has exactly that pathname. The first one is preferred. */
function candidates(pathname: string): string[] {
  const files = [];
  const directory = /^(.*)\/(?:index(?:\.html)?)?$/s.exec(pathname);
  if (directory) files.push(`${directory[1]}/index.html`, `${directory[1]}.html`);
  else if (pathname.endsWith(".html")) files.push(`${pathname.slice(0, -".html".length)}/index.html`);
  files.push(`${pathname}.html`, `${pathname}/index.html`);
  return files;
}

/** Returns the pathname at which a file should be served. */
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

/** Returns the asset that is served at a pathname without a redirect, or -1. */
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
