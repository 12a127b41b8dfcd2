// The JSON form of bytes in test vectors: base64, or for large values repeated texts, so that
// a vector of many MiB is a small file.

/** A sequence of texts. Each text is repeated a number of times. */
export interface Runs {
  runs: [text: string, times: number][];
}

export type Value = string | Runs;

/** Returns the bytes of a value. */
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
    // Each copy doubles the length.
    for (let length = bytes.length; at + length < end; length *= 2)
      out.copyWithin(at + length, at, Math.min(at + length, end - length));
    at = end;
  }
  return out;
}

/** The length of the text that a large value repeats, in bytes. */
const period = 16;

/** Converts bytes to their JSON form. A large value must repeat a text of 16 bytes. */
export function encodeValue(bytes: Buffer): Value {
  if (bytes.length < 1 << 20) return bytes.toString("base64");
  const text = bytes.toString("latin1", 0, period);
  const value: Runs = { runs: [[text, bytes.length / period]] };
  if (!bytes.equals(expand(value)))
    throw new Error(`a value of ${bytes.length} bytes does not repeat ${JSON.stringify(text)}`);
  return value;
}
