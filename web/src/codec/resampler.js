/**
 * Conversion of the sample rate, as samples come, from any position.
 *
 * Output frame j lies at input time j * in / out: there is no delay to make up for, and what comes
 * out does not depend on how it is pushed. The filter is a windowed sinc (Kaiser) with the constants
 * of libsoxr's "HQ", which the Python library uses.
 */

const CUTOFF = 0.95687183; // of half the lower rate
const BETA = 13.04;
const HALF = 97.2; // periods of the lower rate to either side
const MOST_PHASES = 1024; // that are worked out; between them, where there are more, a line

export class Resampler {
  /**
   * @param {number} inRate in Hz
   * @param {number} outRate
   * @param {number} channels
   * @param {number} [start] the output frame to begin with
   */
  constructor(inRate, outRate, channels, start = 0) {
    this.inRate = inRate;
    this.outRate = outRate;
    this.same = inRate === outRate;
    this.filter = this.same ? null : filterOf(inRate, outRate);
    this.next = start; // output frame
    /** The input frame to begin with. */
    this.first = this.same ? start : this.#firstFor(start);
    this.at = this.first; // input frame that `waiting` begins with
    this.waiting = Array.from({ length: channels }, () => new Float32Array(0));
  }

  /** @param {number} frame */
  #firstFor(frame) {
    const { reach } = /** @type {Filter} */ (this.filter);
    return Math.max(0, Math.floor((frame * this.inRate) / this.outRate) - reach + 1);
  }

  /**
   * Input that follows the last; whatever output it completes.
   *
   * @param {Float32Array[]} frames by channel
   * @returns {Float32Array[]}
   */
  push(frames) {
    if (this.same) {
      this.next += frames[0].length;
      return frames;
    }
    const { reach } = /** @type {Filter} */ (this.filter);
    this.waiting = this.waiting.map((waiting, ch) => join(waiting, frames[ch]));
    const stop = this.at + this.waiting[0].length;
    // Output j needs input up to floor(j in / out) + reach.
    const end = Math.max(this.next, Math.ceil(((stop - reach) * this.outRate) / this.inRate));
    const out = this.waiting.map((waiting) => this.#filtered(waiting, end - this.next));
    this.next = end;
    const drop = Math.min(Math.max(0, this.#firstFor(end) - this.at), this.waiting[0].length);
    this.waiting = this.waiting.map((waiting) => waiting.slice(drop));
    this.at += drop;
    return out;
  }

  /** The rest of the output, up to frame `frames`, as if silence followed. @param {number} frames */
  finish(frames) {
    if (this.same || this.next >= frames) return this.waiting.map(() => new Float32Array(0));
    const { reach } = /** @type {Filter} */ (this.filter);
    const needed = Math.ceil((frames * this.inRate) / this.outRate) + reach;
    const missing = Math.max(0, needed - this.at - this.waiting[0].length);
    const wanted = frames - this.next;
    const out = this.push(this.waiting.map(() => new Float32Array(missing)));
    return out.map((samples) => samples.subarray(0, wanted));
  }

  /** @param {Float32Array} input @param {number} count */
  #filtered(input, count) {
    const { taps, reach, phases, rows } = /** @type {Filter} */ (this.filter);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const scaled = (this.next + i) * this.inRate;
      const whole = Math.floor(scaled / this.outRate);
      const place = ((scaled - whole * this.outRate) * phases) / this.outRate;
      const phase = Math.floor(place), share = place - phase;
      const from = whole - reach + 1 - this.at; // input that the first tap is for
      const low = Math.max(0, -from), high = Math.min(taps, input.length - from);
      out[i] = dot(rows[phase], input, from, low, high);
      if (share) out[i] += share * (dot(rows[phase + 1], input, from, low, high) - out[i]);
    }
    return out;
  }
}

/**
 * @param {Float32Array} row
 * @param {Float32Array} input
 * @param {number} from
 * @param {number} low
 * @param {number} high
 */
function dot(row, input, from, low, high) {
  let a = 0, b = 0, i = low;
  for (; i + 1 < high; i += 2) {
    a += row[i] * input[from + i];
    b += row[i + 1] * input[from + i + 1];
  }
  if (i < high) a += row[i] * input[from + i];
  return a + b;
}

/** @typedef {{taps: number, reach: number, phases: number, rows: Float32Array[]}} Filter */

/** @type {Map<string, Filter>} */
const filters = new Map();

/** @param {number} inRate @param {number} outRate @returns {Filter} */
function filterOf(inRate, outRate) {
  const key = `${inRate} ${outRate}`;
  let filter = filters.get(key);
  if (!filter) {
    const scale = Math.max(1, inRate / outRate), reach = Math.ceil(HALF * scale);
    const phases = Math.min(MOST_PHASES, outRate / gcd(inRate, outRate));
    const taps = 2 * reach;
    const rows = Array.from({ length: phases + 1 }, (_, phase) =>
      Float32Array.from({ length: taps }, (_, i) =>
        kernel((phase / phases + reach - 1 - i) / scale) / scale));
    filters.set(key, (filter = { taps, reach, phases, rows }));
  }
  return filter;
}

/** @param {number} u in periods of the lower rate */
function kernel(u) {
  if (Math.abs(u) >= HALF) return 0;
  const x = Math.PI * CUTOFF * u;
  const window = bessel(BETA * Math.sqrt(1 - (u / HALF) ** 2)) / bessel(BETA);
  return CUTOFF * (x ? Math.sin(x) / x : 1) * window;
}

/** The modified Bessel function of order 0. @param {number} x */
function bessel(x) {
  let sum = 1, term = 1;
  for (let n = 1; term > 1e-12 * sum; n++) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}

/** @param {number} a @param {number} b @returns {number} */
const gcd = (a, b) => (b ? gcd(b, a % b) : a);

/** @param {Float32Array} a @param {Float32Array} b */
export function join(a, b) {
  const whole = new Float32Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
