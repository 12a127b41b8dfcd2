// The cache headers of responses.

/** The client revalidates its copy before each use; a 304 is cheap. */
const revalidate = "public, max-age=0, must-revalidate";

/** The longest time that caches honour. */
const immutable = "public, max-age=31536000, immutable";

/** A year, or a month whose name has only hexadecimal digits. */
const dated = /(?:19|20)\d\d|dec|feb/;

/** How often letters and numerals alternate in a hash. A version (20f5059a) has fewer runs. */
const minRuns = 5;

/**
 * Whether the name of a file contains a hash of its content: at least 8 hexadecimal digits between dots, as in
 * /app.3f2a9c1b.js and /main.3f2a9c1b.chunk.css. The Go side recognizes the same names (sync/manifest/kept.go).
 *
 * A file that is wrongly treated as immutable stays in browsers for a year, so a date (report.20240131.pdf,
 * minutes.2024dec01.pdf), a version and a word are not hashes, and a hash that looks like one is not recognized. The
 * names of Vite and esbuild (app-BxYz1234.js) are not recognized, because photo-iPhone15.jpg has the same form;
 * docs/serving.md has the remedy.
 */
export function isContentHashed(pathname: string): boolean {
  const hash = /\.([a-f0-9]{8,})(?:\.\w+){1,2}$/.exec(pathname)?.[1];
  if (hash === undefined || dated.test(hash)) return false;
  return hash.match(/[a-f]+|\d+/g)!.length >= minRuns;
}

/** The Cache-Control of an asset at its pathname. */
export function cacheControl(contentHashed: boolean): string {
  return contentHashed ? immutable : revalidate;
}

/** The header with the highest precedence for Workers Caching. Clients and other caches do not see it. */
export const edgeControl = "Cloudflare-CDN-Cache-Control";

/** Without any of these headers, Workers Caching chooses a time itself: two hours for a 200. */
const controls = [edgeControl, "CDN-Cache-Control", "Cache-Control", "Expires"];

/**
 * Prevents Workers Caching from storing a response. It is for responses that depend on more than path and query: on the
 * code that requested them, or on the project of the host.
 */
export function unstored(response: Response): Response {
  return changed(response, (headers) => {
    headers.set(edgeControl, "no-store");
    headers.delete("Cache-Tag");
  });
}

/**
 * Prevents Workers Caching from storing a response of code, unless the response has a cache time. A response that is
 * immediately stale is not stored either: the Worker is asked each time anyway, and if it failed, the cache would
 * answer with a response for another client.
 */
export function unstoredUnlessTimed(response: Response): Response {
  const { headers } = response;
  const name = controls.find((name) => headers.has(name));
  return name === undefined || isStaleAtOnce(name, headers.get(name)!) ? unstored(response) : response;
}

/** Whether a control header makes a response immediately stale and does not allow stale responses. */
function isStaleAtOnce(name: string, control: string): boolean {
  if (name === "Expires") return !(Date.parse(control) > Date.now());
  return ageOf(control) === 0 && !has(control, "stale-while-revalidate") && !has(control, "stale-if-error");
}

/** How long a shared cache may use a response, in seconds; undefined if the header does not say. */
export function ageOf(control: string): number | undefined {
  if (has(control, "no-cache")) return 0;
  const age = /(?:^|[\s,])s-maxage="?(\d+)/i.exec(control) ?? /(?:^|[\s,])max-age="?(\d+)/i.exec(control);
  return age ? Number(age[1]) : undefined;
}

/** Whether a control header has a directive. */
export function has(control: string, directive: string): boolean {
  return new RegExp(`(?:^|[\\s,])${directive}(?:$|[\\s,=])`, "i").test(control);
}

/** The control of a site with an overlay. Stale content could have been replaced or deleted since. */
export function overlaidControl(seconds: number): string {
  return `public, max-age=${seconds}, stale-if-error=0`;
}

/** Makes a stored response valid only for requests with the same value of a header. */
export function varying(response: Response, name: string): Response {
  return changed(response, (headers) => headers.append("Vary", name));
}

/** Changes headers. If they are immutable, as those from fetch(), it changes a copy. */
function changed(response: Response, change: (headers: Headers) => void): Response {
  try {
    change(response.headers);
    return response;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const copy = new Response(response.body, response);
  change(copy.headers);
  return copy;
}
