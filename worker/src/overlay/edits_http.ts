// The HTTP interface of an asset binding, below /_kv-sync/assets/.
//
//	GET, HEAD, PUT, DELETE  /_kv-sync/assets/docs/index.html   one asset
//	GET                     /_kv-sync/assets/?prefix=/docs/    a listing
//
// A response to a request without a valid token reveals nothing about the site.

import { describeThrown } from "../format/one_line";
import { isNotModified } from "../serve/conditional";
import type { AssetInfo } from "./asset_info";
import type { Authorship, OnlyIf } from "./edit_checks";
import { EditError } from "./edit_error";
import type { Edits } from "./edits";

/** The path of the listing, and the prefix of the paths of all assets. */
const basePath = "/_kv-sync/assets/";

/** The minimum length of the token. A shorter one could be guessed. */
const minTokenLength = 16;

/** Answers the requests below basePath, and returns null for others. Without a token, all responses are 404. */
export async function answerEdits(request: Request, edits: () => Edits, token: unknown): Promise<Response | null> {
  // Every request of the site is checked here, so the URL is parsed only if necessary.
  const url = request.url.includes(basePath) ? URL.parse(request.url) : null;
  if (!url?.pathname.startsWith(basePath)) return null;
  if (typeof token !== "string" || token.length < minTokenLength) return plain(404, "");
  if (!(await isAuthorized(request.headers.get("Authorization"), token))) {
    return plain(401, "the token is missing or wrong; send the secret KV_SYNC_WRITE_TOKEN as Authorization: Bearer …", {
      "WWW-Authenticate": 'Bearer realm="kv-sync"',
    });
  }
  try {
    const path = decode(url.pathname.slice(basePath.length - 1));
    return path === "/" ? await answerList(request, url, edits()) : await answerAsset(request, path, edits());
  } catch (error) {
    if (error instanceof EditError)
      return plain(error.status, error.message, error.status === 503 ? { "Retry-After": "5" } : {});
    console.error(`kv-sync: cannot answer ${request.method} ${url.pathname}:`, describeThrown(error));
    return plain(500, "internal error; see the Worker's log");
  }
}

/** Checks the token in constant time. */
async function isAuthorized(header: string | null, token: string): Promise<boolean> {
  // A regular expression for the spaces would backtrack: a header of many spaces would take seconds.
  const sentToken = /^Bearer /i.test(header ?? "") ? header!.slice("Bearer ".length).trim() : "";
  const [expected, actual] = await Promise.all(
    [token, sentToken].map((text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
  );
  return crypto.subtle.timingSafeEqual(expected!, actual!);
}

function decode(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw new EditError(400, "the path is not percent-encoded UTF-8; encode it");
  }
}

async function answerList(request: Request, url: URL, edits: Edits): Promise<Response> {
  if (request.method !== "GET") return plain(405, "use GET for a listing", { Allow: "GET" });
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
      return plain(405, "use GET, HEAD, PUT or DELETE for an asset", {
        Allow: "GET, HEAD, PUT, DELETE",
      });
  }
}

async function read(request: Request, path: string, edits: Edits): Promise<Response> {
  const found = await edits.head(path);
  if (!found) return plain(404, "not found");
  const headers = describe(found);
  if (isNotModified(request.headers, headers["ETag"]!, true)) return new Response(null, { status: 304, headers });
  headers["Content-Type"] = found.contentType;
  headers["Content-Length"] = String(found.size);
  // Browsers run the asset with the origin of the site. The sandbox keeps it from the editor's session.
  headers["Content-Security-Policy"] = "sandbox";
  headers["X-Content-Type-Options"] = "nosniff";
  if (request.method === "HEAD") return new Response(null, { headers });
  const asset = await edits.get(path);
  if (!asset) return plain(404, "not found");
  // The asset may have been overwritten since `head`.
  Object.assign(headers, describe(asset), { "Content-Type": asset.contentType, "Content-Length": String(asset.size) });
  return new Response(asset.body, { headers });
}

async function put(request: Request, path: string, edits: Edits): Promise<Response> {
  // A part would be stored as the whole asset. Compressed bytes would be stored as the content.
  if (request.headers.has("Content-Range"))
    throw new EditError(400, "a part of an asset cannot be written; send the whole asset without Content-Range");
  if (!/^(?:identity)?$/i.test(request.headers.get("Content-Encoding") ?? "")) {
    return plain(415, "compressed bodies are not supported; send it without Content-Encoding", {
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
        // curl --data-binary sends this type for any file.
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
  return onlyIf ? failed(written.current) : plain(404, "not found");
}

/** The response if a condition failed. */
function failed(current: AssetInfo | null): Response {
  return plain(412, current ? "the asset has changed" : "not found", current ? { ETag: `"${current.etag}"` } : {});
}

function describe({ etag, modified }: AssetInfo): Record<string, string> {
  return { ETag: `"${etag}"`, "Last-Modified": modified.toUTCString(), "Cache-Control": "no-store" };
}

/** Reads the condition in If-Match and If-None-Match. Tags must be quoted. */
function conditionOf(headers: Headers): OnlyIf | undefined {
  const matches = tags("If-Match", headers.get("If-Match"));
  const none = tags("If-None-Match", headers.get("If-None-Match"));
  // Ignoring the header could overwrite a newer write.
  if (!matches && headers.has("If-Unmodified-Since"))
    throw new EditError(400, "If-Unmodified-Since is too imprecise for a write; send If-Match with the ETag");
  if (!matches && !none) return undefined;
  return { ...(matches && { etagMatches: matches }), ...(none && { etagDoesNotMatch: none }) };
}

function tags(name: string, list: string | null): string[] | undefined {
  if (list === null) return undefined;
  if (list.trim() === "*") return ["*"];
  if (!/^[ \t,]*(?:W\/)?"[^"]*"(?:[ \t]*,[ \t]*(?:W\/)?"[^"]*")*[ \t,]*$/.test(list)) {
    throw new EditError(400, `${name} is not a list of ETags; quote them, as in ${name}: "2c26b46b"`);
  }
  // If-Match needs a strong comparison, in which a weak tag never matches. No asset has the quoted tag "*".
  return [...list.matchAll(/(W\/)?"([^"]*)"/g)]
    .filter(([, weak, tag]) => (name !== "If-Match" || !weak) && tag !== "*")
    .map(([, , tag]) => tag!);
}

/** Reads the headers X-Author and X-Message, which may be percent-encoded. */
function authorship(headers: Headers): Authorship {
  const text = (name: string) => {
    const value = headers.get(name);
    if (value === null) return undefined;
    try {
      return decodeURIComponent(value);
    } catch {
      return value; // not percent-encoded, such as "100% new"
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
