/** Coefficients of `hifi-48k` to samples at 48 kHz (docs/hifi.md, section 6). */

import { ChecksumError } from '../../errors.js';
import { dct4 } from './dct4.js';
import { FRAME } from './layout.js';
import { fill } from './noise.js';
import { decodePayload } from './payload.js';
import { balance, turnBack } from './stereo.js';

const MARGIN = 1024;

/** Push payloads, get samples, at most 1024 later. */
export class HifiDecoder {
  /**
   * @param {import('./tables.js').Tables} tables
   * @param {number} channels
   * @param {boolean} start whether the first block is the first of the file
   */
  constructor(tables, channels, start) {
    this.tables = tables;
    this.held = Array.from({ length: channels }, () => new Float64Array(start ? 0 : MARGIN));
    this.last = start ? 0 : FRAME; // size of the transform block that the held ones end
  }

  /**
   * @param {Uint8Array | null} payload null where it is lost
   * @param {number} frames
   * @param {number} checksum of its values
   * @returns {Float32Array[]} by channel
   */
  push(payload, frames, checksum) {
    let sizes = new Array(frames).fill(FRAME);
    /** @type {Float64Array[]} */
    let found = this.held.map(() => new Float64Array(frames * FRAME));
    if (payload) {
      const decoded = decodePayload(payload, this.held.length, frames, this.tables);
      if (decoded.checksum !== checksum) {
        throw new ChecksumError('decoded to values with a wrong checksum; '
          + 'the file is damaged or was written with another model');
      }
      sizes = decoded.blocks.map(({ layout }) => layout.size);
      found = inverse(coefficients(decoded, found), sizes);
    }
    const half = Math.min(this.last, sizes[0]) / 2;
    this.last = sizes[sizes.length - 1];
    return this.held.map((held, ch) => {
      const whole = new Float64Array(held.length + found[ch].length);
      whole.set(held);
      whole.set(found[ch], held.length);
      unfold(whole, held.length, half);
      this.held[ch] = whole.slice(whole.length - MARGIN);
      return Float32Array.from(whole.subarray(0, whole.length - MARGIN));
    });
  }

  /** The samples that are left. */
  finish() {
    const left = this.held.map((held) => Float32Array.from(held));
    this.held = this.held.map(() => new Float64Array(0));
    return left;
  }
}

/**
 * @param {ReturnType<typeof decodePayload>} decoded
 * @param {Float64Array[]} out by channel
 */
function coefficients({ blocks, noisy, copied }, out) {
  const channels = out.length;
  let begin = 0;
  for (const block of blocks) {
    const { layout, values, angles } = block, width = values[0].length;
    const parts = out.map((own) => own.subarray(begin, begin + width));
    parts.forEach((part, ch) => {
      fill(block, ch, begin * channels + ch * width, noisy, copied, part);
    });
    if (angles) turnBack(layout, angles, parts[0], parts[1]);
    balance(block, parts);
    begin += layout.size;
  }
  return out;
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
  return all;
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
