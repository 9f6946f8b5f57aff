/** Bandwidth extension: noise above the model's band (docs/format.md, section 9.1). */

import { FFT } from './fft.js';

const HOP = 320;
const EDGES = {
  coarse: [308, 355, 393, 436, 482, 533],
  fine: [308, 331, 355, 374, 393, 414, 436, 459, 482, 507, 533],
};
const FIRST = 308, STOP = 533;
const COPIED = STOP - FIRST; // coefficients that are copied upwards, from just below the first
const GROUP = 15; // of these that are brought to the same power first
const REFERENCE = [187, 306];
const SILENCE = 1e-10; // power of a coefficient: less does not count

export const EXTENDED_HOP = HOP;

/** A decoder's samples to samples at twice the rate, one token later. */
export class Extender {
  /**
   * @param {number} channels
   * @param {number} bands
   * @param {boolean} fine
   */
  constructor(channels, bands, fine) {
    this.bands = bands;
    this.edges = EDGES[fine ? 'fine' : 'coarse'];
    this.last = Array.from({ length: channels }, () => new Float32Array(HOP));
    this.overlap = Array.from({ length: channels }, () => new Float64Array(2 * HOP));
    this.coefficients = new Float64Array(STOP);
  }

  /**
   * @param {Float32Array[]} samples by channel, whole hops
   * @param {Uint8Array} levels [channels][bands][n]
   * @returns {Float32Array[]}
   */
  push(samples, levels) {
    return samples.map((own, ch) => {
      const n = own.length / HOP, out = new Float32Array(2 * own.length);
      for (let t = 0; t < n; t++) {
        const hop = own.subarray(t * HOP, (t + 1) * HOP);
        analyse(this.last[ch], hop, this.coefficients);
        this.#fill(levels, ch * this.bands * n + t, n);
        synthesise(this.coefficients, this.overlap[ch], out.subarray(2 * t * HOP, 2 * (t + 1) * HOP));
        this.last[ch].set(hop);
      }
      return out;
    });
  }

  /** The last token's samples. */
  finish() {
    const channels = this.last.length;
    const silence = Array.from({ length: channels }, () => new Float32Array(HOP));
    return this.push(silence, new Uint8Array(channels * this.bands));
  }

  /** Fill the bands above, from those below. @param {Uint8Array} levels @param {number} at @param {number} stride */
  #fill(levels, at, stride) {
    const c = this.coefficients;
    const power = power_(c, REFERENCE[0], REFERENCE[1]);
    const groups = new Float64Array(COPIED / GROUP);
    const from = FIRST - COPIED;
    for (let g = 0; g < groups.length; g++) {
      groups[g] = power_(c, from + g * GROUP, from + (g + 1) * GROUP) + SILENCE;
    }
    const wanted = new Float64Array(this.bands);
    for (let band = 0; band < this.bands; band++) {
      const level = levels[at + band * stride];
      wanted[band] = level ? power * 10 ** ((3 * level - 48) / 10) : 0;
    }
    const added = new Float64Array(COPIED);
    for (let band = 0; band < this.bands; band++) {
      if (!wanted[band]) continue;
      for (let k = this.edges[band]; k < this.edges[band + 1]; k++) {
        const source = k - FIRST;
        added[source] = c[k - COPIED] * Math.sqrt(wanted[band] / groups[Math.floor(source / GROUP)]);
      }
    }
    for (let i = 0; i < COPIED; i++) c[FIRST + i] += added[i];
  }
}

/** Mean of squares. @param {Float64Array} c @param {number} begin @param {number} end */
function power_(c, begin, end) {
  let sum = 0;
  for (let k = begin; k < end; k++) sum += c[k] * c[k];
  return sum / (end - begin);
}

const forward = new FFT(2 * HOP), backward = new FFT(4 * HOP);
const re = new Float64Array(4 * HOP), im = new Float64Array(4 * HOP);
const phase = (/** @type {number} */ x) => ({ cos: Math.cos(x), sin: Math.sin(x) });
const analysisIn = Array.from({ length: 2 * HOP }, (_, n) => phase((Math.PI / (2 * HOP)) * n));
const analysisOut = Array.from({ length: HOP }, (_, k) =>
  phase((Math.PI / HOP) * (0.5 + HOP / 2) * (k + 0.5)));
const analysisWindow = Float64Array.from({ length: 2 * HOP }, (_, n) =>
  Math.sqrt(2 / HOP) * Math.sin((Math.PI * (n + 0.5)) / (2 * HOP)));
const synthesisIn = Array.from({ length: STOP }, (_, k) =>
  phase((Math.PI / HOP) * (0.5 + HOP / 2) * k));
const synthesisOut = Array.from({ length: 4 * HOP }, (_, m) =>
  phase((Math.PI / (2 * HOP)) * (m / 2 + 0.5 + HOP / 2)));
const synthesisWindow = Float64Array.from({ length: 4 * HOP }, (_, m) =>
  Math.sqrt(2 / HOP) * Math.sin((Math.PI * (m / 2 + 0.5)) / (2 * HOP)));

/**
 * The MDCT: c[k] = sum of w x[n] cos(pi / N (n + 1/2 + N/2) (k + 1/2)).
 *
 * @param {Float32Array} before
 * @param {Float32Array} after
 * @param {Float64Array} out
 */
function analyse(before, after, out) {
  for (let n = 0; n < 2 * HOP; n++) {
    const x = analysisWindow[n] * (n < HOP ? before[n] : after[n - HOP]);
    re[n] = x * analysisIn[n].cos;
    im[n] = x * analysisIn[n].sin;
  }
  forward.run(re, im);
  out.fill(0);
  for (let k = 0; k < HOP; k++) {
    out[k] = forward.re[k] * analysisOut[k].cos - forward.im[k] * analysisOut[k].sin;
  }
}

/**
 * Its inverse at twice the rate: y[m] = w sum of c[k] cos(pi / N (m/2 + 1/2 + N/2) (k + 1/2)).
 *
 * @param {Float64Array} c
 * @param {Float64Array} overlap
 * @param {Float32Array} out
 */
function synthesise(c, overlap, out) {
  re.fill(0);
  im.fill(0);
  for (let k = 0; k < STOP; k++) {
    re[k] = c[k] * synthesisIn[k].cos;
    im[k] = c[k] * synthesisIn[k].sin;
  }
  backward.run(re, im);
  for (let m = 0; m < 4 * HOP; m++) {
    const turn = synthesisOut[m];
    const y = synthesisWindow[m] * (backward.re[m] * turn.cos - backward.im[m] * turn.sin);
    if (m < 2 * HOP) out[m] = y + overlap[m];
    else overlap[m - 2 * HOP] = y;
  }
}
