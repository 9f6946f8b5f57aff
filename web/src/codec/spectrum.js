/** A decoder's samples as a spectrum, and back: an MDCT, whose inverse may have twice the rate. */

import { FFT } from './fft.js';

/** Samples of a token, at a model's rate. */
export const HOP = 320;

/** Coefficients that there are at twice the rate, up to 20 kHz. */
export const STOP = 533;

const phase = (/** @type {number} */ x) => ({ cos: Math.cos(x), sin: Math.sin(x) });
const window = (/** @type {number} */ s) => Math.sqrt(2 / HOP) * Math.sin((Math.PI * s) / (2 * HOP));

/** What analyses of one rate share. @param {number} factor 1 or 2: of the model's rate */
const tables = (factor) => {
  const size = 2 * HOP * factor;
  return {
    fft: new FFT(size),
    re: new Float64Array(size),
    im: new Float64Array(size),
    window: Float64Array.from({ length: size }, (_, n) => window(n / factor + 0.5) / factor),
    before: Array.from({ length: size }, (_, n) => phase((Math.PI / size) * n)),
    after: Array.from({ length: factor === 1 ? HOP : STOP }, (_, k) =>
      phase((Math.PI / HOP) * (0.5 + HOP / 2) * (k + 0.5))),
  };
};
/** @type {ReturnType<typeof tables>[]} by factor, where they are needed */
const shared = [];

/** Samples of one channel to coefficients, a token at a time. */
export class Analysis {
  /** @param {number} factor 1 or 2: of the model's rate */
  constructor(factor = 1) {
    this.tables = shared[factor] ??= tables(factor);
    this.last = new Float32Array(factor * HOP);
  }

  /**
   * c[k] = sum of w x[n] cos(pi / N (s + N/2) (k + 1/2)), s = n / factor + 1/2, of a token and the
   * one before.
   *
   * @param {Float32Array} hop
   * @returns {Float64Array} `STOP` coefficients, at the model's rate those from `HOP` on zero
   */
  push(hop) {
    const { fft, re, im, window, before, after } = this.tables, { last } = this;
    for (let n = 0; n < re.length; n++) {
      const x = window[n] * (n < hop.length ? last[n] : hop[n - hop.length]);
      re[n] = x * before[n].cos;
      im[n] = x * before[n].sin;
    }
    last.set(hop);
    fft.run(re, im);
    const out = new Float64Array(STOP);
    after.forEach(({ cos, sin }, k) => (out[k] = fft.re[k] * cos - fft.im[k] * sin));
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
