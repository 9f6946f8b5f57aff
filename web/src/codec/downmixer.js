/** Joint stereo: pairs of channels to main and side channels, and the values that turn them back. */

import { WINDOW } from './allocation.js';
import { edgesOf, REFERENCE } from './extender.js';
import { levelOf } from './meter.js';
import { Analysis, HOP, Synthesis } from './spectrum.js';
import { choose, costOf } from './stereo-choice.js';
import { TURNS } from './upmixer.js';

const DEARER = 1.3, DEAREST = 20; // prices: from one to the next, and after which none follows

/**
 * What a pair becomes, or a channel that is in none.
 *
 * @typedef {object} Mixed
 * @property {Float32Array[]} channelData main and side, or that channel: at the model's rate, whole tokens
 * @property {Uint8Array} levels of the bands above of the first of these, [bands][spans]
 * @property {Uint8Array[]} values differences and coherences, [bands][spans]; none without a pair
 * @property {number[]} costs about how many bits these take, by window of bit allocation
 */

/**
 * @param {Float32Array[]} samples of both channels, or of one that is in no pair; of twice the
 *   model's rate where there are bands above
 * @param {import('../container/header.js').Header} header
 * @param {number[]} edges of the bands of joint stereo
 * @param {number} price of a change of values
 * @param {number} most bits of a token that values may take: the price rises until it is so
 * @param {number} delay tokens until a decoder has what is encoded
 * @param {number} tokens of the recording
 * @returns {Mixed}
 */
export function downmix(samples, header, edges, price, most, delay, tokens) {
  const { bands, fine, stereoTokens: span, side } = header;
  const factor = bands ? 2 : 1, hop = factor * HOP, paired = samples.length === 2;
  const above = bands ? edgesOf(fine).slice(0, bands + 1) : [], levelSpan = fine ? 3 : 25;
  const top = edges[edges.length - 1];
  const analyses = samples.map(() => new Analysis(factor));
  const syntheses = samples.map(() => new Synthesis(1));
  const out = samples.map(() => new Float32Array((tokens + 1) * HOP));
  /** @type {Mixed} */
  const mixed = {
    channelData: out.map((own) => own.subarray(HOP)), // a synthesis is a token late
    levels: new Uint8Array(0), values: [], costs: [],
  };
  /** @type {Uint8Array[]} of windows */
  const levels = [];
  /** @type {Uint8Array[][]} */
  const values = [];
  let last = /** @type {Uint8Array[]} */ ([]);

  /**
   * Turn some tokens.
   *
   * @param {number} from
   * @param {number} to
   * @param {number} window where their window of bit allocation begins
   * @param {number} count tokens that it has
   * @param {boolean} fresh not those after the last window, which are turned as its last
   */
  const turn = (from, to, window, count, fresh) => {
    const heard = Array.from({ length: to - from }, (_, i) => samples.map((own, ch) =>
      analyses[ch].push(hopOf(own, (from + i) * hop, hop)).subarray(0, top)));
    const at = (/** @type {number} */ i) => Math.min(from + i + delay - window, count - 1);
    const inside = heard.filter((_, i) => from + i + delay - window < count);
    if (paired && fresh) {
      const powers = powersOf(inside, at, edges, span, count);
      let cost = Infinity;
      for (let own = price; cost > most * count && own <= DEARER * DEAREST; own *= DEARER) {
        last = choose(powers, edges, own, side);
        cost = costOf(last, Math.ceil(count / span));
      }
      values.push(last);
      mixed.costs.push(cost);
    }
    if (paired) {
      const spans = last[0].length / (edges.length - 1);
      heard.forEach((c, i) => {
        const s = fresh ? Math.min(Math.floor(at(i) / span), spans - 1) : spans - 1;
        rotate(c, last, spans, s, edges, side);
      });
    }
    if (bands && fresh) levels.push(measure(inside.map(([main]) => main), at, above, levelSpan, count));
    heard.forEach((c, i) => c.forEach((own, ch) => {
      if (bands) own.fill(0, above[0]);
      syntheses[ch].push(own, out[ch].subarray((from + i) * HOP, (from + i + 1) * HOP));
    }));
  };

  let at = 0, window = 0;
  while (tokens + 1 - at >= window + WINDOW - at - delay) {
    const to = window + WINDOW - delay;
    turn(at, to, window, WINDOW, true);
    [at, window] = [to, window + WINDOW];
  }
  const left = tokens - window;
  if (at < tokens + 1) turn(at, tokens + 1, window, Math.max(1, left), left > 0);
  mixed.levels = joinRows(levels, bands);
  mixed.values = paired ? [0, 1].map((kind) => joinRows(values.map((own) => own[kind]), edges.length - 1)) : [];
  return mixed;
}

