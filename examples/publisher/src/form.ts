// What browsers send: forms and cookies.

/** A request that is refused without being processed. */
export class RefusedError extends Error {
  override name = "RefusedError";

  constructor(
    readonly status: 400 | 403 | 405 | 411 | 413 | 415,
    message: string,
  ) {
    super(message);
  }
}

const largestForm = 1 << 20;

/** The fields of a form from a page of this site. Throws a RefusedError for any other request. */
export async function readForm(request: Request): Promise<(name: string) => string> {
  if (request.headers.get("Origin") !== new URL(request.url).origin)
    throw new RefusedError(403, "The form was not sent from this site. Open the page again and send it from there.");
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers.get("Content-Type") ?? ""))
    throw new RefusedError(415, "This is not a form.");
  const length = request.headers.get("Content-Length");
  if (length === null) throw new RefusedError(411, "The length of the form is missing.");
  if (Number(length) > largestForm)
    throw new RefusedError(413, "The text is too long. Make it shorter than 300,000 characters.");
  const fields = await request.formData();
  return (name) => {
    const value = fields.get(name);
    // Browsers send line ends as CR LF.
    return typeof value === "string" ? value.toWellFormed().replace(/\r\n?/g, "\n") : "";
  };
}

/** A cookie of the request. */
export function readCookie(request: Request, name: string): string | undefined {
  for (const pair of (request.headers.get("Cookie") ?? "").split(/; */)) {
    const [key, value] = pair.split("=", 2);
    if (key === cookieName(request, name)) return value;
  }
  return undefined;
}

/**
 * A Set-Cookie header. Scripts cannot read the cookie, and requests from other sites do
 * not send it. An empty value deletes it.
 */
export function setCookie(request: Request, name: string, value: string, expires: number): string {
  const secure = isSecure(request) ? "; Secure" : "";
  return `${cookieName(request, name)}=${value}; Path=/; Expires=${new Date(value ? expires : 0).toUTCString()}; HttpOnly; SameSite=Strict${secure}`;
}

/**
 * Browsers accept a cookie with the prefix `__Host-` from this host only, and only over https.
 * A local server without https uses no prefix.
 */
function cookieName(request: Request, name: string): string {
  return isSecure(request) ? `__Host-${name}` : name;
}

function isSecure(request: Request): boolean {
  return new URL(request.url).protocol === "https:";
}
