/** Joint stereo: main and side channels to pairs (docs/format.md, section 9.2). */

/** Where low bands end: at 2.1 kHz. */
export const LOW = 56;
const HIGH = [66, 77, 91, 106, 125, 146, 170, 199, 232, 271, 315, 367, 428, 498];
const LOWEST = [0, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15];

/** Where bands begin, in coefficients, by resolution. */
const EDGES = [
  [...LOWEST, 16, 19, 23, 28, 33, 40, 47, LOW, ...HIGH],
  [...LOWEST, 16, 18, 20, 22, 24, 27, 29, 32, 35, 39, 43, 46, 51, LOW, ...HIGH],
];

/** Levels of the left channel over the right one, in dB, and coherences of both. */
export const DIFFERENCES = [-Infinity, -20, -14, -10, -7, -4.5, -2.2, 0, 2.2, 4.5, 7, 10, 14, 20, Infinity];
export const COHERENCES = [1, 0.95, 0.8, 0.6, 0.35, 0.1, -0.5, -1];

const LATE = 2; // tokens that the main channel comes late as its own side
const NOTHING = 1e-12; // power that is added to what is divided by
const LOUDEST = 4; // what an amplitude is multiplied by at most

/** Differences and coherences there are, and of channels that are equal. */
export const SIZES = [DIFFERENCES.length, COHERENCES.length], CENTRE = [7, 0];

/** In the place of a value that is lost: what it was before goes on. */
export const HELD = 255;

/** Where bands begin that have values, where there is sound below a coefficient, and it. */
export const edgesBelow = (/** @type {number} */ resolution, /** @type {number} */ stop) =>
  [...EDGES[resolution].filter((edge) => edge < stop), stop];

/** (ratio - 1) / (ratio + 1) of powers, by difference: of infinity, too. */
const ACROSS = DIFFERENCES.map((difference) => Math.tanh((difference * Math.LN10) / 20));

/** Of a difference and a coherence: the angle, and the amplitude of the side. */
export const TURNS = ACROSS.map((u) => COHERENCES.map((coherence) => {
  const v = coherence * Math.sqrt(1 - u * u);
  const shared = Math.min(1, Math.hypot(u, v));
  return [Math.atan2(v, u) / 2, Math.sqrt((1 - shared) / (1 + shared))];
}));

/** One pair, a token late. */
export class Upmixer {
  /**
   * @param {number[]} edges of bands
   * @param {number} side coefficients of the side that are coded
   */
  constructor(edges, side) {
    this.side = side;
    this.edges = edges;
    this.bands = edges.length - 1;
    const none = () => new Float64Array(edges[this.bands]);
    /** @type {Float64Array[]} of the last tokens, newest first */
    this.main = Array.from({ length: LATE + 1 }, none);
    /** @type {Float64Array} side of the last token */
    this.second = none();
    this.sums = Array.from({ length: 2 }, () => new Float64Array(3 * this.bands));
    this.values = Uint8Array.from({ length: 2 * this.bands }, (_, i) => CENTRE[i < this.bands ? 0 : 1]);
  }

  /**
   * The two channels of the token before, in the place of main and side of this one.
   *
   * @param {Float64Array} main
   * @param {Float64Array} side
   * @param {Uint8Array} values of this token: differences, then coherences
   * @returns {Float64Array[]}
   */
  push(main, side, values) {
    const { bands, edges } = this, late = this.main[LATE - 1];
    const sums = new Float64Array(3 * bands);
    for (let b = 0; b < bands; b++) {
      for (let k = edges[b]; k < edges[b + 1]; k++) {
        sums[3 * b] += main[k] * main[k];
        sums[3 * b + 1] += main[k] * late[k];
        sums[3 * b + 2] += late[k] * late[k];
      }
    }
    const out = [new Float64Array(main.length), new Float64Array(main.length)];
    const [now] = this.main, before = this.main[LATE];
    for (let b = 0; b < bands; b++) {
      const [power, both, echo] = [0, 1, 2].map((i) =>
        sums[3 * b + i] + 2 * this.sums[0][3 * b + i] + this.sums[1][3 * b + i]);
      const share = both / (power + NOTHING);
      const rest = Math.max(0, echo - share * both);
      const [angle, amplitude] = TURNS[this.values[b]][this.values[bands + b]];
      const gain = amplitude * Math.min(LOUDEST, Math.sqrt(power / (rest + NOTHING)));
      const cos = Math.SQRT2 * Math.cos(angle), sin = Math.SQRT2 * Math.sin(angle);
      const powers = [NOTHING, NOTHING];
      for (let k = edges[b]; k < edges[b + 1]; k++) {
        const d = k < this.side ? this.second[k] : gain * (before[k] - share * now[k]);
        out[0][k] = cos * now[k] - sin * d;
        out[1][k] = sin * now[k] + cos * d;
        out.forEach((channel, ch) => powers[ch] += channel[k] ** 2);
      }
      if (edges[b] < this.side) continue;
      const whole = (powers[0] + powers[1]) / 2, across = ACROSS[this.values[b]];
      out.forEach((channel, ch) => {
        const wanted = whole * (ch ? 1 - across : 1 + across);
        const balance = Math.min(LOUDEST, Math.sqrt(wanted / powers[ch]));
        for (let k = edges[b]; k < edges[b + 1]; k++) channel[k] *= balance;
      });
    }
    this.main = [main, ...this.main.slice(0, LATE)];
    this.second = side;
    this.sums = [sums, this.sums[0]];
    this.values = values.map((value, i) => (value === HELD ? this.values[i] : value));
    return out;
  }
}