/** @param {Float32Array} samples @param {number} from @param {number} hop */
function hopOf(samples, from, hop) {
  const out = new Float32Array(hop);
  out.set(samples.subarray(from, from + hop));
  return out;
}

/**
 * Powers of left and right and their product: each [bands][spans], means over tokens.
 *
 * @param {Float64Array[][]} heard of tokens
 * @param {(i: number) => number} at where in the window they are
 * @param {number[]} edges
 * @param {number} span
 * @param {number} count tokens of the window
 */
function powersOf(heard, at, edges, span, count) {
  const bands = edges.length - 1, spans = Math.ceil(count / span);
  const sums = Array.from({ length: 3 }, () => new Float64Array(bands * spans));
  const seen = new Float64Array(spans);
  heard.forEach(([left, right], i) => {
    const s = Math.floor(at(i) / span);
    seen[s]++;
    for (let b = 0; b < bands; b++) {
      for (let k = edges[b]; k < edges[b + 1]; k++) {
        sums[0][b * spans + s] += left[k] * left[k];
        sums[1][b * spans + s] += right[k] * right[k];
        sums[2][b * spans + s] += left[k] * right[k];
      }
    }
  });
  return sums.map((own) => own.map((sum, i) => sum / Math.max(1, seen[i % spans])));
}

/**
 * Left and right to main and side, in place.
 *
 * @param {Float64Array[]} pair coefficients of a token
 * @param {Uint8Array[]} values [bands][spans]
 * @param {number} spans
 * @param {number} s the span of the token
 * @param {number[]} edges
 * @param {number} side
 */
function rotate([left, right], values, spans, s, edges, side) {
  for (let b = 0; b < edges.length - 1; b++) {
    const [angle] = TURNS[values[0][b * spans + s]][values[1][b * spans + s]];
    const cos = Math.SQRT1_2 * Math.cos(angle), sin = Math.SQRT1_2 * Math.sin(angle);
    for (let k = edges[b]; k < edges[b + 1]; k++) {
      [left[k], right[k]] = [cos * left[k] + sin * right[k], k < side ? cos * right[k] - sin * left[k] : 0];
    }
  }
}

/**
 * Levels of bands above: [bands][spans].
 *
 * @param {Float64Array[]} heard of tokens
 * @param {(i: number) => number} at where in the window they are
 * @param {number[]} above edges
 * @param {number} span
 * @param {number} count tokens of the window
 */
function measure(heard, at, above, span, count) {
  const ranges = [REFERENCE, ...above.slice(1).map((edge, b) => [above[b], edge])];
  const spans = Math.ceil(count / span), sums = ranges.map(() => new Float64Array(spans));
  const seen = new Float64Array(spans);
  heard.forEach((c, i) => {
    const s = Math.floor(at(i) / span);
    seen[s]++;
    ranges.forEach(([low, high], r) => {
      let power = 0;
      for (let k = low; k < high; k++) power += c[k] * c[k];
      sums[r][s] += Math.sqrt(power / (high - low));
    });
  });
  const [reference, ...powers] = sums.map((own) => own.map((sum, s) => (sum / Math.max(1, seen[s])) ** 2));
  return Uint8Array.from(powers.flatMap((own) => Array.from(own, (power, s) => levelOf(power, reference[s]))));
}

/** Windows side by side. @param {Uint8Array[]} parts each [rows][any] @param {number} rows */
function joinRows(parts, rows) {
  const total = parts.reduce((sum, own) => sum + own.length, 0), out = new Uint8Array(total);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (const own of parts) {
      const n = own.length / rows;
      out.set(own.subarray(row * n, (row + 1) * n), to);
      to += n;
    }
  }
  return out;
}
