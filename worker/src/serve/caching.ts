// The cache headers of responses. Workers Caching is a cache that answers without running
// the Worker.

/** The client revalidates its copy before each use. A 304 is cheap. */
const revalidate = "public, max-age=0, must-revalidate";

/** The client never revalidates its copy. A year is the longest time that caches respect. */
const immutable = "public, max-age=31536000, immutable";

/** Matches a year, or a month whose name consists of hexadecimal digits. */
const dated = /(?:19|20)\d\d|dec|feb/;

/** The minimum number of runs of letters or of numerals in a hash. A version such as 20f5059a has fewer runs. */
const minRuns = 5;

/**
 * Whether the name of a file contains a hash of its content: at least 8 hexadecimal digits between dots, as in
 * /app.3f2a9c1b.js and /main.3f2a9c1b.chunk.css. The Go side recognizes the same names (sync/manifest/kept.go).
 *
 * If a file is wrongly treated as immutable, browsers keep it for a year. So in doubt the function returns false: for a
 * date (report.20240131.pdf, minutes.2024dec01.pdf), a version or a word, and for a hash that looks like one of them.
 * It also returns false for the names of Vite and esbuild (app-BxYz1234.js), because photo-iPhone15.jpg has the same
 * form. docs/serving.md describes how to make such files immutable.
 */
export function isContentHashed(pathname: string): boolean {
  const hash = /\.([a-f0-9]{8,})(?:\.\w+){1,2}$/.exec(pathname)?.[1];
  if (hash === undefined || dated.test(hash)) return false;
  return hash.match(/[a-f]+|\d+/g)!.length >= minRuns;
}

/** Returns the Cache-Control of an asset. */
export function cacheControl(contentHashed: boolean): string {
  return contentHashed ? immutable : revalidate;
}

/** The header that takes precedence for Workers Caching. Clients and other caches do not get it. */
export const edgeControl = "Cloudflare-CDN-Cache-Control";

/** The headers with a cache time. If a response has none, Workers Caching chooses a time, two hours for a 200. */
const controls = [edgeControl, "CDN-Cache-Control", "Cache-Control", "Expires"];

/**
 * Prevents Workers Caching from storing a response. Use it for a response that depends on more than path and query, for
 * example on the project of the host.
 */
export function preventEdgeCaching(response: Response): Response {
  return withHeaders(response, (headers) => {
    headers.set(edgeControl, "no-store");
    headers.delete("Cache-Tag");
  });
}

/**
 * Prevents Workers Caching from storing a response of code, unless the response has a cache time. A cache time of 0
 * does not count: storing such a response has no benefit, and if the Worker fails, the cache would send it to other
 * clients.
 */
export function preventEdgeCachingUnlessTimed(response: Response): Response {
  const { headers } = response;
  const name = controls.find((name) => headers.has(name));
  return name === undefined || isImmediatelyStale(name, headers.get(name)!) ? preventEdgeCaching(response) : response;
}

/** Whether a cache header makes a response stale immediately, and does not allow stale responses. */
function isImmediatelyStale(name: string, control: string): boolean {
  if (name === "Expires") return !(Date.parse(control) > Date.now());
  return (
    sharedMaxAge(control) === 0 &&
    !hasDirective(control, "stale-while-revalidate") &&
    !hasDirective(control, "stale-if-error")
  );
}

/** Returns how long a shared cache may use a response, in seconds, or undefined if the header does not specify it. */
export function sharedMaxAge(control: string): number | undefined {
  if (hasDirective(control, "no-cache")) return 0;
  const age = /(?:^|[\s,])s-maxage="?(\d+)/i.exec(control) ?? /(?:^|[\s,])max-age="?(\d+)/i.exec(control);
  return age ? Number(age[1]) : undefined;
}

/** Whether a cache header has a directive. */
export function hasDirective(control: string, directive: string): boolean {
  return new RegExp(`(?:^|[\\s,])${directive}(?:$|[\\s,=])`, "i").test(control);
}

/** Returns the header of a site with an overlay. It forbids stale content, which may have been replaced or deleted. */
export function overlaidControl(seconds: number): string {
  return `public, max-age=${seconds}, stale-if-error=0`;
}

/** Adds a header name to Vary, so that caches use the response only for requests with the same value of that header. */
export function withVary(response: Response, name: string): Response {
  return withHeaders(response, (headers) => headers.append("Vary", name));
}

/** Changes the headers of a response. If they are immutable, as after fetch(), it changes a copy of the response. */
function withHeaders(response: Response, change: (headers: Headers) => void): Response {
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
