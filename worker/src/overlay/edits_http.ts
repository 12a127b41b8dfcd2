// The HTTP interface over a binding of assets, below /_kv-sync/assets/.
//
//	GET, HEAD, PUT, DELETE  /_kv-sync/assets/docs/index.html   one asset
//	GET                     /_kv-sync/assets/?prefix=/docs/    a listing
//
// It says nothing of itself before it knows who asks.

import { isNotModified } from "../serve/conditional";
import { EditError } from "./edit_error";
import type { Edits } from "./edits";
import type { AssetInfo } from "./asset_info";
import type { Authorship, OnlyIf } from "./edit_checks";

const below = "/_kv-sync/assets/";

/** A shorter secret could be guessed. */
const shortestToken = 16;

/** Answers a request below the interface's path, and with null any other. Without a secret there is no interface. */
export async function answerEdits(request: Request, edits: () => Edits, token: unknown): Promise<Response | null> {
  // Every request of the site comes by here.
  const url = request.url.includes(below) ? URL.parse(request.url) : null;
  if (!url?.pathname.startsWith(below)) return null;
  if (typeof token !== "string" || token.length < shortestToken) return plain(404, "");
  if (!(await isAuthorized(request.headers.get("Authorization"), token))) {
    return plain(
      401,
      "the token is missing, or another one; send the secret KV_SYNC_WRITE_TOKEN as Authorization: Bearer …",
      { "WWW-Authenticate": 'Bearer realm="kv-sync"' },
    );
  }
  try {
    const path = decode(url.pathname.slice(below.length - 1));
    return path === "/" ? await answerList(request, url, edits()) : await answerAsset(request, path, edits());
  } catch (error) {
    if (error instanceof EditError)
      return plain(error.status, error.message, error.status === 503 ? { "Retry-After": "5" } : {});
    console.error(`kv-sync: cannot answer ${request.method} ${url.pathname}:`, error);
    return plain(500, "something went wrong; the Worker's log says what");
  }
}

