// The errors of the binding.

import { describeThrown } from "../format/one_line";

/** A refused call. The message has the reason and the fix. It contains nothing that is secret to the caller. */
export class EditError extends Error {
  override name = "EditError";

  /** The status is an HTTP status that tells the kind of error. */
  constructor(
    readonly status: 400 | 403 | 408 | 413 | 422 | 503,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Runs a call that another Worker makes over RPC. The caller gets the message of an EditError. Other errors are only
 * logged.
 */
export async function answerRPC<T>(whose: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    // A new Error, so that neither the cause nor our class is sent.
    if (error instanceof EditError) throw new Error(error.message);
    console.error(`kv-sync: the asset binding of ${whose} failed:`, describeThrown(error));
    throw new Error("the assets are not available now; try again");
  }
}
