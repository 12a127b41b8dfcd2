// What responses say to caches.

/** The client asks again before it uses its copy; a 304 is cheap. */
const revalidate = "public, max-age=0, must-revalidate";

/** The longest that caches honour. */
const immutable = "public, max-age=31536000, immutable";

/**
 * Whether a file's name holds a hash of its content, so that another content
 * has another name: 8 hexadecimal digits or more between dots, as in
 * /app.3f2a9c1b.js and /main.3f2a9c1b.chunk.css.
 *
 * People name files too, and a file that is wrongly taken for immutable stays
 * wrong in browsers for a year. So a date (report.20240131.pdf) is no hash, nor
 * is a word; and of the names that Vite and esbuild make (app-BxYz1234.js)
 * nothing tells photo-iPhone15.jpg apart. docs/serving.md says what to do there.
 */
export function isContentHashed(pathname: string): boolean {
  const hash = /\.([a-f0-9]{8,})(?:\.\w+){1,2}$/.exec(pathname)?.[1];
  return hash !== undefined && /[a-f]/.test(hash) && /\d/.test(hash);
}

/** The Cache-Control of an asset at its pathname. */
export function cacheControl(contentHashed: boolean): string {
  return contentHashed ? immutable : revalidate;
}

/** What Workers Caching obeys first. Clients and other caches do not see it. */
export const edgeControl = "Cloudflare-CDN-Cache-Control";

/** The headers of which one has to be there, or Workers Caching chooses a time by itself: two hours for a 200. */
const controls = [edgeControl, "CDN-Cache-Control", "Cache-Control", "Expires"];

/**
 * The response, which Workers Caching does not store, whatever it said before.
 * It is for what depends on more than path and query: on the code that asked
 * for it, on the project that the host stands for.
 */
export function unstored(response: Response): Response {
  return changed(response, (headers) => {
    headers.set(edgeControl, "no-store");
    headers.delete("Cache-Tag");
  });
}

/**
 * The response of code, not stored unless it says for how long. One that is stale
 * at once is not stored either: the Worker is asked each time anyway, and where it
 * fails the cache would answer with what it said to somebody else.
 */
export function unstoredUnlessTimed(response: Response): Response {
  const { headers } = response;
  const name = controls.find((name) => headers.has(name));
  return name === undefined || isStaleAtOnce(name, headers.get(name)!) ? unstored(response) : response;
}

/** Whether a control header lets an answer be used only after the Worker was asked again, and says nothing of stale ones. */
function isStaleAtOnce(name: string, control: string): boolean {
  if (name === "Expires") return !(Date.parse(control) > Date.now());
  return ageOf(control) === 0 && !has(control, "stale-while-revalidate") && !has(control, "stale-if-error");
}

/** For how many seconds a shared cache may use an answer without asking again; undefined where that is not said. */
export function ageOf(control: string): number | undefined {
  if (has(control, "no-cache")) return 0;
  const age = /(?:^|[\s,])s-maxage="?(\d+)/i.exec(control) ?? /(?:^|[\s,])max-age="?(\d+)/i.exec(control);
  return age ? Number(age[1]) : undefined;
}

/** Whether a control header has a directive. */
export function has(control: string, directive: string): boolean {
  return new RegExp(`(?:^|[\\s,])${directive}(?:$|[\\s,=])`, "i").test(control);
}

/** Where the Worker fails, the cache would go on with what was written over or deleted since. */
export function overlaidControl(seconds: number): string {
  return `public, max-age=${seconds}, stale-if-error=0`;
}

/** The response, stored for requests alone that have the same value of a header. */
export function varying(response: Response, name: string): Response {
  return changed(response, (headers) => headers.append("Vary", name));
}

/** Changes headers, of a copy where those of the response are immutable, as fetch() gives them. */
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
