/** Joint stereo: two channels turned by an angle of each band (docs/hifi.md, sections 3 and 6). */

import { bandMap, FRAME, LAYOUTS } from './layout.js';

/** In half a turn. */
export const ANGLES = 32;

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
