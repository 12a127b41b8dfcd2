// Checks of options, which a caller without TypeScript may pass as anything.

/** Whether this is a plain object, unlike a Uint8Array or a Blob. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Throws a TypeError for an option that does not exist: a spelling mistake must not count as left out. */
export function checkKnown(caller: string, given: object, known: string[]): void {
  for (const name of Object.keys(given))
    if (!known.includes(name))
      throw new TypeError(`${caller}: unknown option ${JSON.stringify(name)}; the options are ${known.join(", ")}`);
}
