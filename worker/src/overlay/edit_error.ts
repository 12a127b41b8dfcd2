// The errors of the binding.

/** A refusal. The message has the reason and the remedy, and nothing that the caller must not know. */
export class EditError extends Error {
  override name = "EditError";

  /** The kind of the error is an HTTP status. */
  constructor(
    readonly status: 400 | 403 | 408 | 413 | 422 | 503,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Runs a call of another Worker over RPC. The caller sees refusals. All other errors are only logged.
 */
export async function answerRPC<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    // A new Error, so that neither the cause nor our class is sent.
    if (error instanceof EditError) throw new Error(error.message);
    console.error("kv-sync: an asset binding failed:", error);
    throw new Error("the assets are not available now; try again");
  }
}
