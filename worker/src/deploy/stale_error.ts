/**
 * Thrown if KV does not show the version that the caller deployed last. Either that version is not visible at this
 * location yet, or somebody else has deployed since. Nothing was written, and nothing is damaged.
 */
export class StaleError extends Error {
  override name = "StaleError";

  constructor(
    projectId: string,
    /** The version that the caller expected. */
    readonly after: string,
    /** The version that KV shows, or null if it shows none. */
    readonly active: string | null,
  ) {
    super(
      `project ${projectId}: KV shows ${active ?? "no version"} instead of ${after}; ` +
        'deploy again in a minute, or without "after"',
    );
  }
}
