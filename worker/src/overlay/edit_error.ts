import { describeThrown } from "../format/one_line";

/** Thrown if a call is refused. The message says why and how to fix it, without internal details. */
export class EditError extends Error {
  override name = "EditError";

  /** The status is the HTTP status for this kind of error. */
  constructor(
    readonly status: 400 | 403 | 408 | 413 | 422 | 503,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Runs a call of another Worker over RPC. The caller gets the message of an EditError. Other errors are logged, and the
 * caller gets a general message.
 */
export async function answerRPC<T>(owner: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    // Only the message is sent: an EditError would also send its class and its cause.
    if (error instanceof EditError) throw new Error(error.message);
    console.error(`kv-sync: the asset binding of ${owner} failed:`, describeThrown(error));
    throw new Error("the assets are not available now; try again");
  }
}
