/** Levels of the bands above the model's (docs/format.md, section 6.2), of the recording itself. */

import { edgesOf, REFERENCE } from './extender.js';
import { FFT } from './fft.js';

const SPACING = 37.5; // of coefficients, in Hz
const HIGHEST = 21, STEP = 3, LOWEST = -48; // of levels; in decibels
const SILENCE = 1e-10; // power of a coefficient: less does not count
const FINE_CODES = 12; // from so many codes a token on, levels are fine

/** Codes that fine levels take. */
export const FINE_COST = 1;

/**
 * Which bands a recording has: all that its rate has room for.
 *
 * @param {import('../model/store.js').Model} model
 * @param {number} rate in Hz
 * @param {number} codes of a token, on average
 */
export function bandsOf(model, rate, codes) {
  const edges = edgesOf(false).slice(1);
  const bands = edges.filter((edge) => edge * SPACING <= (rate / 2) * 1.03).length;
  const fine = codes >= FINE_CODES && bands === edges.length && !!model.distortions?.length;
  return { bands: fine ? edgesOf(true).length - 1 : bands, fine };
}

/** The level of a band. @param {number} power @param {number} reference that of the reference band */
export function levelOf(power, reference) {
  if (power <= SILENCE) return 0;
  const db = 10 * Math.log10(power / Math.max(reference, SILENCE));
  return Math.min(HIGHEST, Math.max(0, Math.round((db - LOWEST) / STEP)));
}

/**
 * The levels of spans of tokens: [bands][spans].
 *
 * @param {import('../model/store.js').Model} model
 * @param {Float32Array} samples of a channel, at the recording's rate
 * @param {number} rate
 * @param {import('../container/header.js').Header} header
 * @param {number} span tokens
 * @param {number} tokens of the recording
 */
export function measure(model, samples, rate, { bands, fine }, span, tokens) {
  const frames = (rate * model.hop) / model.samplerate; // of a token
  const late = Math.floor(model.delay / model.hop) + 1; // tokens until it is heard
  const length = Math.round(2 * frames), spans = Math.ceil(tokens / span);
  const window = Float32Array.from({ length }, (_, i) =>
    0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (length + 1)));
  const bin = (/** @type {number} */ edge) => Math.ceil((edge * SPACING * length) / rate - 1e-9);
  const edges = edgesOf(fine).slice(0, bands + 1);
  const ranges = [REFERENCE, ...edges.slice(1).map((edge, b) => [edges[b], edge])]
    .map((ends) => ends.map(bin));
  const fft = new FFT(length), re = new Float64Array(length), im = new Float64Array(length);
  const out = new Uint8Array(bands * spans), scale = 2 / (length * (3 / 8));
  for (let s = 0; s < spans; s++) {
    const sums = new Float64Array(ranges.length);
    let count = 0;
    for (let j = 0; j < span; j += 2, count++) { // windows are two tokens long
      const begin = Math.round((s * span + j - late) * frames);
      for (let i = 0; i < length; i++) re[i] = (samples[begin + i] ?? 0) * window[i];
      fft.run(re, im);
      ranges.forEach(([low, high], r) => {
        let power = 0;
        for (let k = low; k < high; k++) power += fft.re[k] ** 2 + fft.im[k] ** 2;
        sums[r] += Math.sqrt((power * scale) / (high - low) + 1e-3 * SILENCE);
      });
    }
    const [reference, ...powers] = Array.from(sums, (sum) => (sum / count) ** 2);
    powers.forEach((power, b) => {
      out[b * spans + s] = levelOf(power, reference);
    });
  }
  return out;
}
