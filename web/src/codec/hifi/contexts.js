/** What is known of a coefficient before it is decoded (docs/hifi.md, section 5): integers. */

/** @typedef {import('./layout.js').Layout} Layout */

export const FEATURES = [22, 28]; // inputs of the network in each pass
export const LIMIT = 2 ** 20 - 1; // the largest magnitude

const LEAST = -160; // a band weaker than this over its step is not coded
const LOUDEST = 1024;
const FINE = 4096;
const LARGE = 2 ** 20; // what counts of a value in the energy of its band

const POWER = powers(), LOG = logarithms();

/** 2^(i/64 + 12) for i from -512 to 1024, rounded to the nearest. */
function powers() {
  const roots = Array.from({ length: 64 }, (_, i) => {
    const target = 1n << BigInt(i + 2560); // 2^(i/64 + 40) is the 64th root of this
    let low = 0n, high = 1n << 42n;
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (middle ** 64n <= target) low = middle;
      else high = middle;
    }
    return low;
  });
  return Float64Array.from({ length: 512 + LOUDEST + 1 }, (_, i) => {
    const part = (i + 64) % 64, octave = Math.floor((i - 512) / 64);
    const shift = BigInt(28 - octave);
    return Number((roots[part] + ((1n << shift) >> 1n)) >> shift);
  });
}

/** floor(12 log2(1 + i/4)): n while ((4 + i) / 4)^12 is at least 2^n. */
function logarithms() {
  return Int16Array.from({ length: FINE }, (_, i) =>
    ((BigInt(4 + i) ** 12n) >> 24n).toString(2).length - 1);
}

/** @param {number} x */
const power = (x) => POWER[Math.min(LOUDEST, Math.max(-512, x)) + 512];

/** An input for a ratio in 64ths of an octave. @param {number} ratio */
const over = (ratio) => Math.min(120, Math.max(-40, (10 * ratio) >> 6));

/**
 * Logarithms of step sizes in 64ths of an octave, of one channel.
 *
 * @param {Int32Array} levels by band, in quarters of an octave
 * @param {Layout} layout
 * @param {{ slope: number, total: number, tilt: number, gain: number }} rule
 */
export function stepsOf(levels, layout, { slope, total, tilt, gain }) {
  const bands = levels.length, { bark } = layout;
  const spread = levels.slice();
  for (let b = 1; b < bands; b++) {
    spread[b] = Math.max(spread[b], spread[b - 1] - ((12 * (bark[b] - bark[b - 1])) >> 4));
  }
  for (let b = bands - 2; b >= 0; b--) {
    spread[b] = Math.max(spread[b], spread[b + 1] - ((24 * (bark[b + 1] - bark[b])) >> 4));
  }
  const mean = Math.floor(spread.reduce((sum, level) => sum + level, 0) / bands);
  const whole = (total - slope) * (mean - 32);
  return spread.map((level, b) =>
    slope * level + whole + Math.floor((tilt * (bark[b] - 192)) / 48) + gain - 1024);
}

/** @typedef {{ size: number, sizes: Float64Array, logs: Int32Array }} Past of one channel */

/** One channel, from one transform block to the next. */
export class Walk {
  constructor() {
    /** @type {Past[]} the last block, and the one before */
    this.past = [];
    this.layout = /** @type {Layout} */ (/** @type {unknown} */ (null));
  }

  /**
   * Go on to a block.
   *
   * @param {Layout} layout
   * @param {Int32Array} levels by band
   * @param {Int32Array} steps by band
   * @param {number} coarse 0 or 1
   */
  begin(layout, levels, steps, coarse) {
    this.layout = layout;
    const bands = levels.length, size = layout.edges[bands], last = Math.max(bands - 1, 0);
    this.logs = new Int32Array(size);
    this.level = new Float64Array(size);
    this.shift = new Int32Array(size);
    this.coded = new Uint8Array(size);
    const ratio = steps.map((step, b) => 16 * (levels[b] - 8) - step);
    for (let k = 0; k < size; k++) {
      const b = layout.band[k];
      this.logs[k] = steps[b];
      this.level[k] = Math.floor(power(ratio[b]) / 256);
      this.coded[k] = ratio[b] >= LEAST && levels[b] > 0 ? 1 : 0;
    }
    const a = this.#seen(0, size), old = this.#seen(1, size);
    const inputs = (this.inputs = new Int16Array(size * FEATURES[0]));
    const sums = new Float64Array(size + 1); // of what lies below
    for (let k = 0; k < size; k++) sums[k + 1] = sums[k] + a[k];
    const around = (/** @type {number} */ k, /** @type {number} */ reach) =>
      sums[Math.min(size, k + reach + 1)] - sums[Math.max(0, k - reach)];
    const { edges } = layout;
    const means = ratio.map((_, b) => Math.floor((sums[edges[b + 1]] - sums[edges[b]]) / (edges[b + 1] - edges[b])));
    const whole = Math.floor(ratio.reduce((sum, one) => sum + one, 0) / Math.max(bands, 1));
    const previous = this.past.length ? 24 * (31 - Math.clz32(this.past[0].size) - 7) : 0;
    const at = (/** @type {Float64Array} */ x, /** @type {number} */ k) => (k >= 0 && k < size ? x[k] : 0);
    for (let k = 0; k < size; k++) {
      if (!this.coded[k]) continue;
      const before = at(a, k - 1), after = at(a, k + 1);
      const spread = Math.floor((2 * a[k] + before + after) / 4);
      const expected = Math.floor(this.level[k] / 2) + Math.floor(spread / 2);
      const high = Math.floor(Math.max(expected - 1, 0) / 128);
      const shift = (this.shift[k] = Math.min(20, high ? Math.floor(Math.log2(high)) + 1 : 0));
      const scale = 2 ** -shift, i = k * FEATURES[0], b = layout.band[k];
      const log = (/** @type {number} */ x) => LOG[Math.min(FINE - 1, Math.floor(x * scale))];
      inputs[i] = log(a[k]);
      inputs[i + 1] = log(before);
      inputs[i + 2] = log(after);
      inputs[i + 3] = log(Math.floor((at(a, k - 2) + at(a, k + 2)) / 2));
      inputs[i + 4] = log(Math.floor((at(a, k - 4) + at(a, k - 3) + at(a, k + 3) + at(a, k + 4)) / 4));
      inputs[i + 5] = log(old[k]);
      inputs[i + 6] = log(Math.floor((at(old, k - 1) + at(old, k + 1)) / 2));
      inputs[i + 7] = log(Math.floor(around(k, 8) / 16));
      inputs[i + 8] = log(Math.floor(around(k, 16) / 32));
      inputs[i + 9] = log(means[b]);
      inputs[i + 10] = log(Math.floor((a[k] * this.level[k]) / Math.max(means[b], 3)));
      const own = ratio[b], share = layout.share[k];
      const other = ratio[Math.min(layout.far[k], last)];
      const known = [
        own, (own * share + other * (16 - share)) >> 4,
        ratio[Math.max(b - 1, 0)], ratio[Math.min(b + 1, last)],
      ];
      for (let j = 0; j < 4; j++) inputs[i + 11 + j] = over(known[j] - 64 * shift);
      inputs[i + 15] = 24 * (31 - Math.clz32(layout.size) - 7);
      inputs[i + 16] = layout.place[k];
      inputs[i + 17] = shift ? 64 : 0;
      inputs[i + 18] = 64 * coarse;
      inputs[i + 19] = over(whole);
      inputs[i + 20] = LOG[4 * (edges[b + 1] - edges[b] - 1)];
      inputs[i + 21] = previous;
    }
  }

