// The responses to failures.

import { describeThrown } from "../format/one_line";
import { OverlayUnavailableError } from "./live_overlay";
import { PartUnavailableError } from "./parts";

/** The Retry-After of a 503, in seconds. After this time a new blob is usually visible everywhere. */
const retryAfterSeconds = "5";

/** Logs an error, and returns the response. The log does not have the query, which may contain private data. */
export function failed(request: Request, error: unknown): Response {
  console.error(`kv-sync: cannot answer ${request.method} ${request.url.replace(/\?.*/s, "")}:`, describeThrown(error));
  return failure(error instanceof OverlayUnavailableError || error instanceof PartUnavailableError ? 503 : 500);
}

/** Returns an empty response that no cache stores. */
export function failure(status: 400 | 404 | 500 | 503): Response {
  const headers: Record<string, string> = { "Cache-Control": "no-store" };
  if (status === 503) headers["Retry-After"] = retryAfterSeconds;
  return new Response(null, { status, headers });
}
