/** Levels of bands, as differences from what was expected (docs/hifi.md, section 4). */

import { FormatError } from '../../errors.js';
import { bandMap } from './layout.js';

/** @typedef {import('./layout.js').Layout} Layout */

const HIGHEST = 111;
const START = 24; // what a first block is expected to have
const BEYOND = 20; // differences up to here have a symbol
const PASSES = [[0, 4, 0], [2, 4, 2], [1, 2, 1]]; // first band, distance, and to which neighbours
const MOST = 127; // of an input of the network
const FARTHEST = 80; // that a level is expected from where it was, in quarters
const SPREADS = 24;
export const LEVEL_FEATURES = 19; // inputs of the network

export class LevelWalk {
  /**
   * @param {number} channels
   * @param {number} coarse 0 or 1
   */
  constructor(channels, coarse) {
    this.channels = channels;
    this.coarse = coarse;
    /** @type {{ layout: Layout, bands: number, levels: Int32Array, moved: Int32Array } | null} */
    this.past = null;
  }

  /**
   * Levels of the next block, [channels][bands], in quarters of an octave.
   *
   * @param {Layout} layout
   * @param {number} bands
   * @param {import('./tables.js').Tables} tables
   * @param {() => number} raw seven bits
   */
  step(layout, bands, tables, raw) {
    const { channels, coarse, past } = this, highest = HIGHEST >> coarse;
    const map = past ? bandMap(past.layout, layout) : null;
    const base = new Int32Array(channels * bands).fill(START >> coarse);
    const found = new Int32Array(channels * bands), moved = new Int32Array(channels * bands);
    const drift = new Int32Array(channels * bands);
    for (let i = 0; past && map && i < base.length; i++) {
      const ch = Math.floor(i / bands);
      const from = ch * past.bands + Math.min(map[i % bands], past.bands - 1);
      base[i] = past.levels[from];
      drift[i] = past.moved[from];
    }
    for (const [number, [first, distance, reach]] of PASSES.entries()) {
      const beyond = [];
      for (let ch = 0; ch < channels; ch++) {
        const from = ch * bands, own = base.subarray(from, from + bands);
        const rate = mean(drift.subarray(from, from + bands), Math.abs, 16);
        const told = moved.subarray(from, from + bands).filter((_, b) => reach && b % (2 * reach) === 0);
        const known = reach ? [mean(told, Number, 8), mean(told, Math.abs, 8)] : [0, 0];
        for (let b = first; b < bands; b += distance) {
          const at = from + b;
          const down = reach ? moved[at - reach] : 0;
          const up = reach ? moved[b + reach < bands ? at + reach : at - reach] : 0;
          const shape = [1, -1, 2, -2].map((offset) =>
            4 * (own[Math.min(bands - 1, Math.max(0, b + offset))] - own[b]));
          const [change, spread] = tables.expect([
            8 * down, 8 * up, ...known, 8 * drift[at], rate, ...shape, own[b],
            layout.bark[b] >> 2, 24 * (31 - Math.clz32(layout.size) - 7),
            past ? 24 * (31 - Math.clz32(past.layout.size) - 7) : 0,
            past?.layout === layout ? 64 : 0, past ? 0 : 64, 64 * coarse,
            number === 0 ? 64 : 0, number === 1 ? 64 : 0,
          ].map((input) => Math.min(MOST, Math.max(-MOST, input))));
          const quarters = Math.min(FARTHEST, Math.max(-FARTHEST, change));
          const expected = Math.min(highest, Math.max(0, own[b] + (quarters >> 2)));
          const row = 4 * Math.min(SPREADS - 1, Math.max(0, spread)) + (quarters & 3);
          const difference = tables.residual(row);
          if (difference === 2 * BEYOND + 1) beyond.push(at);
          else found[at] = expected + difference - BEYOND;
        }
      }
      for (const at of beyond) found[at] = raw();
      for (let i = 0; i < found.length; i++) {
        if (found[i] < 0 || found[i] > highest) {
          throw new FormatError('transform block: a level is out of range');
        }
        moved[i] = found[i] - base[i];
      }
    }
    this.past = { layout, bands, levels: found, moved };
    return found.map((level) => level << coarse);
  }
}

/**
 * The mean of what a function makes of values, times a factor, rounded down.
 *
 * @param {Int32Array} values
 * @param {(x: number) => number} of
 * @param {number} factor
 */
function mean(values, of, factor) {
  let sum = 0;
  for (const value of values) sum += of(value);
  return Math.floor((factor * sum) / values.length);
}
