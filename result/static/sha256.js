// SHA-256, also where SubtleCrypto is not (pages over `http://`), and fast for many short messages: nothing is
// allocated while hashing. One message at a time: `begin()`, the parts, `finish(out, at)`. An integer is 8 bytes,
// big-endian; a text stands behind its length in bytes. Only ECMAScript 2018, for old phones (tests/old_phones.rs).

export const DIGEST_BYTES = 32;

const BLOCK_BYTES = 64;
// The length of the message stands in the last 8 bytes.
const LENGTH_AT = BLOCK_BYTES - 8;
const ROUNDS = 64;
const constants = new Int32Array(ROUNDS);
const first = new Int32Array(8);
const state = new Int32Array(8);
const words = new Int32Array(ROUNDS);
const block = new Uint8Array(BLOCK_BYTES);
let filled = 0;
let total = 0;

// The first 32 bits of the fraction of a number.
function fraction(value) {
  return ((value - Math.floor(value)) * 4294967296) | 0;
}

// FIPS 180-4: from the cube roots of the first 64 primes, and from the square roots of the first 8.
for (let number = 2, found = 0; found < ROUNDS; number++) {
  let prime = true;
  for (let divisor = 2; divisor * divisor <= number; divisor++) prime = prime && number % divisor !== 0;
  if (!prime) continue;
  if (found < 8) first[found] = fraction(Math.sqrt(number));
  constants[found++] = fraction(Math.cbrt(number));
}

function compress() {
  for (let i = 0; i < 16; i++) {
    const at = 4 * i;
    words[i] = (block[at] << 24) | (block[at + 1] << 16) | (block[at + 2] << 8) | block[at + 3];
  }
  for (let i = 16; i < ROUNDS; i++) {
    const x = words[i - 15];
    const y = words[i - 2];
    const low = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const high = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let i = 0; i < ROUNDS; i++) {
    const high = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + high + ((e & f) ^ (~e & g)) + constants[i] + words[i]) | 0;
    const low = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

// Begins a message.
export function begin() {
  state.set(first);
  filled = 0;
  total = 0;
}

export function byte(value) {
  block[filled++] = value;
  total += 1;
  if (filled === BLOCK_BYTES) {
    compress();
    filled = 0;
  }
}

// The bytes of `source` from `from` on, up to `to`.
export function bytes(source, from, to) {
  total += to - from;
  for (let i = from; i < to; i++) {
    block[filled++] = source[i];
    if (filled === BLOCK_BYTES) {
      compress();
      filled = 0;
    }
  }
}

// An integer from 0 to 2^53 - 1.
export function integer(value) {
  const high = Math.floor(value / 4294967296);
  for (let shift = 24; shift >= 0; shift -= 8) byte((high >>> shift) & 255);
  for (let shift = 24; shift >= 0; shift -= 8) byte((value >>> shift) & 255);
}

// A text as bytes of UTF-8, behind its length.
export function text(encoded) {
  integer(encoded.length);
  bytes(encoded, 0, encoded.length);
}

// Writes the digest of the message into `out` from `at` on.
export function finish(out, at) {
  const bits = total * 8;
  byte(128);
  if (filled > LENGTH_AT) {
    block.fill(0, filled);
    compress();
    filled = 0;
  }
  block.fill(0, filled, LENGTH_AT);
  filled = LENGTH_AT;
  integer(bits);
  for (let i = 0; i < 8; i++) {
    out[at + 4 * i] = state[i] >>> 24;
    out[at + 4 * i + 1] = state[i] >>> 16;
    out[at + 4 * i + 2] = state[i] >>> 8;
    out[at + 4 * i + 3] = state[i];
  }
}

// The digest of these bytes, as bytes of its own.
export function digest(message) {
  const out = new Uint8Array(DIGEST_BYTES);
  begin();
  bytes(message, 0, message.length);
  finish(out, 0);
  return out;
}
