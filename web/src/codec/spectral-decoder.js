/** What is done to a decoder's samples before they are heard: copies above, and pairs of channels. */

import { Extender, edgesOf } from './extender.js';
import { Analysis, HOP, STOP, Synthesis } from './spectrum.js';
import { edgesBelow, HELD, Upmixer } from './upmixer.js';

/** @typedef {import('../container/header.js').Header} Header */

/** Coefficients from which on there is nothing. @param {Header} header */
const stopOf = (header) => (header.bands ? edgesOf(header.fine)[header.bands] : HOP);

/** Edges of the bands of joint stereo. @param {Header} header */
export const stereoEdges = (header) => edgesBelow(header.stereoResolution, stopOf(header));

/** Bands of joint stereo. @param {Header} header */
export const stereoBands = (header) => stereoEdges(header).length - 1;

/** Tokens by which samples come later, and that they reach back further. @param {Header} header */
export const lateness = (header) => header.stereoTokens ? { late: 2, reach: 6 }
  : header.bands ? { late: 1, reach: 2 } : { late: 0, reach: 0 };

export class SpectralDecoder {
  /** @param {Header} header */
  constructor(header) {
    const { channels, bands, fine, stereoTokens, side } = header;
    this.factor = bands ? 2 : 1;
    this.bands = bands;
    this.late = lateness(header).late;
    this.extender = bands ? new Extender(bands, fine) : null;
    this.analyses = Array.from({ length: channels }, () => new Analysis());
    this.syntheses = Array.from({ length: channels }, () => new Synthesis(this.factor));
    this.valued = stereoBands(header);
    this.upmixers = Array.from({ length: stereoTokens ? channels >> 1 : 0 }, () =>
      new Upmixer(stereoEdges(header), side));
    /** @type {Float64Array} of a channel in no pair, the last token */
    this.single = new Float64Array(STOP);
  }

  /**
   * @param {Float32Array[]} samples by channel, whole hops
   * @param {Uint8Array} levels [channels][bands][n]
   * @param {Uint8Array} values of joint stereo, [pairs][2][bands][n]
   * @returns {Float32Array[]}
   */
  push(samples, levels, values) {
    const n = samples[0].length / HOP, hop = this.factor * HOP, { valued } = this;
    const out = samples.map((own) => new Float32Array(this.factor * own.length));
    for (let t = 0; t < n; t++) {
      const all = samples.map((own, ch) => {
        const c = this.analyses[ch].push(own.subarray(t * HOP, (t + 1) * HOP));
        this.extender?.fill(c, levels, ch * this.bands * n + t, n);
        return c;
      });
      this.upmixers.forEach((upmixer, pair) => {
        const own = Uint8Array.from({ length: 2 * valued }, (_, i) => values[(2 * pair * valued + i) * n + t]);
        const at = 2 * pair;
        [all[at], all[at + 1]] = upmixer.push(all[at], all[at + 1], own);
      });
      if (this.upmixers.length && all.length % 2) {
        const last = all.length - 1;
        [all[last], this.single] = [this.single, all[last]];
      }
      all.forEach((c, ch) => this.syntheses[ch].push(c, out[ch].subarray(t * hop, (t + 1) * hop)));
    }
    return out;
  }

  /** The last samples. */
  finish() {
    const { late, bands, valued, upmixers } = this, channels = this.analyses.length;
    const silence = Array.from({ length: channels }, () => new Float32Array(late * HOP));
    const values = new Uint8Array(upmixers.length * 2 * valued * late).fill(HELD);
    return this.push(silence, new Uint8Array(channels * bands * late), values);
  }
}
