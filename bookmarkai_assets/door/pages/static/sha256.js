// A worker that reads a file block by block and hashes it: {read} after each block, {sha256} in the end, or {error}.
// The browser's own SHA-256 takes only what is in memory whole.
"use strict";

// Signed, because engines keep small signed integers in registers. The sums wrap either way.
const K = new Int32Array(64);
const START = new Int32Array(8);
(() => {
  // The first 32 bits of the fractional parts of the square and cube roots of the first primes (FIPS 180-4).
  const fraction = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let isPrime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { isPrime = false; break; }
    if (!isPrime) continue;
    if (found < 8) START[found] = fraction(n ** (1 / 2));
    K[found++] = fraction(n ** (1 / 3));
  }
})();

const W = new Int32Array(64);

const mix = (state, bytes, from) => {
  for (let i = 0; i < 16; i++) {
    const at = from + 4 * i;
    W[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
};

const BLOCK = 4 * 1024 * 1024;  // a multiple of 64, so that only the last block has a rest

const hash = async (file) => {
  const state = START.slice();
  for (let offset = 0; offset < file.size; offset += BLOCK) {
    const bytes = new Uint8Array(await file.slice(offset, offset + BLOCK).arrayBuffer());
    const whole = bytes.length - (bytes.length % 64);
    for (let at = 0; at < whole; at += 64) mix(state, bytes, at);
    if (whole < bytes.length || offset + BLOCK >= file.size) finish(state, bytes.subarray(whole), file.size);
    postMessage({ read: Math.min(offset + BLOCK, file.size) });
  }
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
};

const finish = (state, rest, size) => {
  const padded = new Uint8Array(rest.length < 56 ? 64 : 128);
  padded.set(rest);
  padded[rest.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(size / 2 ** 29));
  view.setUint32(padded.length - 4, (size * 8) % 2 ** 32);
  for (let at = 0; at < padded.length; at += 64) mix(state, padded, at);
};

onmessage = async ({ data }) => {
  try {
    postMessage({ sha256: await hash(data) });
  } catch (error) {
    postMessage({ error: String(error && error.message || error) });
  }
};
