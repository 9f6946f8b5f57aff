/** The bytes of a `.vx` file, from beginning to end (docs/format.md, sections 3 to 6). */

import { FormatError } from '../errors.js';
import { crc32 } from './crc32.js';
import { FEATURES, LM, MAGIC } from './header.js';

/** @typedef {import('./header.js').Header} Header */

const LARGEST_TAGS = 1 << 20, LARGEST_TAG = 1 << 18; // bytes

export class Writer {
  /**
   * @param {Header} header
   * @param {Record<string, string>} tags
   */
  constructor(header, tags) {
    this.header = header;
    this.sizes = /** @type {number[]} */ ([]); // of blocks
    this.tokens = 0;
    /** What has been written. */
    this.parts = [start(header)];
    const items = Object.entries(tags);
    if (items.length) this.parts.push(chunk('t', [number(items.length), ...items.flatMap(tag)]));
  }

  /** @param {import('./reader.js').Block} block */
  write({ tokens, coder, checksum, allocation, levels, stereo, payload }) {
    const { allocationTokens, bands, stereoTokens } = this.header;
    /** @type {ArrayLike<number>[]} */
    const body = [number(tokens), [coder], u32(checksum)];
    if (allocationTokens) body.push(number(allocation.length), allocation);
    if (bands) body.push(number(levels.length), levels);
    if (stereoTokens) body.push(number(stereo.length), stereo);
    const found = chunk('B', [...body, payload]);
    this.sizes.push(found.length);
    this.tokens += tokens;
    this.parts.push(found);
  }

  /** The whole file. @param {number} frames that the recording has */
  finish(frames) {
    const body = [frames, this.tokens, ...this.sizes].map(number);
    // The chunk's own size is its last field, so that it can be found from the file's end.
    const { length } = chunk('E', [...body, u32(0)]);
    return join([...this.parts, chunk('E', [...body, u32(length)])]);
  }
}

/** @param {Header} header */
function start(header) {
  const { model, allocationTokens, bands, fine, coder, stereoTokens, stereoResolution, side } = header;
  const name = new TextEncoder().encode(model);
  const features = (allocationTokens && FEATURES.allocation) | (bands && FEATURES.bands)
    | (fine ? FEATURES.fine : 0) | (stereoTokens && FEATURES.stereo);
  const fields = join([
    number(features), [name.length], name, bytesOf(header.codeSpace), [coder],
    bytesOf(header.coderHash), number(header.sampleRate),
    [header.channels, header.codebooks, header.codeBits], number(header.blockTokens),
    number(header.frames === null ? 0 : header.frames + 1),
    allocationTokens ? [allocationTokens] : [], bands ? [bands] : [],
    stereoTokens ? [stereoTokens, stereoResolution, ...number(side)] : [],
  ]);
  // The lowest that has these.
  const minor = stereoTokens ? 7 : coder === LM ? 4 : Math.ceil(Math.log2(features + 1));
  const whole = join([MAGIC, [1, minor, fields.length & 255, fields.length >> 8], fields]);
  return join([whole, u32(crc32(whole))]);
}

/** @param {[string, string]} tag */
function tag([key, value]) {
  const text = new TextEncoder().encode(value);
  if (!/^[ -<>-~]{1,64}$/.test(key) || text.length > LARGEST_TAG || value.includes('\0')) {
    throw new FormatError(`tag ${key}: a key is 1 to 64 printable ASCII characters, no '='; a value `
      + `at most ${LARGEST_TAG} bytes without NUL`);
  }
  return [number(key.length), new TextEncoder().encode(key), number(text.length), text];
}

/** @param {string} kind @param {ArrayLike<number>[]} parts of its body */
function chunk(kind, parts) {
  const body = join(parts);
  if (kind === 't' && body.length > LARGEST_TAGS) throw new FormatError('tags: too many');
  const whole = join([[kind.charCodeAt(0)], number(body.length), body]);
  return join([whole, u32(crc32(whole))]);
}

/** In seven bits per byte, lowest first. @param {number} value */
function number(value) {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128);
  return [...out, value];
}

/** @param {number} value */
const u32 = (value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

/** @param {string} hex */
const bytesOf = (hex) => (hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16));

/** @param {ArrayLike<number>[]} parts */
function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
