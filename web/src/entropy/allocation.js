/** Rows of small numbers, coded by how they change: bit allocations and levels of bands. */

import { levelTokens } from '../container/header.js';
import { FormatError } from '../errors.js';
import { distribution } from './exact.js';

const FIRST = 64; // how often a difference counts as seen before it was
/** And when it is. */
export const NEXT = 32;
export const HIGHEST_LEVEL = 21;

/** How often each difference of numbers up to `most` was seen. @param {number} most */
export const counter = (most) => Int32Array.from({ length: 2 * most + 1 }, (_, i) =>
  Math.max(1, Math.floor(FIRST / 2 ** Math.abs(i - most))));

/**
 * @param {import('./exact.js').RangeDecoder} decoder
 * @param {Uint8Array} bytes
 * @param {number} rows
 * @param {number} columns
 * @param {number} most the largest number
 * @returns {Uint8Array} [rows][columns]
 */
function decodeRows(decoder, bytes, rows, columns, most) {
  const counts = counter(most);
  const out = new Uint8Array(rows * columns);
  decoder.open(bytes);
  for (let row = 0; row < rows; row++) {
    let last = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      decoder.use(distribution(counts.subarray(most - last, 2 * most - last + 1)));
      const found = decoder.symbol();
      counts[most + found - last] += NEXT;
      out[i] = last = found;
    }
  }
  return out;
}

/**
 * How many codes each token of a block has: [channels][tokens].
 *
 * @param {import('./exact.js').RangeDecoder} decoder
 * @param {import('../container/header.js').Header} header
 * @param {import('../container/reader.js').Block} block
 * @returns {Uint8Array}
 */
export function decodeAllocation(decoder, header, block) {
  const { channels, codebooks, codeBits, allocationTokens: span } = header;
  const { tokens } = block;
  if (!span) return new Uint8Array(channels * tokens).fill(codebooks);
  const spans = Math.ceil(tokens / span);
  const found = decodeRows(decoder, block.allocation, channels, spans, codebooks);
  const counts = spread(found, channels, spans, span, tokens);
  const codes = counts.reduce((sum, count) => sum + count, 0);
  if (block.payload.length > Math.ceil((codes * codeBits) / 8)) {
    throw new FormatError('larger than its codes plainly packed');
  }
  return counts;
}

/**
 * The levels of the bands above the model's: [channels][bands][tokens].
 *
 * @param {import('./exact.js').RangeDecoder} decoder
 * @param {import('../container/header.js').Header} header
 * @param {import('../container/reader.js').Block} block
 * @returns {Uint8Array}
 */
export function decodeLevels(decoder, header, { levels, tokens }) {
  const rows = header.channels * header.bands, span = levelTokens(header);
  if (!levels.length) return new Uint8Array(rows * tokens);
  const spans = Math.ceil(tokens / span);
  return spread(decodeRows(decoder, levels, rows, spans, HIGHEST_LEVEL), rows, spans, span, tokens);
}

/**
 * @param {Uint8Array} values [rows][spans]
 * @param {number} rows
 * @param {number} spans
 * @param {number} span
 * @param {number} tokens
 */
function spread(values, rows, spans, span, tokens) {
  const out = new Uint8Array(rows * tokens);
  for (let row = 0; row < rows; row++) {
    for (let t = 0; t < tokens; t++) {
      out[row * tokens + t] = values[row * spans + Math.floor(t / span)];
    }
  }
  return out;
}
