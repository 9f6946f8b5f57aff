/** Coefficients of `hifi-48k` to samples at 48 kHz (docs/hifi.md, section 6). */

import { ChecksumError } from '../../errors.js';
import { dct4 } from './dct4.js';
import { FRAME } from './layout.js';
import { fill } from './noise.js';
import { decodePayload } from './payload.js';
import { balance, turnBack } from './stereo.js';

const MARGIN = 1024;

/** Samples over which enhanced speech that begins or ends among other sounds gets its change. */
export const FADE = 480;

/**
 * Samples by channel. Of speech with few bits also what of it was coded, without the noise.
 *
 * @typedef {{ sound: Float64Array[], coded: Float64Array[] | null }} Decoded
 */

/** Push payloads, get samples, at most 1024 later. */
export class HifiDecoder {
  /**
   * @param {import('./tables.js').Tables} tables
   * @param {number} channels
   * @param {boolean} start whether the first block is the first of the file
   */
  constructor(tables, channels, start) {
    this.tables = tables;
    this.channels = channels;
    /** All channels, then all without noise. */
    this.held = Array.from({ length: 2 * channels }, () => new Float64Array(start ? 0 : MARGIN));
    this.last = start ? 0 : FRAME; // size of the transform block that the held ones end
    this.speech = false; // whether the last block was speech with few bits
  }

  /**
   * @param {Uint8Array | null} payload null where it is lost
   * @param {number} frames
   * @param {number} checksum of its values
   * @returns {Decoded}
   */
  push(payload, frames, checksum) {
    let sizes = new Array(frames).fill(FRAME);
    const found = this.held.map(() => new Float64Array(frames * FRAME));
    const before = this.speech;
    this.speech = false;
    if (payload) {
      const decoded = decodePayload(payload, this.channels, frames, this.tables);
      if (decoded.checksum !== checksum) {
        throw new ChecksumError('decoded to values with a wrong checksum; '
          + 'the file is damaged or was written with another model');
      }
      sizes = decoded.blocks.map(({ layout }) => layout.size);
      this.speech = decoded.enhanced;
      const sound = found.slice(0, this.channels), coded = this.speech ? found.slice(this.channels) : null;
      coefficients(decoded, sound, coded);
      inverse(coded ? found : sound, sizes);
    }
    if (this.speech && !before) { // what comes before was not coded as noise
      for (let ch = 0; ch < this.channels; ch++) this.held[this.channels + ch] = this.held[ch].slice();
    }
    const half = Math.min(this.last, sizes[0]) / 2;
    this.last = sizes[sizes.length - 1];
    return this.#give(this.held.map((held, i) => {
      const whole = new Float64Array(held.length + found[i].length);
      whole.set(held);
      whole.set(found[i], held.length);
      unfold(whole, held.length, half);
      this.held[i] = whole.slice(whole.length - MARGIN);
      return whole.subarray(0, whole.length - MARGIN);
    }));
  }

  /** The samples that are left. */
  finish() {
    return this.#give(this.held.splice(0));
  }

  /** @param {Float64Array[]} both @returns {Decoded} */
  #give(both) {
    const { channels, speech } = this;
    return { sound: both.slice(0, channels), coded: speech ? both.slice(channels) : null };
  }
}

/**
 * @param {ReturnType<typeof decodePayload>} decoded
 * @param {Float64Array[]} sound by channel
 * @param {Float64Array[] | null} coded the same without noise, if it is wanted
 */
function coefficients({ blocks, noisy, copied }, sound, coded) {
  const channels = sound.length;
  let begin = 0;
  for (const block of blocks) {
    const { layout, values, angles } = block, width = values[0].length, from = begin;
    const part = (/** @type {Float64Array} */ own) => own.subarray(from, from + width);
    const parts = sound.map(part), known = coded?.map(part);
    parts.forEach((own, ch) => {
      fill(block, ch, from * channels + ch * width, noisy, copied, own);
      known?.[ch].set(own.map((x, k) => (values[ch][k] ? x : 0)));
    });
    if (angles) for (const [left, right] of known ? [parts, known] : [parts]) turnBack(layout, angles, left, right);
    balance(block, parts, known);
    begin += layout.size;
  }
}

/** Samples, but for those at the outer borders, which are still folded. @param {Float64Array[]} all @param {number[]} sizes */
function inverse(all, sizes) {
  for (const own of all) {
    let at = 0;
    for (const size of sizes) {
      dct4(own.subarray(at, at + size));
      at += size;
    }
    at = 0;
    for (let i = 1; i < sizes.length; i++) {
      at += sizes[i - 1];
      unfold(own, at, Math.min(sizes[i - 1], sizes[i]) / 2);
    }
  }
}

/** @type {Map<number, Float64Array>} */
const windows = new Map();

/** Unfold so many samples on both sides of a border. @param {Float64Array} samples @param {number} border @param {number} half */
function unfold(samples, border, half) {
  if (!half) return;
  let window = windows.get(half);
  if (!window) {
    window = Float64Array.from({ length: 2 * half }, (_, n) =>
      Math.sin((Math.PI / 2) * Math.sin(((Math.PI / 2) * (n + 0.5)) / (2 * half)) ** 2));
    windows.set(half, window);
  }
  for (let n = 0; n < half; n++) {
    const rise = window[half + n], fall = window[half - 1 - n];
    const a = samples[border - 1 - n], b = samples[border + n];
    samples[border - 1 - n] = rise * a + fall * b;
    samples[border + n] = rise * b - fall * a;
  }
}
