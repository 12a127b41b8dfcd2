// Values of test vectors in JSON: bytes in base64, or what is repeated how often
// in them, so that a vector of many MiB is small.

/** Texts, each with how often it stands there, one after another. */
export interface Runs {
  runs: [text: string, times: number][];
}

export type Value = string | Runs;

/** The bytes of a value. */
export function expand(value: Value): Uint8Array<ArrayBuffer> {
  // Node 20 does not have Uint8Array.fromBase64.
  if (typeof value === "string") return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  const encoder = new TextEncoder();
  const parts = value.runs.map(([text, times]) => ({ bytes: encoder.encode(text), times }));
  const out = new Uint8Array(parts.reduce((sum, { bytes, times }) => sum + bytes.length * times, 0));
  let at = 0;
  for (const { bytes, times } of parts) {
    const end = at + bytes.length * times;
    out.set(bytes, at);
    // Each copy doubles what is there.
    for (let length = bytes.length; at + length < end; length *= 2)
      out.copyWithin(at + length, at, Math.min(at + length, end - length));
    at = end;
  }
  return out;
}

/** How much of a large value is looked for again in it. */
const period = 16;

/** A value for JSON. A large one has to be a text of 16 bytes again and again. */
export function encodeValue(bytes: Buffer): Value {
  if (bytes.length < 1 << 20) return bytes.toString("base64");
  const text = bytes.toString("latin1", 0, period);
  const value: Runs = { runs: [[text, bytes.length / period]] };
  if (!bytes.equals(expand(value)))
    throw new Error(`a value of ${bytes.length} bytes repeats no ${JSON.stringify(text)}`);
  return value;
}
