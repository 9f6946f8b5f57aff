/** A decoder's samples as a spectrum, and back: an MDCT, whose inverse may have twice the rate. */

import { FFT } from './fft.js';

/** Samples of a token, at a model's rate. */
export const HOP = 320;

/** Coefficients that there are at twice the rate, up to 20 kHz. */
export const STOP = 533;

const phase = (/** @type {number} */ x) => ({ cos: Math.cos(x), sin: Math.sin(x) });
const window = (/** @type {number} */ s) => Math.sqrt(2 / HOP) * Math.sin((Math.PI * s) / (2 * HOP));

const analysis = {
  fft: new FFT(2 * HOP),
  re: new Float64Array(2 * HOP),
  im: new Float64Array(2 * HOP),
  window: Float64Array.from({ length: 2 * HOP }, (_, n) => window(n + 0.5)),
  before: Array.from({ length: 2 * HOP }, (_, n) => phase((Math.PI / (2 * HOP)) * n)),
  after: Array.from({ length: HOP }, (_, k) => phase((Math.PI / HOP) * (0.5 + HOP / 2) * (k + 0.5))),
};

/** Samples of one channel to coefficients, a token at a time. */
export class Analysis {
  constructor() {
    this.last = new Float32Array(HOP);
  }

  /**
   * c[k] = sum of w x[n] cos(pi / N (n + 1/2 + N/2) (k + 1/2)), of a token and the one before.
   *
   * @param {Float32Array} hop
   * @returns {Float64Array} `STOP` coefficients, those from `HOP` on zero
   */
  push(hop) {
    const { fft, re, im, window, before, after } = analysis;
    for (let n = 0; n < 2 * HOP; n++) {
      const x = window[n] * (n < HOP ? this.last[n] : hop[n - HOP]);
      re[n] = x * before[n].cos;
      im[n] = x * before[n].sin;
    }
    this.last.set(hop);
    fft.run(re, im);
    const out = new Float64Array(STOP);
    for (let k = 0; k < HOP; k++) out[k] = fft.re[k] * after[k].cos - fft.im[k] * after[k].sin;
    return out;
  }
}

/** Coefficients of one channel to samples, a token late. */
export class Synthesis {
  /** @param {number} factor 1 or 2: of the rate */
  constructor(factor) {
    const size = 2 * HOP * factor;
    this.size = size;
    this.fft = new FFT(size);
    this.re = new Float64Array(size);
    this.im = new Float64Array(size);
    this.before = Array.from({ length: STOP }, (_, k) => phase((Math.PI / HOP) * (0.5 + HOP / 2) * k));
    this.after = Array.from({ length: size }, (_, m) =>
      phase((Math.PI / (2 * HOP)) * (m / factor + 0.5 + HOP / 2)));
    this.window = Float64Array.from({ length: size }, (_, m) => window(m / factor + 0.5));
    this.overlap = new Float64Array(size / 2);
  }

  /**
   * y[m] = w sum of c[k] cos(pi / N (s + N/2) (k + 1/2)), s = m / factor + 1/2.
   *
   * @param {Float64Array} coefficients
   * @param {Float32Array} out
   */
  push(coefficients, out) {
    const { size, fft, re, im, before, after, window, overlap } = this, half = size / 2;
    re.fill(0);
    im.fill(0);
    for (let k = 0; k < Math.min(STOP, half); k++) {
      re[k] = coefficients[k] * before[k].cos;
      im[k] = coefficients[k] * before[k].sin;
    }
    fft.run(re, im);
    for (let m = 0; m < size; m++) {
      const y = window[m] * (fft.re[m] * after[m].cos - fft.im[m] * after[m].sin);
      if (m < half) out[m] = y + overlap[m];
      else overlap[m - half] = y;
    }
  }
}
