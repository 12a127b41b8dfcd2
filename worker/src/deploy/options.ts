// Checks option objects. A caller without TypeScript may pass any value.

/** Whether a value is a plain object. A Uint8Array or a Blob is not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Throws a TypeError for an unknown option, so that a misspelled option is not silently ignored. */
export function checkKnown(caller: string, given: object, known: string[]): void {
  for (const name of Object.keys(given))
    if (!known.includes(name))
      throw new TypeError(`${caller}: unknown option ${JSON.stringify(name)}; the options are ${known.join(", ")}`);
}