  /**
   * Inputs of the network for what is coded in a pass, one after the other, each filled up to
   * `stride`. How many coefficients these are.
   *
   * @param {number} pass 0 or 1
   * @param {Float64Array} values magnitudes; in pass 1 those of even number count
   * @param {Int16Array} to
   * @param {number} stride
   */
  rows(pass, values, to, stride) {
    const { coded, inputs, shift } = this, left = pass ? this.#left(values) : [];
    if (!coded || !inputs || !shift) return 0;
    const even = (/** @type {number} */ k) => (k >= 0 && k < values.length ? 16 * values[k] : 0);
    let count = 0;
    for (let k = pass; k < coded.length; k += 2) {
      if (!coded[k]) continue;
      const i = stride * count++, from = k * FEATURES[0];
      to.fill(0, i, i + stride);
      for (let j = 0; j < FEATURES[0]; j++) to[i + j] = inputs[from + j];
      if (!pass) continue;
      const near = [even(k - 1), even(k + 1), even(k - 3), even(k + 3)];
      near.push(Math.floor((near[0] + near[1] + near[2] + near[3]) / 4), left[this.layout.band[k]]);
      for (let j = 0; j < 6; j++) {
        to[i + FEATURES[0] + j] = LOG[Math.min(FINE - 1, Math.floor(near[j] / 2 ** shift[k]))];
      }
    }
    return count;
  }

  /**
   * What the first pass has left of the energy of each band: roots of means of squares.
   *
   * @param {Float64Array} values
   */
  #left(values) {
    const { layout } = this, level = /** @type {Float64Array} */ (this.level);
    const found = [];
    for (let b = 0; layout.edges[b] < values.length; b++) {
      const first = layout.edges[b], stop = layout.edges[b + 1];
      let energy = 0, odd = 0;
      for (let k = first; k < stop; k++) {
        if (k % 2) odd++;
        else energy += Math.min(LARGE, values[k] ? 16 * values[k] : Math.min(level[k], 5)) ** 2;
      }
      const whole = (stop - first) * level[first] ** 2;
      found.push(Math.floor(Math.sqrt(Math.floor(Math.max(whole - energy, Math.floor(whole / 64)) / odd))));
    }
    return found;
  }

  /** The magnitudes of the block. @param {Float64Array} values */
  end(values) {
    const level = /** @type {Float64Array} */ (this.level);
    const sizes = values.map((value, k) => (value > 0 ? 16 * value : Math.min(level[k], 5)));
    const logs = /** @type {Int32Array} */ (this.logs);
    this.past = [{ size: this.layout.size, sizes, logs }, ...this.past.slice(0, 1)];
  }

  /** Magnitudes of a block of the past, in sixteenths of the steps of now. @param {number} index @param {number} size */
  #seen(index, size) {
    const out = new Float64Array(size), past = this.past[index];
    if (!past) return out;
    const logs = /** @type {Int32Array} */ (this.logs);
    const moved = (/** @type {number} */ k, /** @type {number} */ log) =>
      k < past.sizes.length
        ? Math.min(2 ** 30, Math.floor((past.sizes[k] * power(past.logs[k] - log)) / 4096))
        : 0;
    const ours = this.layout.size;
    for (let k = 0; k < size; k++) {
      if (past.size <= ours) {
        out[k] = moved(Math.floor((k * past.size) / ours), logs[k]);
        continue;
      }
      const ratio = past.size / ours;
      let sum = 0, largest = 0;
      for (let j = 0; j < ratio; j++) {
        const value = moved(k * ratio + j, logs[k]);
        sum += value;
        if (value > largest) largest = value;
      }
      out[k] = Math.floor((Math.floor(sum / ratio) + largest) / 2);
    }
    return out;
  }
}
