// Answers that report a failure.

import { OverlayUnavailableError } from "./live_overlay";

/** Until a blob that was just written is visible everywhere, or KV is well again. */
const retryAfterSeconds = "5";

/** Logs what went wrong, without the query, which may hold what is nobody's business. */
export function failed(request: Request, error: unknown): Response {
  console.error(`kv-sync: cannot answer ${request.method} ${request.url.replace(/\?.*/s, "")}:`, error);
  return failure(error instanceof OverlayUnavailableError ? 503 : 500);
}

/** An answer that says nothing and that no cache keeps. */
export function failure(status: 400 | 404 | 500 | 503): Response {
  const headers: Record<string, string> = { "Cache-Control": "no-store" };
  if (status === 503) headers["Retry-After"] = retryAfterSeconds;
  return new Response(null, { status, headers });
}
