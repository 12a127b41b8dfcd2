// Synchronous SHA-256 of short texts. A request hashes several pathnames, each of one or
// two blocks. crypto.subtle would create a promise for each hash, and make every caller
// asynchronous. `npm run measure` compares both.

const rounds = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** The maximum length of a text, in UTF-16 units. A unit needs at most three bytes, and the padding at most 72. */
export const maxTextLength = 4096;
const padded = new Uint8Array(maxTextLength * 3 + 72);
const words = new DataView(padded.buffer);
const schedule = new Int32Array(64);
const state = new Uint32Array(8);
const encoder = new TextEncoder();
/** The text whose hash `state` is. */
let hashed: string | undefined;

/**
 * Returns the SHA-256 of a text in UTF-8, as eight big-endian words. The text may have up to maxTextLength units. The
 * result is valid only until the next call: the function reuses its memory, so that a look-up allocates nothing. The
 * same text again, for a look-up in another manifest, costs nothing.
 */
export function sha256(text: string): Uint32Array {
  if (text === hashed) return state;
  if (text.length > maxTextLength) throw new RangeError(`sha256: ${text.length} UTF-16 units exceed the limit`);
  hashed = text;
  const length = encode(text);
  const end = (length + 9 + 63) & ~63;
  for (let i = length; i < end; i++) padded[i] = 0;
  padded[length] = 0x80;
  words.setUint32(end - 4, length << 3);

  state[0] = 0x6a09e667;
  state[1] = 0xbb67ae85;
  state[2] = 0x3c6ef372;
  state[3] = 0xa54ff53a;
  state[4] = 0x510e527f;
  state[5] = 0x9b05688c;
  state[6] = 0x1f83d9ab;
  state[7] = 0x5be0cd19;
  for (let block = 0; block < end; block += 64) compress(block);
  return state;
}

/** Encodes a text into the block buffer and returns its length. For a pathname this is faster than a TextEncoder. */
function encode(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return encoder.encodeInto(text, padded).written;
    padded[i] = unit;
  }
  return text.length;
}

function compress(block: number): void {
  const w = schedule;
  for (let i = 0; i < 16; i++) w[i] = words.getInt32(block + i * 4);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  let a = state[0]! | 0;
  let b = state[1]! | 0;
  let c = state[2]! | 0;
  let d = state[3]! | 0;
  let e = state[4]! | 0;
  let f = state[5]! | 0;
  let g = state[6]! | 0;
  let h = state[7]! | 0;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + rounds[i]! + w[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
  state[5] = state[5]! + f;
  state[6] = state[6]! + g;
  state[7] = state[7]! + h;
}
