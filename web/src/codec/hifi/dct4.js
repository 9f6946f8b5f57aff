/** The transform of `hifi-48k`. */

import { FFT } from '../fft.js';

/** @type {Map<number, { fft: FFT, cos: Float64Array, sin: Float64Array, re: Float64Array, im: Float64Array }>} */
const transforms = new Map();

/** The orthonormal type-IV cosine transform, in place, by a Fourier transform of half the length. @param {Float64Array} x */
export function dct4(x) {
  const n = x.length, half = n / 2;
  let own = transforms.get(n);
  if (!own) {
    const angle = (/** @type {unknown} */ _, /** @type {number} */ j) => (Math.PI * (8 * j + 1)) / (8 * n);
    const angles = Float64Array.from({ length: half }, angle);
    own = {
      fft: new FFT(half), cos: angles.map(Math.cos), sin: angles.map(Math.sin),
      re: new Float64Array(half), im: new Float64Array(half),
    };
    transforms.set(n, own);
  }
  const { fft, cos, sin, re, im } = own, scale = Math.sqrt(2 / n);
  for (let j = 0; j < half; j++) { // conjugates, as the transform is the other way round
    const a = x[2 * j], b = x[n - 1 - 2 * j];
    re[j] = a * cos[j] + b * sin[j];
    im[j] = a * sin[j] - b * cos[j];
  }
  fft.run(re, im);
  for (let j = 0; j < half; j++) {
    x[2 * j] = scale * (fft.re[j] * cos[j] - fft.im[j] * sin[j]);
    x[n - 1 - 2 * j] = scale * (fft.re[j] * sin[j] + fft.im[j] * cos[j]);
  }
}
