/** Bandwidth extension: copies above the model's band (docs/format.md, section 9.1). */

const EDGES = {
  coarse: [308, 355, 393, 436, 482, 533],
  fine: [308, 331, 355, 374, 393, 414, 436, 459, 482, 507, 533],
};
const FIRST = 308, STOP = 533;
const SHIFT = 240; // coefficients below each, the one that is copied there
const GROUP = 15; // that are brought to the same power first
export const REFERENCE = [187, 306];
const SILENCE = 1e-10; // power of a coefficient: less does not count

/** Where bands begin and end, in coefficients. */
export const edgesOf = (/** @type {boolean} */ fine) => EDGES[fine ? 'fine' : 'coarse'];

export class Extender {
  /**
   * @param {number} bands
   * @param {boolean} fine
   */
  constructor(bands, fine) {
    this.bands = bands;
    this.edges = edgesOf(fine);
  }

  /**
   * Fill the bands above in a token's coefficients, from those below.
   *
   * @param {Float64Array} c
   * @param {Uint8Array} levels that of the first band is at `at`, those of others `stride` apart
   * @param {number} at
   * @param {number} stride
   */
  fill(c, levels, at, stride) {
    const power = power_(c, REFERENCE[0], REFERENCE[1]);
    const groups = new Float64Array(SHIFT / GROUP);
    const from = FIRST - SHIFT;
    for (let g = 0; g < groups.length; g++) {
      groups[g] = power_(c, from + g * GROUP, from + (g + 1) * GROUP) + SILENCE;
    }
    const wanted = new Float64Array(this.bands);
    for (let band = 0; band < this.bands; band++) {
      const level = levels[at + band * stride];
      wanted[band] = level ? power * 10 ** ((3 * level - 48) / 10) : 0;
    }
    const added = new Float64Array(STOP - FIRST);
    for (let band = 0; band < this.bands; band++) {
      if (!wanted[band]) continue;
      for (let k = this.edges[band]; k < this.edges[band + 1]; k++) {
        const source = k - FIRST;
        added[source] = c[k - SHIFT] * Math.sqrt(wanted[band] / groups[Math.floor(source / GROUP)]);
      }
    }
    for (let i = 0; i < added.length; i++) c[FIRST + i] += added[i];
  }
}

/** Mean of squares. @param {Float64Array} c @param {number} begin @param {number} end */
function power_(c, begin, end) {
  let sum = 0;
  for (let k = begin; k < end; k++) sum += c[k] * c[k];
  return sum / (end - begin);
}
