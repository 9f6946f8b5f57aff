/** Coefficients of `hifi-48k` to samples at 48 kHz (docs/hifi.md, section 6). */

import { ChecksumError } from '../../errors.js';
import { FFT } from '../fft.js';
import { FRAME } from './layout.js';
import { decodePayload } from './payload.js';
import { turnBack } from './stereo.js';

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
function coefficients({ blocks, noisy }, out) {
  const channels = out.length;
  let begin = 0;
  for (const block of blocks) {
    const { layout, values, angles } = block, width = values[0].length;
    const parts = out.map((own) => own.subarray(begin, begin + width));
    parts.forEach((part, ch) => fill(block, ch, begin * channels + ch * width, noisy, part));
    if (angles) turnBack(layout, angles, parts[0], parts[1]);
    begin += layout.size;
  }
  return out;
}

/** Values to coefficients, with noise where they are zero. @param {import('./payload.js').Transform} block @param {number} ch @param {number} place @param {boolean} noisy @param {Float64Array} out */
function fill({ layout, values, levels, steps }, ch, place, noisy, out) {
  const own = values[ch];
  for (let b = 0; b < levels[ch].length; b++) {
    const from = layout.edges[b], to = layout.edges[b + 1], level = levels[ch][b];
    const step = 2 ** (steps[ch][b] / 64);
    let zeros = 0, coded = 0;
    for (let k = from; k < to; k++) {
      const magnitude = Math.abs(own[k]);
      if (!magnitude) {
        zeros++;
        continue;
      }
      out[k] = Math.sign(own[k]) * (magnitude === 1 ? 0.97 : magnitude - 0.015) * step;
      coded += out[k] * out[k];
    }
    const energy = level > 0 ? 2 ** ((level - 8) / 2) * (to - from) : 0;
    const rest = Math.sqrt(Math.max(energy - coded, 0) / Math.max(zeros, 1));
    const high = from * 24000 >= 5000 * layout.size;
    const few = noisy ? (zeros / (to - from)) ** 8 : 0;
    const noise = Math.sqrt(3) * (zeros === to - from
      ? Math.min(rest, 0.5 * step) * (high ? 0.9 : 0.63)
      : Math.min(rest, (0.3 + 0.3 * few) * step) * (0.8 + 0.2 * few));
    const slope = noisy ? between(layout, levels[ch], b) : null;
    for (let k = from; k < to; k++) {
      if (!own[k]) out[k] = noise * (slope ? slope[k - from] : 1) * uniform(place + k);
    }
  }
  for (let k = 0; k < out.length; k++) out[k] /= 2 ** 15;
}

/** By how much noise is stronger than on average over its band, at most twice. @param {import('./layout.js').Layout} layout @param {ArrayLike<number>} levels @param {number} b */
function between({ edges, far, share }, levels, b) {
  const slope = Float64Array.from({ length: edges[b + 1] - edges[b] }, (_, j) => {
    const k = edges[b] + j, other = Math.min(far[k], levels.length - 1);
    return 2 ** (((levels[other] - levels[b]) * (16 - share[k])) / 64);
  });
  const mean = Math.sqrt(slope.reduce((sum, x) => sum + x * x, 0) / slope.length);
  return slope.map((x) => Math.min(x / mean, 2));
}

/** A pseudo-random number in [-1, 1), a hash of a place. @param {number} place */
function uniform(place) {
  let x = Math.imul(place, 0x9e3779b1);
  for (let i = 0; i < 2; i++) x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x ^= x >>> 16;
  return (x >>> 0) / 2 ** 31 - 1;
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

/** @type {Map<number, { fft: FFT, cos: Float64Array, sin: Float64Array, re: Float64Array, im: Float64Array }>} */
const transforms = new Map();

/** The orthonormal type-IV cosine transform, in place, by a Fourier transform of half the length. @param {Float64Array} x */
function dct4(x) {
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