/** Compares in a time that does not depend on the token. */
async function isAuthorized(header: string | null, token: string): Promise<boolean> {
  // Anybody may send anything: an expression that looks for spaces again and again takes seconds over many.
  const given = /^Bearer /i.test(header ?? "") ? header!.slice("Bearer ".length).trim() : "";
  const [ours, theirs] = await Promise.all(
    [token, given].map((text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
  );
  return crypto.subtle.timingSafeEqual(ours!, theirs!);
}

function decode(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw new EditError(400, "the path is not percent-encoded UTF-8; encode it");
  }
}

async function answerList(request: Request, url: URL, edits: Edits): Promise<Response> {
  if (request.method !== "GET") return plain(405, "a listing is asked for with GET", { Allow: "GET" });
  const { searchParams } = url;
  const limit = searchParams.get("limit");
  const page = await edits.list({
    prefix: searchParams.get("prefix") ?? "",
    cursor: searchParams.get("cursor") ?? "",
    ...(limit !== null && { limit: Number(limit) }),
  });
  return Response.json(page, { headers: { "Cache-Control": "no-store" } });
}

async function answerAsset(request: Request, path: string, edits: Edits): Promise<Response> {
  switch (request.method) {
    case "GET":
    case "HEAD":
      return read(request, path, edits);
    case "PUT":
      return put(request, path, edits);
    case "DELETE":
      return remove(request, path, edits);
    default:
      return plain(405, "an asset is read with GET and HEAD, written with PUT, and deleted with DELETE", {
        Allow: "GET, HEAD, PUT, DELETE",
      });
  }
}

async function read(request: Request, path: string, edits: Edits): Promise<Response> {
  const found = await edits.head(path);
  if (!found) return plain(404, "nothing is there");
  const headers = describe(found);
  if (isNotModified(request.headers, headers["ETag"]!, headers["Last-Modified"]))
    return new Response(null, { status: 304, headers });
  headers["Content-Type"] = found.contentType;
  headers["Content-Length"] = String(found.size);
  // What is shown here has the editor's origin.
  headers["Content-Security-Policy"] = "sandbox";
  headers["X-Content-Type-Options"] = "nosniff";
  if (request.method === "HEAD") return new Response(null, { headers });
  const asset = await edits.get(path);
  if (!asset) return plain(404, "nothing is there");
  // Between the two it may have been written anew.
  Object.assign(headers, describe(asset), { "Content-Type": asset.contentType, "Content-Length": String(asset.size) });
  return new Response(asset.body, { headers });
}

async function put(request: Request, path: string, edits: Edits): Promise<Response> {
  // A part would be taken for the whole, and what is compressed for what it holds.
  if (request.headers.has("Content-Range"))
    throw new EditError(400, "a part of an asset cannot be written; send the whole, without Content-Range");
  if (!/^(?:identity)?$/i.test(request.headers.get("Content-Encoding") ?? "")) {
    return plain(415, "the body is compressed, and is stored as it comes; send it without Content-Encoding", {
      "Accept-Encoding": "identity",
    });
  }
  const type = request.headers.get("Content-Type");
  const onlyIf = conditionOf(request.headers);
  const written = await edits.write(
    [
      {
        put: path,
        body: request.body ?? "",
        // curl's --data-binary says this of any file.
        ...(type !== null && type !== "application/x-www-form-urlencoded" && { contentType: type }),
        ...(onlyIf && { onlyIf }),
      },
    ],
    authorship(request.headers),
  );
  if (!written.ok) return failed(written.current);
  return new Response(null, {
    status: written.before?.[0] === null ? 201 : 204,
    headers: describe(written.assets[0]!),
  });
}

async function remove(request: Request, path: string, edits: Edits): Promise<Response> {
  const onlyIf = conditionOf(request.headers);
  const written = await edits.write(
    [{ delete: path, onlyIf: onlyIf ?? { etagMatches: "*" } }],
    authorship(request.headers),
  );
  if (written.ok) return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  return onlyIf ? failed(written.current) : plain(404, "nothing is there");
}

/** A condition that failed. */
function failed(current: AssetInfo | null): Response {
  return plain(
    412,
    current ? "something else is there" : "nothing is there",
    current ? { ETag: `"${current.etag}"` } : {},
  );
}

function describe({ etag, modified }: AssetInfo): Record<string, string> {
  return { ETag: `"${etag}"`, "Last-Modified": modified.toUTCString(), "Cache-Control": "no-store" };
}

/** If-Match and If-None-Match, whose tags have to be quoted. */
function conditionOf(headers: Headers): OnlyIf | undefined {
  const matches = tags("If-Match", headers.get("If-Match"));
  const none = tags("If-None-Match", headers.get("If-None-Match"));
  // Who sends it does not want to overwrite what was written since.
  if (!matches && headers.has("If-Unmodified-Since"))
    throw new EditError(400, "a time is too coarse a condition for a write; send If-Match with the ETag");
  if (!matches && !none) return undefined;
  return { ...(matches && { etagMatches: matches }), ...(none && { etagDoesNotMatch: none }) };
}

function tags(name: string, list: string | null): string[] | undefined {
  if (list === null) return undefined;
  if (list.trim() === "*") return ["*"];
  if (!/^[ \t,]*(?:W\/)?"[^"]*"(?:[ \t]*,[ \t]*(?:W\/)?"[^"]*")*[ \t,]*$/.test(list)) {
    throw new EditError(400, `${name} is no list of ETags; quote them, as in ${name}: "2c26b46b"`);
  }
  // By strong comparison a weak tag is like none; and a quoted "*" is a tag, that nothing has.
  return [...list.matchAll(/(W\/)?"([^"]*)"/g)]
    .filter(([, weak, tag]) => (name !== "If-Match" || !weak) && tag !== "*")
    .map(([, , tag]) => tag!);
}

/** X-Author and X-Message, which may be percent-encoded. */
function authorship(headers: Headers): Authorship {
  const text = (name: string) => {
    const value = headers.get(name);
    if (value === null) return undefined;
    try {
      return decodeURIComponent(value);
    } catch {
      return value; // "100% new"
    }
  };
  const author = text("X-Author");
  const message = text("X-Message");
  return { ...(author !== undefined && { author }), ...(message !== undefined && { message }) };
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text && `${text}\n`, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...headers },
  });
}
