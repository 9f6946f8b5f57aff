/** Codes of a block: their checksum, and the coders that need no language model. */

import { crc32 } from '../container/crc32.js';
import { FormatError } from '../errors.js';
import { distribution } from './exact.js';

/** In place of a code: there is none. */
export const ABSENT = -1;

/**
 * The codes of a block.
 *
 * @typedef {object} Codes
 * @property {number} channels
 * @property {number} codebooks
 * @property {number} tokens
 * @property {Uint8Array} counts [channels][tokens]: how many codes there are
 * @property {Int32Array} codes [channels][codebooks][tokens]
 */

/**
 * @param {number} channels
 * @param {number} codebooks
 * @param {number} tokens
 * @param {Uint8Array} counts
 * @returns {Codes} without any code
 */
export function emptyCodes(channels, codebooks, tokens, counts) {
  const codes = new Int32Array(channels * codebooks * tokens).fill(ABSENT);
  return { channels, codebooks, tokens, counts, codes };
}

/**
 * CRC-32 of codes in token order, each as a u16; where their number varies, that before them.
 *
 * @param {Codes} codes
 * @param {boolean} varies
 */
export function checksum({ channels, codebooks, tokens, counts, codes }, varies) {
  const bytes = new Uint8Array(2 * channels * tokens * (codebooks + 1));
  let at = 0;
  const put = (/** @type {number} */ value) => {
    bytes[at++] = value & 255;
    bytes[at++] = value >> 8;
  };
  for (let t = 0; t < tokens; t++) {
    for (let ch = 0; ch < channels; ch++) {
      const count = counts[ch * tokens + t];
      if (varies) put(count);
      for (let k = 0; k < count; k++) put(codes[(ch * codebooks + k) * tokens + t]);
    }
  }
  return crc32(bytes.subarray(0, at));
}

/**
 * Codes of the same number of bits each, in token order.
 *
 * @param {Uint8Array} payload
 * @param {Codes} out
 * @param {number} codeBits
 */
export function unpack(payload, { channels, codebooks, tokens, counts, codes }, codeBits) {
  const count = counts.reduce((sum, n) => sum + n, 0);
  const size = Math.ceil((count * codeBits) / 8);
  if (payload.length !== size) {
    throw new FormatError(`packed codes: ${payload.length} bytes, ${count} codes need ${size}`);
  }
  let held = 0, bits = 0, at = 0;
  for (let t = 0; t < tokens; t++) {
    for (let ch = 0; ch < channels; ch++) {
      for (let k = 0; k < counts[ch * tokens + t]; k++) {
        for (; bits < codeBits; bits += 8) held |= payload[at++] << bits;
        codes[(ch * codebooks + k) * tokens + t] = held & ((1 << codeBits) - 1);
        held >>>= codeBits;
        bits -= codeBits;
      }
    }
  }
  if (held) throw new FormatError('packed codes: bits set after the last code');
}

/** A range coder with one distribution for each codebook. */
export class StaticCoder {
  /**
   * @param {Uint16Array} table [codebooks][size]
   * @param {number} size
   */
  constructor(table, size) {
    this.distributions = Array.from({ length: table.length / size }, (_, k) =>
      distribution(table.subarray(k * size, (k + 1) * size)));
  }

  /**
   * @param {import('./exact.js').RangeDecoder} decoder
   * @param {Uint8Array} payload
   * @param {Codes} out
   */
  decode(decoder, payload, { channels, codebooks, tokens, counts, codes }) {
    if (codebooks > this.distributions.length) {
      throw new FormatError(`${codebooks} codebooks, the table has ${this.distributions.length}`);
    }
    decoder.open(payload);
    for (let k = 0; k < codebooks; k++) {
      decoder.use(this.distributions[k]);
      for (let ch = 0; ch < channels; ch++) {
        for (let t = 0; t < tokens; t++) {
          if (k < counts[ch * tokens + t]) codes[(ch * codebooks + k) * tokens + t] = decoder.symbol();
        }
      }
    }
  }
}
