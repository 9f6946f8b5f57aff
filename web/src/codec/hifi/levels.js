/** Levels of bands, as differences from what was expected (docs/hifi.md, section 4). */

import { FormatError } from '../../errors.js';
import { bandMap } from './layout.js';

/** @typedef {import('./layout.js').Layout} Layout */

const HIGHEST = 111;
const START = 24; // what a first block is expected to have
const BEYOND = 20; // differences up to here have a symbol
const PASSES = [[0, 4, 0], [2, 4, 2], [1, 2, 1]]; // first band, distance, and to which neighbours
const EDGES = [1, 3, 5, 8]; // of how much neighbours moved

export class LevelWalk {
  /**
   * @param {number} channels
   * @param {number} coarse 0 or 1
   */
  constructor(channels, coarse) {
    this.channels = channels;
    this.coarse = coarse;
    /** @type {{ layout: Layout, bands: number, levels: Int32Array } | null} */
    this.past = null;
  }

  /**
   * Levels of the next block, [channels][bands], in quarters of an octave.
   *
   * @param {Layout} layout
   * @param {number} bands
   * @param {(context: number) => number} symbol
   * @param {() => number} raw seven bits
   */
  step(layout, bands, symbol, raw) {
    const { channels, coarse, past } = this, highest = HIGHEST >> coarse;
    const kind = !past ? 0 : past.layout === layout ? 2 : 1;
    const map = past && kind === 1 ? bandMap(past.layout, layout) : null;
    const base = new Int32Array(channels * bands), found = new Int32Array(channels * bands);
    for (let ch = 0; ch < channels; ch++) {
      for (let b = 0; b < bands; b++) {
        base[ch * bands + b] = past
          ? past.levels[ch * past.bands + Math.min(map ? map[b] : b, past.bands - 1)]
          : START >> coarse;
      }
    }
    for (const [number, [first, distance, reach]] of PASSES.entries()) {
      const beyond = [];
      for (let ch = 0; ch < channels; ch++) {
        for (let b = first; b < bands; b += distance) {
          const at = ch * bands + b;
          let expected = base[at], context = 11 * kind;
          if (reach) {
            const left = found[at - reach] - base[at - reach];
            const right = b + reach < bands ? found[at + reach] - base[at + reach] : left;
            expected += ((kind === 2 ? 3 : 4) * (left + right) + 4) >> 3;
            const spread = Math.abs(left) + Math.abs(right);
            context += 5 * number - 4 + EDGES.filter((edge) => edge <= spread).length;
          }
          expected = Math.min(highest, Math.max(0, expected));
          const difference = symbol(context);
          if (difference === 2 * BEYOND + 1) beyond.push(at);
          else found[at] = expected + difference - BEYOND;
        }
      }
      for (const at of beyond) found[at] = raw();
      if (found.some((level) => level < 0 || level > highest)) {
        throw new FormatError('transform block: a level is out of range');
      }
    }
    this.past = { layout, bands, levels: found };
    return found.map((level) => level << coarse);
  }
}
