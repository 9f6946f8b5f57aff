/** The beginning of a `.vx` file: what holds for the whole of it (docs/format.md, section 4). */

import { ChecksumError, FormatError, TruncatedError, UnsupportedError } from '../errors.js';
import { crc32 } from './crc32.js';
import { Fields, hex, u32 } from './fields.js';

export const MAGIC = [0x89, 0x56, 0x58, 0x0a];
const MAX_FIELDS = 4096;
const MAX_FRAMES = 2 ** 48 - 1;
const MAX_BLOCK_CODES = 1 << 22;
const FRAME_SAMPLES = 2048; // of a token of a transform codec, at 48 kHz
const FRAME_BYTES = 4096; // that such a token may have in a channel

/** Entropy coders. */
export const PACKED = 0, STATIC = 1, TRANSFORM = 4, LM = 5;

export const FEATURES = { allocation: 1, bands: 2, fine: 4, transform: 8, stereo: 16 };

/**
 * @typedef {object} Header
 * @property {string} model name of the model
 * @property {string} codeSpace what the codes mean, in hexadecimal; of a transform codec the first 8
 *   bytes of the SHA-256 of its tables
 * @property {number} coder
 * @property {string} coderHash
 * @property {number} sampleRate of the recording, in Hz
 * @property {number} channels
 * @property {number | null} frames of the recording, if known before its end
 * @property {number} codebooks codes per token and channel, at most
 * @property {number} codeBits
 * @property {number} blockTokens
 * @property {number} allocationTokens that share a number of codes; 0 where it does not vary
 * @property {number} bands above the model's whose levels are told
 * @property {boolean} fine whether these are half as wide and told more often
 * @property {number} stereoTokens that share the values of joint stereo; 0 without
 * @property {number} stereoResolution how narrow the bands of these are
 * @property {number} side coefficients of the side that are coded
 * @property {number} rate of a transform codec, in units of 100 bps per channel; else 0
 */

/** Tokens that share the levels of bands. @param {Header} header */
export const levelTokens = (header) => (header.fine ? 3 : 25);

/** The most bytes of a payload of so many tokens. @param {Header} header @param {number} tokens */
export function packedSize(header, tokens) {
  if (header.rate) return tokens * header.channels * FRAME_BYTES + 64;
  return Math.ceil((tokens * header.channels * header.codebooks * header.codeBits) / 8);
}

/** The most bytes of a bit allocation. @param {Header} header @param {number} tokens */
export function allocationSize(header, tokens) {
  if (!header.allocationTokens) return 0;
  return 3 * header.channels * Math.ceil(tokens / header.allocationTokens) + 4;
}

/** The most bytes of levels. @param {Header} header @param {number} tokens */
export function levelsSize(header, tokens) {
  if (!header.bands) return 0;
  return 3 * header.channels * header.bands * Math.ceil(tokens / levelTokens(header)) + 4;
}

/** The most bytes of the values of joint stereo. @param {Header} header @param {number} tokens */
export function stereoSize(header, tokens) {
  if (!header.stereoTokens) return 0;
  const each = [306, 360][header.stereoResolution];
  return each * (header.channels >> 1) * Math.ceil(tokens / header.stereoTokens) + 4;
}

/**
 * The header that a file begins with.
 *
 * @param {import('./source.js').Cursor} cursor
 * @returns {Promise<Header>}
 */
export async function readHeader(cursor) {
  const start = await cursor.take(8);
  if (!start.length) throw new TruncatedError('empty: not a .vx file');
  if (start.some((byte, i) => i < 4 && byte !== MAGIC[i])) throw new FormatError('not a .vx file');
  if (start.length < 8) throw new TruncatedError('the file is cut off in its header');
  if (start[4] !== 1) {
    throw new UnsupportedError(
      `version ${start[4]}.${start[5]} of the format; this vauxio reads version 1: update vauxio`,
    );
  }
  const length = start[6] | (start[7] << 8);
  if (length > MAX_FIELDS) throw new ChecksumError('header: impossible length; the file is damaged');
  const rest = await cursor.take(length + 4);
  if (rest.length < length + 4) throw new TruncatedError('the file is cut off in its header');
  const data = rest.subarray(0, length);
  if (crc32(data, crc32(start)) !== u32(rest.subarray(length))) {
    throw new ChecksumError('header: wrong checksum; the file is damaged');
  }
  return parse(new Fields(data, 'header'));
}

