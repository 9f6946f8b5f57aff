/**
 * The integers that must be the same on every machine: `exact.wasm`, built from `exact/`.
 *
 * Each language model has an instance of its own; what needs only the range coder shares one.
 */

import { FormatError } from '../errors.js';

/** @typedef {WebAssembly.Exports & Record<string, any>} Exports */

/** @type {Promise<WebAssembly.Module> | undefined} */
let compiled;
/** @type {Promise<Exports> | undefined} */
let shared;

/** @returns {Promise<Exports>} a new instance */
export async function instantiate() {
  compiled ??= compile(new URL('./exact.wasm', import.meta.url));
  const instance = await WebAssembly.instantiate(await compiled, {});
  return /** @type {Exports} */ (instance.exports);
}

/** @param {URL} url */
async function compile(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** A range coder's payload to symbols. There is one at a time. */
export class RangeDecoder {
  /** Room for one, once. */
  static async load() {
    const exact = await (shared ??= instantiate());
    return new RangeDecoder(exact);
  }

  /** @param {Exports} exact */
  constructor(exact) {
    this.exact = exact;
    this.room = { at: 0, bytes: 0 };
    this.ends = exact.allocate(4 * 65536);
    this.count = 0; // of symbols of the distribution in use
  }

  /** Begin with a payload. @param {Uint8Array} payload */
  open(payload) {
    const at = this.#reserve(payload.length + 16);
    new Uint8Array(this.exact.memory.buffer).set(payload, at);
    this.exact.open(at, payload.length);
  }

  /** The distribution of what comes next: where the interval of each symbol ends.
   *  @param {Uint32Array} ends */
  use(ends) {
    new Uint32Array(this.exact.memory.buffer).set(ends, this.ends >> 2);
    this.count = ends.length;
  }

  symbol() {
    return this.symbolAt(this.ends, this.count);
  }

  /** The next symbol of a distribution that is in memory. @param {number} at @param {number} count */
  symbolAt(at, count) {
    const found = this.exact.symbol(at, count);
    if (found < 0) throw new FormatError('range code: no symbols have this code');
    return found;
  }

  /** @param {number} bytes */
  #reserve(bytes) {
    if (bytes > this.room.bytes) {
      this.room = { at: this.exact.allocate(2 * bytes), bytes: 2 * bytes };
    }
    return this.room.at;
  }
}

/**
 * Frequencies to a distribution (docs/format.md, section 8.1): where the interval of each ends.
 *
 * @param {ArrayLike<number>} frequencies
 * @returns {Uint32Array}
 */
export function distribution(frequencies) {
  const n = frequencies.length, room = 2 ** 24 - n;
  let sum = 0, first = 0;
  for (let i = 0; i < n; i++) {
    sum += frequencies[i];
    if (frequencies[i] > frequencies[first]) first = i;
  }
  const weights = Float64Array.from(frequencies, (f) => Math.floor((f * room) / sum));
  weights[first] += room - weights.reduce((a, b) => a + b, 0);
  let end = 0;
  return Uint32Array.from(weights, (weight) => (end += weight + 1));
}
