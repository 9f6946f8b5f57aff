/** Joint stereo: two channels turned by an angle of each band (docs/hifi.md, sections 3, 4, 6). */

import { bandMap, FRAME, LAYOUTS } from './layout.js';

/** In half a turn. */
export const ANGLES = 32;

/** How often each difference of the sides is told, from the least to the largest. */
export const DIFFERENCES = [2, 2, 4, 12, 72, 320, 1000, 320, 72, 12, 4, 2, 2];
const FIRST = 13, LAST = 19, MOST = 6; // bands that have one, and the largest

const MIDDLE = ANGLES / 4; // 45 degrees

/**
 * The angles of each frame, by bands of its longest blocks.
 *
 * @param {number} frames
 * @param {number} bands
 * @param {(context: number) => number} symbol by how much an angle changed
 */
export function readAngles(frames, bands, symbol) {
  /** @type {Int32Array[]} */
  const found = [];
  let before = new Int32Array(bands).fill(MIDDLE), changed = new Uint8Array(bands + 2);
  for (let frame = 0; frame < frames; frame++) {
    const now = new Int32Array(bands), changes = new Uint8Array(bands + 2);
    for (let first = 0; first < 2; first++) {
      for (let b = first; b < bands; b += 2) {
        const change = symbol(first
          ? 3 + changes[b] + changes[b + 2]
          : Math.min(2, changed[b] + changed[b + 1] + changed[b + 2]));
        now[b] = (before[b] + change) % ANGLES;
        changes[b + 1] = change ? 1 : 0;
      }
    }
    found.push((before = now));
    changed = changes;
  }
  return found;
}

/**
 * Coefficients of main and second channel of a transform block to left and right, in place.
 *
 * @param {import('./layout.js').Layout} layout
 * @param {Int32Array} angles of its frame
 * @param {Float64Array} first of the bands that there are
 * @param {Float64Array} second
 */
export function turnBack(layout, angles, first, second) {
  if (!angles.length) return;
  const map = bandMap(LAYOUTS[FRAME], layout);
  for (let k = 0; k < first.length; k++) {
    const angle = angles[Math.min(map[layout.band[k]], angles.length - 1)];
    const sine = Math.sin((Math.PI / ANGLES) * angle), cosine = Math.cos((Math.PI / ANGLES) * angle);
    const main = first[k], other = second[k];
    first[k] = cosine * main - sine * other;
    second[k] = sine * main + cosine * other;
  }
}

/**
 * The differences of the sides of each frame, by bands of its longest blocks.
 *
 * @param {number} frames
 * @param {number} bands
 * @param {() => number} symbol
 */
export function readDifferences(frames, bands, symbol) {
  return Array.from({ length: frames }, () => {
    const found = new Int32Array(bands);
    for (let b = FIRST; b <= LAST && b < bands; b++) found[b] = symbol() - MOST;
    return found;
  });
}

/**
 * Give left and right their shares of the power of each band, in place. They are of full scale.
 *
 * @param {import('./payload.js').Transform} block
 * @param {Float64Array[]} sides of the bands that there are
 * @param {Float64Array[]} [coded] the same without noise, to be multiplied alike
 */
export function balance({ layout, levels, angles, differences }, sides, coded) {
  if (!angles || !differences) return;
  const map = bandMap(LAYOUTS[FRAME], layout);
  for (let b = 0; b < levels[0].length; b++) {
    const from = layout.edges[b], to = layout.edges[b + 1];
    if (from * 24000 < 1000 * layout.size) continue;
    const near = Math.min(map[b], angles.length - 1), louder = 2 ** (differences[near] / 6);
    const second = Math.sin((Math.PI / ANGLES) * angles[near]) ** 2;
    const [main, other] = levels.map((own) => (own[b] > 0 ? 2 ** ((own[b] - 8) / 2) : 0));
    const wanted = [
      ((1 - second) * main + second * other + 1) * louder,
      (second * main + (1 - second) * other + 1) / louder,
    ];
    const present = [0, 1].map((side) => {
      let sum = 0;
      for (let k = from; k < to; k++) sum += (sides[side][k] * 2 ** 15) ** 2;
      return sum / (to - from) + 1;
    });
    const sum = (present[0] + present[1]) / (wanted[0] + wanted[1]);
    for (let side = 0; side < 2; side++) {
      const factor = Math.min(Math.max(Math.sqrt((wanted[side] * sum) / present[side]), 0.5), 2);
      for (const own of coded ? [sides[side], coded[side]] : [sides[side]]) {
        for (let k = from; k < to; k++) own[k] *= factor;
      }
    }
  }
}
