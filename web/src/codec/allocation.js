/** How many codes tokens are to have: codes go where they are needed most, as in the Python library. */

/** Tokens that have the same number. */
export const SPAN = 5;

/** Tokens over which an average is kept: what an encoder is given at once. */
export const WINDOW = 75 * SPAN;

const SILENT = 1 / 40; // of the distortion of quality 10: what is as near as that is silence
const LEVEL = 0.1; // power of a span's level with which it may be further off
const SAID = 0.25; // codes that it takes to say how many a span has
const TINY = 1.1754943508222875e-38;

/**
 * @typedef {object} Plan
 * @property {number} codebooks the most that any token has
 * @property {number} average codes of a token, over a window
 * @property {boolean} variable whether some may be absent
 * @property {number} silent distortion
 */

/** @param {import('../model/store.js').Model} model @param {number} average @returns {Plan} */
export function planOf(model, average) {
  const { codebooks, distortions } = model;
  if (!distortions?.length) return { codebooks: average, average, variable: false, silent: 0 };
  const most = Math.ceil(average + Math.max(2, Math.ceil(average / 4)));
  const silent = SILENT * distortions[distortions.length - 1];
  return { codebooks: Math.min(most, codebooks), average, variable: average < codebooks, silent };
}

/**
 * How many codes each token of a window has.
 *
 * @param {Float32Array} distortion [codebooks + 1 or more][n]: of tokens with so many codes
 * @param {number} n tokens
 * @param {Plan} plan
 * @param {number} [other] codes that are spent on something else
 * @returns {Uint8Array} [n]
 */
export function choose(distortion, n, { codebooks, average, silent }, other = 0) {
  const spans = Math.ceil(n / SPAN);
  const lengths = Array.from({ length: spans }, (_, s) => Math.min(SPAN, n - s * SPAN));
  const needed = needs(distortion, n, codebooks, lengths);
  const order = Array.from(needed.keys()).sort((a, b) => needed[b] - needed[a] || a - b);
  const left = Math.max(average * n - SAID * spans - other, n); // no codes are a hole
  const counts = new Uint8Array(spans);
  let spent = 0;
  for (const i of order) {
    spent += lengths[i % spans];
    if (spent <= left && needed[i] > silent) counts[i % spans]++;
  }
  return Uint8Array.from({ length: n }, (_, t) => counts[Math.floor(t / SPAN)]);
}

/**
 * The distortion that spans must be allowed to do without each code: [codebooks][spans].
 *
 * @param {Float32Array} distortion
 * @param {number} n
 * @param {number} codebooks
 * @param {number[]} lengths
 */
function needs(distortion, n, codebooks, lengths) {
  const spans = lengths.length, out = new Float64Array(codebooks * spans);
  lengths.forEach((length, s) => {
    const mean = (/** @type {number} */ k) => {
      let sum = 0; // as float32 has it
      for (let i = 0; i < length; i++) sum = Math.fround(sum + distortion[k * n + s * SPAN + i]);
      return Math.max(sum / length, TINY);
    };
    const level = mean(0) ** LEVEL;
    let least = Infinity;
    for (let k = 0; k < codebooks; k++) {
      least = Math.min(least, (mean(k) / level) ** (1 / (1 - LEVEL)));
      out[k * spans + s] = least;
    }
  });
  return out;
}