/** @param {Fields} fields @returns {Header} */
function parse(fields) {
  const features = fields.number();
  if (features > 31) {
    throw new UnsupportedError(
      `the file has features (0x${features.toString(16)}) unknown here: update vauxio`,
    );
  }
  const fine = !!(features & FEATURES.fine);
  const model = fields.text(fields.byte());
  const codeSpace = hex(fields.take(8));
  const coder = fields.byte();
  const coderHash = hex(fields.take(8));
  const sampleRate = fields.number();
  const channels = fields.byte(), codebooks = fields.byte(), codeBits = fields.byte();
  const blockTokens = fields.number();
  const frames = fields.number();
  const header = {
    model, codeSpace, coder, coderHash, sampleRate, channels,
    frames: frames ? frames - 1 : null,
    codebooks, codeBits, blockTokens,
    allocationTokens: features & FEATURES.allocation ? fields.byte() : 0,
    bands: features & FEATURES.bands ? fields.byte() : 0,
    fine,
    rate: features & FEATURES.transform ? fields.number() : 0,
    stereoTokens: features & FEATURES.stereo ? fields.byte() : 0,
    stereoResolution: features & FEATURES.stereo ? fields.byte() : 0,
    side: features & FEATURES.stereo ? fields.number() : 0,
  };
  check(header, features);
  return header;
}

/** @param {Header} header @param {number} features */
function check(header, features) {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(header.model)) {
    throw new FormatError('model name: must be 1 to 64 of A-Z a-z 0-9 . _ -');
  }
  if (header.coder === PACKED && /[^0]/.test(header.coderHash)) {
    throw new FormatError('coder hash must be zeros for plain packing');
  }
  /** @type {[keyof Header, number, number][]} */
  const ranges = [
    ['sampleRate', 1, 768000],
    ['channels', 1, 255],
    ['codebooks', 1, 32],
    ['codeBits', 1, 16],
    ['blockTokens', 1, 65535],
    ['allocationTokens', features & FEATURES.allocation ? 1 : 0, 255],
    ['bands', features & (FEATURES.bands | FEATURES.fine) ? 1 : 0, header.fine ? 10 : 5],
    ['stereoTokens', features & FEATURES.stereo ? 1 : 0, 255],
    ['stereoResolution', 0, 1],
    ['side', 0, 320],
    ['rate', features & FEATURES.transform ? 1 : 0, 9999],
  ];
  for (const [name, low, high] of ranges) {
    const value = /** @type {number} */ (header[name]);
    if (value < low || value > high) {
      throw new FormatError(`header: ${name} of ${value}: must be ${low} to ${high}`);
    }
  }
  if ((header.frames ?? 0) > MAX_FRAMES) throw new FormatError('header: too many frames');
  if (header.stereoTokens && (header.channels < 2 || !header.allocationTokens)) {
    throw new FormatError('joint stereo needs two channels and a bit allocation');
  }
  const coded = header.allocationTokens || header.bands || header.stereoTokens;
  if (header.rate && (header.codebooks !== 1 || coded)) {
    throw new FormatError('a transform codec has one codebook, no bit allocation and no bands');
  }
  const codes = header.rate ? FRAME_SAMPLES : header.codebooks;
  if (header.blockTokens * header.channels * codes > MAX_BLOCK_CODES) {
    throw new FormatError(`blocks of ${header.blockTokens} tokens: at most 2^22 codes fit`);
  }
}
