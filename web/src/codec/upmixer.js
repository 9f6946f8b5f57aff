/** Joint stereo: main and side channels to pairs (docs/format.md, section 9.2). */

/** Where bands begin, in coefficients. */
const EDGES = [
  0, 3, 6, 9, 12, 15, 18, 22, 27, 32, 38, 45, 53, 63, 74, 87, 102, 120, 140, 164, 192, 224, 261,
  304, 354, 412, 480,
];
const WIDTHS = [0, 0.03, 0.08, 0.17, 0.3, 0.5, 0.72, 1];
const LATE = 2; // tokens that the main channel comes late as its own side
const NOTHING = 1e-12; // power that is added to what is divided by
const LOUDEST = 4; // what the side's amplitude is multiplied by at most

/** Angles and widths there are, and of channels that are equal. */
export const SIZES = [24, 8], CENTRE = [6, 0];

/** In the place of a value that is lost: what it was before goes on. */
export const HELD = 255;

/** Bands that have values, where there is sound below a coefficient. */
export const bandsBelow = (/** @type {number} */ stop) => EDGES.filter((edge) => edge < stop).length;

/** One pair, a token late. */
export class Upmixer {
  /**
   * @param {number} stop coefficients that there are
   * @param {number} side coefficients of the side that are coded
   */
  constructor(stop, side) {
    this.side = side;
    this.stop = stop;
    this.bands = bandsBelow(stop);
    const none = () => new Float64Array(stop);
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
   * @param {Uint8Array} values of this token: angles, then widths
   * @returns {Float64Array[]}
   */
  push(main, side, values) {
    const { bands, stop } = this, late = this.main[LATE - 1];
    const sums = new Float64Array(3 * bands);
    for (let b = 0; b < bands; b++) {
      for (let k = EDGES[b]; k < Math.min(EDGES[b + 1] ?? stop, stop); k++) {
        sums[3 * b] += main[k] * main[k];
        sums[3 * b + 1] += main[k] * late[k];
        sums[3 * b + 2] += late[k] * late[k];
      }
    }
    const out = [new Float64Array(main.length), new Float64Array(main.length)];
    const [now] = this.main, before = this.main[LATE];
    for (let b = 0; b < bands; b++) {
      const [power, both, echo] = [0, 1, 2].map((i) =>
        sums[3 * b + i] + this.sums[0][3 * b + i] + this.sums[1][3 * b + i]);
      const share = both / (power + NOTHING);
      const rest = Math.max(0, echo - share * both);
      const gain = Math.sqrt(WIDTHS[this.values[bands + b]])
        * Math.min(LOUDEST, Math.sqrt(power / (rest + NOTHING)));
      const angle = (this.values[b] * Math.PI) / SIZES[0];
      const cos = Math.SQRT2 * Math.cos(angle), sin = Math.SQRT2 * Math.sin(angle);
      for (let k = EDGES[b]; k < Math.min(EDGES[b + 1] ?? stop, stop); k++) {
        const d = k < this.side ? this.second[k] : gain * (before[k] - share * now[k]);
        out[0][k] = cos * now[k] - sin * d;
        out[1][k] = sin * now[k] + cos * d;
      }
    }
    this.main = [main, ...this.main.slice(0, LATE)];
    this.second = side;
    this.sums = [sums, this.sums[0]];
    this.values = values.map((value, i) => (value === HELD ? this.values[i] : value));
    return out;
  }
}
