/** Noise filling of `hifi-48k`: noise in place of coefficients that were rounded to zero. */

import { dct4 } from './dct4.js';

const LONG = 512, SPAN = 32;
/** In Hz: where the envelope of a voice is taken from, and from where on noise follows it. */
const VOICE = [1000, 4400], PULSES = 2300;

/** Of the noise of the second channel where sides are balanced, or sound is wider than it was. */
const SECOND = 0.85;

/** Values to coefficients, with noise where they are zero. @param {import('./payload.js').Transform} block @param {number} ch @param {number} place @param {boolean} noisy @param {number} copied @param {Float64Array} out */
export function fill({ layout, values, levels, steps, differences }, ch, place, noisy, copied, out) {
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
    const share = zeros / (to - from), few = noisy ? share ** 8 : 0;
    const most = noisy ? 0.3 * (1 + few) : Math.min(0.3, 0.375 * share ** 2);
    const strength = (differences && ch === 1 ? SECOND : 1) * (zeros === to - from
      ? Math.min(rest, 0.5 * step) * (high || noisy ? 0.9 : 0.63)
      : Math.min(rest, most * step) * (noisy ? 0.16 * (4 + few) : 0.8));
    const slope = noisy ? between(layout, levels[ch], b) : null;
    for (let k = from; k < to; k++) {
      if (own[k]) continue;
      const random = uniform(place + k);
      out[k] = strength * (slope ? slope[k - from] * (random < 0 ? -1 : 1) : Math.sqrt(3) * random);
    }
  }
  if (noisy) {
    if (copied) copy(layout.size / 128, own, levels[ch].length && layout.edges[levels[ch].length], copied / 16, out);
    if (layout.size >= LONG) intoPulses(layout, own, levels[ch].length, out);
    louder(layout, levels[ch], out);
  }
  for (let k = 0; k < out.length; k++) out[k] /= 2 ** 15;
}

/** A share of the noise as copies of 3 to 13 units, flattened. @param {number} unit @param {ArrayLike<number>} own @param {number} end @param {number} share @param {Float64Array} out */
function copy(unit, own, end, share, out) {
  const low = 3 * unit, width = 10 * unit, reach = 2 * unit;
  const flat = Float64Array.from({ length: width }, (_, j) => {
    const from = Math.max(0, j - reach), to = Math.min(width, j + reach + 1);
    let power = 0;
    for (let i = from; i < to; i++) power += out[low + i] ** 2 / (to - from);
    return out[low + j] / Math.sqrt(power + 1e-6);
  });
  for (let k = low + width; k < end; k++) {
    if (own[k]) continue;
    const copied = Math.abs(out[k]) * flat[(k - low) % width];
    out[k] = Math.sqrt(1 - share) * out[k] + Math.sqrt(share) * copied;
  }
}

/** Noise of high bands louder where in time the values are, in pulses of the voice. @param {import('./layout.js').Layout} layout @param {ArrayLike<number>} own @param {number} bands @param {Float64Array} out */
function intoPulses({ size, edges }, own, bands, out) {
  let first = 0;
  while (first < bands && edges[first] * 24000 < PULSES * size) first++;
  if (first === bands) return;
  const voice = new Float64Array(size), noise = new Float64Array(size);
  for (let k = 0; k < out.length; k++) {
    const hertz = ((k + 0.5) * 24000) / size;
    if (own[k] && hertz >= VOICE[0] && hertz < VOICE[1]) voice[k] = out[k];
    if (!own[k] && k >= edges[first]) noise[k] = out[k];
  }
  dct4(voice);
  dct4(noise);
  const gain = envelope(voice);
  for (let n = 0; n < size; n++) noise[n] *= gain[n];
  dct4(noise);
  for (let b = first; b < bands; b++) {
    let before = 0, after = 0;
    for (let k = edges[b]; k < edges[b + 1]; k++) {
      if (own[k]) continue;
      before += out[k] * out[k];
      after += noise[k] * noise[k];
    }
    const back = Math.min(Math.sqrt(before / Math.max(after, 1e-12)), 4);
    for (let k = edges[b]; k < edges[b + 1]; k++) if (!own[k]) out[k] = noise[k] * back;
  }
}

/** The fourth root of the power, over its mean. @param {Float64Array} samples */
function envelope(samples) {
  const points = new Float64Array(samples.length / SPAN);
  for (let n = 0; n < samples.length; n++) points[Math.floor(n / SPAN)] += samples[n] ** 2 / SPAN;
  const mean = points.reduce((sum, x) => sum + x, 0) / points.length + 1e-9;
  for (let i = 0; i < points.length; i++) points[i] = ((points[i] / mean + 0.02) / 1.02) ** 0.25;
  return samples.map((_, n) => { // on lines between the middles of spans
    const at = Math.min(Math.max((n + 0.5) / SPAN - 0.5, 0), points.length - 1);
    const i = Math.floor(at), next = Math.min(i + 1, points.length - 1);
    return points[i] + (at - i) * (points[next] - points[i]);
  });
}

/** High bands as loud as their levels. @param {import('./layout.js').Layout} layout @param {ArrayLike<number>} levels @param {Float64Array} out */
function louder({ size, edges }, levels, out) {
  for (let b = 0; b < levels.length; b++) {
    if (edges[b] * 24000 < 5000 * size || !levels[b]) continue;
    let now = 0;
    for (let k = edges[b]; k < edges[b + 1]; k++) now += out[k] * out[k];
    const wanted = 2 ** ((levels[b] - 8) / 2) * (edges[b + 1] - edges[b]);
    const factor = Math.min(Math.max(Math.sqrt(wanted / Math.max(now, 1e-12)), 1 / 1.4), 1.4);
    for (let k = edges[b]; k < edges[b + 1]; k++) out[k] *= factor;
  }
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
