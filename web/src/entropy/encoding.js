/** What `entropy/` decodes, encoded: rows of small numbers, plain packing, one payload after another. */

import { distribution, instantiate } from './exact.js';
import { counter, HIGHEST_LEVEL, NEXT } from './allocation.js';

/** @typedef {import('./codes.js').Codes} Codes */

/** @type {Promise<RangeEncoder> | undefined} */
let shared;

/** Symbols to a range coder's payload. There is one at a time. */
export class RangeEncoder {
  static load() {
    return (shared ??= instantiate().then((exact) => new RangeEncoder(exact)));
  }

  /** @param {import('./exact.js').Exports} exact */
  constructor(exact) {
    this.exact = exact;
    this.room = { at: 0, bytes: 0 };
  }

  /** Begin a payload of at most so many symbols. @param {number} symbols */
  begin(symbols) {
    const bytes = 4 * symbols + 8;
    if (bytes > this.room.bytes) this.room = { at: this.exact.allocate(2 * bytes), bytes: 2 * bytes };
    this.exact.beginPayload(this.room.at);
  }

  /** @param {number} symbol @param {Uint32Array} ends of a distribution, where each interval ends */
  put(symbol, ends) {
    this.exact.put(BigInt(symbol ? ends[symbol - 1] : 0), BigInt(ends[symbol]));
  }

  finish() {
    const bytes = this.exact.finishPayload();
    return new Uint8Array(this.exact.memory.buffer, this.room.at, bytes).slice();
  }
}

/**
 * Rows of numbers, coded by how they change.
 *
 * @param {RangeEncoder} encoder
 * @param {Uint8Array} values [rows][columns]
 * @param {number} rows
 * @param {number} most the largest number
 */
function encodeRows(encoder, values, rows, most) {
  const columns = values.length / rows, counts = counter(most);
  encoder.begin(values.length);
  for (let row = 0; row < rows; row++) {
    let last = 0;
    for (const value of values.subarray(row * columns, (row + 1) * columns)) {
      encoder.put(value, distribution(counts.subarray(most - last, 2 * most - last + 1)));
      counts[most + value - last] += NEXT;
      last = value;
    }
  }
  return encoder.finish();
}

/**
 * How many codes each token of a block has.
 *
 * @param {RangeEncoder} encoder
 * @param {Codes} block
 * @param {number} span tokens that have the same number
 */
export function encodeAllocation(encoder, { channels, codebooks, tokens, counts }, span) {
  const spans = Math.ceil(tokens / span);
  const firsts = Uint8Array.from({ length: channels * spans }, (_, i) =>
    counts[Math.floor(i / spans) * tokens + (i % spans) * span]);
  return encodeRows(encoder, firsts, channels, codebooks);
}

/** Levels of bands; nothing if all are 0. @param {RangeEncoder} encoder @param {Uint8Array} levels [rows][spans] @param {number} rows */
export function encodeLevels(encoder, levels, rows) {
  return levels.some(Boolean) ? encodeRows(encoder, levels, rows, HIGHEST_LEVEL) : new Uint8Array(0);
}

/** Codes of the same number of bits each, in token order. @param {Codes} codes @param {number} codeBits */
export function pack({ channels, codebooks, tokens, counts, codes }, codeBits) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const out = new Uint8Array(Math.ceil((total * codeBits) / 8));
  let held = 0, bits = 0, at = 0;
  for (let t = 0; t < tokens; t++) {
    for (let ch = 0; ch < channels; ch++) {
      for (let k = 0; k < counts[ch * tokens + t]; k++) {
        held |= codes[(ch * codebooks + k) * tokens + t] << bits;
        for (bits += codeBits; bits >= 8; bits -= 8) {
          out[at++] = held & 255;
          held >>>= 8;
        }
      }
    }
  }
  if (bits) out[at] = held;
  return out;
}
