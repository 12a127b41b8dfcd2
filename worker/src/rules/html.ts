// html_handling: under which pathname an HTML file is served, and which other
// spellings of that pathname lead there.

import type { HTMLHandling } from "../format/meta";

/** Finds an asset by its decoded pathname; -1 if there is none. */
export type Find = (pathname: string) => number;

/** An asset to serve at the pathname that was asked for, or the pathname to go to instead. */
export type Resolution = { asset: number } | { redirect: string };

/** What a decoded pathname stands for, or undefined if for nothing. */
export function resolvePathname(pathname: string, handling: HTMLHandling, find: Find): Resolution | undefined {
  const exact = find(pathname);
  if (handling === "none") return exact < 0 ? undefined : { asset: exact };

  if (exact >= 0) {
    const canonical = canonicalPathname(pathname, handling);
    if (canonical === pathname || servedAt(canonical, handling, find) !== exact) return { asset: exact };
    return { redirect: canonical };
  }
  for (const file of spellings(pathname)) {
    const asset = find(file);
    if (asset < 0) continue;
    const canonical = canonicalPathname(file, handling);
    // Another file may have the better claim to that pathname: /a.html and
    // /a/index.html both want /a where trailing slashes are dropped.
    if (servedAt(canonical, handling, find) !== asset) continue;
    return canonical === pathname ? { asset } : { redirect: canonical };
  }
  return undefined;
}

/** The files that a pathname, itself no file, may mean; the likeliest first. */
function spellings(pathname: string): string[] {
  const files = [];
  const directory = /^(.*)\/(?:index(?:\.html)?)?$/s.exec(pathname);
  if (directory) files.push(`${directory[1]}/index.html`, `${directory[1]}.html`);
  else if (pathname.endsWith(".html")) files.push(`${pathname.slice(0, -".html".length)}/index.html`);
  files.push(`${pathname}.html`, `${pathname}/index.html`);
  return files;
}

/** Where a file wants to be served. */
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
