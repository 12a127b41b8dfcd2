/**
 * KV does not show the version that the caller deployed last. Nothing was written, and nothing is damaged: either KV
 * does not show that version here yet, or somebody else has deployed since.
 */
export class StaleError extends Error {
  override name = "StaleError";

  constructor(
    projectId: string,
    /** The version that the caller named. */
    readonly after: string,
    /** The version that KV shows; null for none. */
    readonly active: string | null,
  ) {
    super(
      `project ${projectId}: KV shows ${active ?? "no version"} instead of ${after}; ` +
        'deploy again in a minute, or without "after"',
    );
  }
}
