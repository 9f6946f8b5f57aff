/** What `hifi-48k` has learned: distributions, and the networks that choose among them. */

import { distribution, instantiate, RangeDecoder } from '../../entropy/exact.js';
import { readNpz } from '../../model/npy.js';
import { ModelError } from '../../errors.js';
import { FEATURES } from './contexts.js';
import { LEVEL_FEATURES } from './levels.js';
import { ANGLES, DIFFERENCES } from './stereo.js';

const CLASSES = 64, SYMBOLS = 16, RESIDUALS = 42;

export class Tables {
  /** @param {Uint8Array} content of `entropy.npz` */
  static async load(content) {
    return new Tables(await instantiate(), await readNpz(content));
  }

  /**
   * @param {import('../../entropy/exact.js').Exports} exact
   * @param {Map<string, import('../../model/npy.js').Array_>} arrays
   */
  constructor(exact, arrays) {
    const array = (/** @type {string} */ name) => {
      const found = arrays.get(name);
      if (!found) throw new ModelError(`probabilities of the transform codec: ${name} is missing`);
      return /** @type {{ shape: number[], data: Int32Array }} */ (found);
    };
    this.exact = exact;
    this.decoder = new RangeDecoder(exact);
    const rows = (/** @type {string} */ name, /** @type {number} */ length) =>
      this.#place(array(name).data, length);
    /** Addresses of distributions, each of so many symbols. */
    this.classes = rows('classes', SYMBOLS);
    this.residuals = rows('residuals', RESIDUALS);
    this.splits = rows('splits', 2);
    this.angles = rows('angles', ANGLES);
    this.differences = this.#place(Int32Array.from(DIFFERENCES), DIFFERENCES.length);
    this.strides = FEATURES.map((inputs) => (inputs + 15) & ~15);
    for (let pass = 0; pass < 3; pass++) { // those of both passes, and that of levels
      for (let layer = 0; layer < 3; layer++) {
        const { shape: [inputs, outputs], data } = array(`weight${pass}${layer}`);
        const stride = (inputs + 15) & ~15, at = exact.layer(pass, layer, inputs, outputs);
        const weights = new Int8Array(exact.memory.buffer, at, outputs * stride).fill(0);
        for (let i = 0; i < inputs; i++) {
          for (let j = 0; j < outputs; j++) weights[j * stride + i] = data[i * outputs + j];
        }
        new Int32Array(exact.memory.buffer, at + outputs * stride, outputs)
          .set(array(`bias${pass}${layer}`).data);
        new Int32Array(exact.memory.buffer, at + outputs * (stride + 4), outputs)
          .set(array(`shift${pass}${layer}`).data);
      }
    }
    this.inputs = exact.allocate(2 * 2048 * 32);
    this.found = exact.allocate(2048);
    this.level = exact.allocate(2 * ((LEVEL_FEATURES + 15) & ~15));
    this.expected = exact.allocate(8);
  }

  /** Room for inputs of a pass of one channel, Int16Array. */
  room() {
    return new Int16Array(this.exact.memory.buffer, this.inputs, 2048 * 32);
  }

  /** The classes of so many inputs in `room`. @param {number} pass @param {number} count */
  classify(pass, count) {
    this.exact.classify(pass, this.inputs, count, this.found);
    return new Uint8Array(this.exact.memory.buffer, this.found, count).slice();
  }

  /** By how much a level moves, in quarters, and how sure that is. @param {number[]} inputs */
  expect(inputs) {
    const { buffer } = this.exact.memory;
    const room = new Int16Array(buffer, this.level, (LEVEL_FEATURES + 15) & ~15).fill(0);
    room.set(inputs);
    this.exact.expect(this.level, this.expected);
    return new Int32Array(buffer, this.expected, 2);
  }

  /** @param {number} row */
  residual(row) {
    return this.decoder.symbolAt(this.residuals + 4 * RESIDUALS * row, RESIDUALS);
  }

  /** @param {number} depth @param {number} last */
  split(depth, last) {
    return this.decoder.symbolAt(this.splits + 8 * (2 * depth + last), 2);
  }

  /** @param {number} context */
  angle(context) {
    return this.decoder.symbolAt(this.angles + 4 * ANGLES * context, ANGLES);
  }

  /** Of the sides, with the least as 0. */
  difference() {
    return this.decoder.symbolAt(this.differences, DIFFERENCES.length);
  }

  /** @param {number} number of a class */
  value(number) {
    return this.decoder.symbolAt(this.classes + 4 * SYMBOLS * number, SYMBOLS);
  }

  /** Distributions to memory, one after the other. @param {Int32Array} data @param {number} length */
  #place(data, length) {
    const at = this.exact.allocate(4 * data.length);
    for (let row = 0; row * length < data.length; row++) {
      const ends = distribution(data.subarray(row * length, (row + 1) * length));
      new Uint32Array(this.exact.memory.buffer, at + 4 * row * length, length).set(ends);
    }
    return at;
  }
}
