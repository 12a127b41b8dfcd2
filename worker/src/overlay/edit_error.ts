// What a write, or what was asked of a binding, can be refused for.

/** Says what was wrong and what to do about it. It holds nothing that its reader may not know. */
export class EditError extends Error {
  override name = "EditError";

  /** The status says the kind, as HTTP has it. */
  constructor(
    readonly status: 400 | 403 | 408 | 413 | 422 | 503,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Runs what another Worker asked for over RPC. It gets to see what it was
 * refused for; what went wrong otherwise is in the log alone.
 */
export async function answerRPC<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    // A new one: neither a cause nor a class of ours goes over.
    if (error instanceof EditError) throw new Error(error.message);
    console.error("kv-sync: a call of a binding of assets failed:", error);
    throw new Error("the assets are not to be had now; try again");
  }
}
