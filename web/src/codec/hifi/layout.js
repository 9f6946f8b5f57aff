/** Where transform blocks and their bands lie (docs/hifi.md, section 1): integers throughout. */

export const FRAME = 2048;
export const SIZES = [2048, 1024, 512, 256, 128];

const EDGES_HZ = [
  0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700,
  4400, 5300, 6400, 7700, 9500, 12000, 15500, 20000,
];
const HALF = 24000;
const LEAST = 4; // coefficients of a band

/** Sixteenths of a critical band at a frequency in Hz. @param {number} n @param {number} d */
function barkOf(n, d) {
  for (let i = 0; i < EDGES_HZ.length - 1; i++) {
    const low = EDGES_HZ[i], high = EDGES_HZ[i + 1];
    if (n < high * d) return 16 * i + Math.floor((16 * (n - low * d)) / ((high - low) * d));
  }
  return 16 * (EDGES_HZ.length - 1);
}

export class Layout {
  /** @param {number} size samples of a transform block, and so coefficients */
  constructor(size) {
    this.size = size;
    /** First coefficient of each band, and the one after the last. */
    this.edges = [0];
    for (const hertz of EDGES_HZ.slice(1)) {
      const at = Math.floor((2 * hertz * size + HALF) / (2 * HALF));
      if (at - this.edges[this.edges.length - 1] >= LEAST) this.edges.push(at);
    }
    this.bands = this.edges.length - 1;
    const whole = this.edges[this.bands];
    this.bark = Int32Array.from({ length: this.bands }, (_, b) =>
      barkOf(HALF * (this.edges[b] + this.edges[b + 1]), 2 * size));
    /** By coefficient: its band, the band on its other side, and how much of 16 its own has. */
    this.band = new Int32Array(whole);
    this.far = new Int32Array(whole);
    this.share = new Int32Array(whole);
    /** Its frequency in eighths of an octave. */
    this.place = new Int32Array(whole);
    for (let b = 0; b < this.bands; b++) {
      const low = this.edges[b], width = this.edges[b + 1] - low;
      for (let k = low; k < low + width; k++) {
        const offset = Math.floor((16 * (2 * (k - low) + 1)) / (2 * width)) - 8;
        this.band[k] = b;
        this.far[k] = Math.min(this.bands - 1, Math.max(0, b + (offset < 0 ? -1 : 1)));
        this.share[k] = 16 - Math.abs(offset);
        const fine = (2 * k + 1) * (FRAME / size), octave = 31 - Math.clz32(fine);
        this.place[k] = 8 * octave + Math.floor((8 * fine) / 2 ** octave) - 8;
      }
    }
  }
}

/** @type {Record<number, Layout>} */
export const LAYOUTS = Object.fromEntries(SIZES.map((size) => [size, new Layout(size)]));

/** Bands of a transform block where one of 2048 has `bands`. @param {number} size @param {number} bands */
export function bandsOf(size, bands) {
  const stop = LAYOUTS[FRAME].edges[bands] * size;
  return LAYOUTS[size].edges.slice(0, -1).filter((edge) => edge * FRAME < stop).length;
}

/** For each band of the target, the nearest of the source. @param {Layout} source @param {Layout} target */
export function bandMap(source, target) {
  return Array.from(target.bark, (bark) => {
    let best = 0;
    source.bark.forEach((other, b) => {
      if (Math.abs(bark - other) < Math.abs(bark - source.bark[best])) best = b;
    });
    return best;
  });
}
