/** Payloads of `hifi-48k` to coefficients (docs/hifi.md, sections 2 to 6). */

import { crc32 } from '../../container/crc32.js';
import { FormatError } from '../../errors.js';
import { LIMIT, stepsOf, Walk } from './contexts.js';
import { bandsOf, FRAME, LAYOUTS, SIZES } from './layout.js';
import { LevelWalk } from './levels.js';
import { readAngles, readDifferences } from './stereo.js';

/** @typedef {import('./layout.js').Layout} Layout */

const HEAD = 10;
const ESCAPE = 15;

/**
 * A transform block: of each channel signed values, levels and steps; the angles of its frame with
 * joint stereo, and the differences of its sides if they are balanced.
 *
 * @typedef {object} Transform
 * @property {Layout} layout
 * @property {Float64Array[]} values
 * @property {Int32Array[]} levels
 * @property {Int32Array[]} steps
 * @property {Int32Array | null} angles
 * @property {Int32Array | null} differences
 */

/**
 * @param {Uint8Array} payload
 * @param {number} channels
 * @param {number} frames
 * @param {import('./tables.js').Tables} tables
 * @returns {{ blocks: Transform[], noisy: boolean, copied: number, enhanced: boolean, checksum: number }} `enhanced` whether decoders may enhance the sound: speech of at most 20 kbps a channel
 */
export function decodePayload(payload, channels, frames, tables) {
  const { coarse, joint, noisy, balanced, copied, bands, rule, length } = parseHead(payload);
  if (joint && channels < 2) throw new FormatError('transform block: joint stereo of one channel');
  if (balanced && !joint) {
    throw new FormatError('transform block: balanced sides without joint stereo');
  }
  const code = payload.subarray(HEAD, HEAD + length);
  if (code.length < length || code[length - 1] === 0) {
    throw new FormatError('transform block: the range code has another length');
  }
  tables.decoder.open(code);
  const raw = new Bits(payload.subarray(HEAD + length));
  const last = [0, 0, 0, 0];
  /** @type {number[]} */
  const sizes = [];
  const split = (/** @type {number} */ depth) => {
    if (depth < 4 && (last[depth] = tables.split(depth, last[depth]))) {
      split(depth + 1);
      split(depth + 1);
    } else sizes.push(SIZES[depth]);
  };
  for (let i = 0; i < frames; i++) split(0);
  const angles = joint ? readAngles(frames, bands, (context) => tables.angle(context)) : null;
  let begin = 0;
  const levelWalk = new LevelWalk(channels, coarse);
  /** @type {Transform[]} */
  const blocks = sizes.map((size) => {
    const layout = LAYOUTS[size], count = bandsOf(size, bands);
    const all = levelWalk.step(layout, count, tables, () => raw.take(7));
    const levels = Array.from({ length: channels }, (_, ch) => all.slice(ch * count, (ch + 1) * count));
    const loud = levels.map((own, ch) =>
      joint && ch < 2 ? own.map((level, b) => Math.max(level, levels[1 - ch][b])) : own);
    const steps = loud.map((own) => (count ? stepsOf(own, layout, rule) : own));
    const values = levels.map(() => new Float64Array(layout.edges[count]));
    const frame = Math.floor(begin / FRAME);
    begin += size;
    return { layout, values, levels, steps, angles: angles && angles[frame], differences: null };
  });
  if (balanced) {
    const all = readDifferences(frames, bands, () => tables.difference());
    begin = 0;
    for (const block of blocks) {
      block.differences = all[Math.floor(begin / FRAME)];
      begin += block.layout.size;
    }
  }
  const walks = Array.from({ length: channels }, () => new Walk());
  for (const { layout, values, levels, steps } of blocks) {
    walks.forEach((walk, ch) => walk.begin(layout, levels[ch], steps[ch], coarse));
    for (let pass = 0; pass < 2; pass++) decodePass(pass, walks, values, tables, raw);
    walks.forEach((walk, ch) => walk.end(values[ch]));
  }
  let crc = 0;
  for (const { values } of blocks) {
    for (const own of values) {
      for (let k = 0; k < own.length; k++) if (own[k] && raw.take(1)) own[k] = -own[k];
      crc = crc32(new Uint8Array(Int32Array.from(own).buffer), crc);
    }
  }
  raw.finish();
  return { blocks, noisy, copied, enhanced: noisy && !!coarse, checksum: crc };
}

/**
 * @param {number} pass
 * @param {Walk[]} walks
 * @param {Float64Array[]} values
 * @param {import('./tables.js').Tables} tables
 * @param {Bits} raw
 */
function decodePass(pass, walks, values, tables, raw) {
  /** @type {number[]} */
  const symbols = [];
  walks.forEach((walk, ch) => {
    const count = walk.rows(pass, values[ch], tables.room(), tables.strides[pass]);
    for (const number of tables.classify(pass, count)) symbols.push(tables.value(number));
  });
  const escaped = symbols.flatMap((symbol, i) => (symbol === ESCAPE ? [i] : []));
  const lengths = escaped.map(() => raw.take(5));
  if (lengths.some((bits) => bits > 20)) throw new FormatError('transform block: a value is out of range');
  escaped.forEach((i, j) => (symbols[i] = raw.take(lengths[j]) + 2 ** lengths[j] + ESCAPE - 1));
  let at = 0;
  walks.forEach((walk, ch) => {
    const coded = /** @type {Uint8Array} */ (walk.coded), shift = /** @type {Int32Array} */ (walk.shift);
    for (let k = pass; k < coded.length; k += 2) {
      if (!coded[k]) continue;
      const value = symbols[at++] * 2 ** shift[k] + raw.take(shift[k]);
      if (value > LIMIT) throw new FormatError('transform block: a value is out of range');
      values[ch][k] = value;
    }
  });
}

/** @param {Uint8Array} payload */
function parseHead(payload) {
  if (payload.length < HEAD) throw new FormatError('transform block: too short for its parameters');
  const [flags, bands, slope, total] = payload;
  const tilt = (payload[4] << 24) >> 24, gain = payload[5] | (payload[6] << 8);
  if (gain > 4095 || bands > LAYOUTS[FRAME].bands || slope > 16 || total > 31) {
    throw new FormatError('transform block: parameters are out of range');
  }
  if (flags > 15 && !(flags & 4)) {
    throw new FormatError('transform block: copies without noise of speech');
  }
  const length = payload[7] | (payload[8] << 8) | (payload[9] << 16);
  const rule = { slope, total, tilt, gain };
  const [joint, noisy, balanced] = [2, 4, 8].map((bit) => !!(flags & bit));
  return { coarse: flags & 1, joint, noisy, balanced, copied: flags >> 4, bands, rule, length };
}

/** Bits that no model predicts, lowest first. */
class Bits {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0; // in bits
  }

  /** @param {number} count at most 20 */
  take(count) {
    if (this.at + count > 8 * this.bytes.length) throw new FormatError('transform block: cut off');
    let value = 0;
    for (let i = 0; i < count; i++, this.at++) {
      value |= ((this.bytes[this.at >> 3] >> (this.at & 7)) & 1) << i;
    }
    return value;
  }

  /** There are only zeros up to a whole byte. */
  finish() {
    const left = 8 * this.bytes.length - this.at;
    if (left > 7 || this.take(left)) throw new FormatError('transform block: bits set after the last');
  }
}
