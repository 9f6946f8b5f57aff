/**
 * Read a `.vx` file: any block of one that can be read anywhere, one block after the other of a
 * stream. A block's payload is bytes here; whether it is well formed is for the coders to say.
 */

import { ChecksumError, FormatError, TruncatedError, UnsupportedError } from '../errors.js';
import { crc32 } from './crc32.js';
import { Fields, u32 } from './fields.js';
import { allocationSize, levelsSize, packedSize, readHeader, stereoSize } from './header.js';
import { Metadata } from './metadata.js';
import { Cursor } from './source.js';

const MAX_BODY = 1 << 24;
const MAX_BLOCKS = 1 << 20;
/** @type {Uint8Array} */
const NONE = new Uint8Array(0);

/**
 * @typedef {object} Block
 * @property {number} tokens
 * @property {number} coder
 * @property {number} checksum of the codes
 * @property {Uint8Array} allocation
 * @property {Uint8Array} levels
 * @property {Uint8Array} stereo
 * @property {Uint8Array} payload
 */

/**
 * The beginning of a chunk.
 *
 * @typedef {object} Head
 * @property {string} kind
 * @property {number} length of the body
 * @property {Uint8Array} raw as stored
 * @property {number} size of the whole chunk
 * @property {boolean} optional
 */

/** @typedef {{frames: number, tokens: number, offsets: number[]}} End offsets: of blocks and end */

export class Reader {
  /**
   * @param {import('./source.js').Source} source
   * @param {boolean} [strict] false: leave out tags and pictures that are damaged
   * @returns {Promise<Reader>}
   */
  static async open(source, strict = true) {
    const cursor = new Cursor(source);
    const reader = new Reader(cursor, await readHeader(cursor), strict);
    await reader.#begin();
    return reader;
  }

  /**
   * @param {Cursor} cursor
   * @param {import('./header.js').Header} header
   * @param {boolean} strict
   */
  constructor(cursor, header, strict) {
    this.cursor = cursor;
    this.header = header;
    this.strict = strict;
    /** Whether any block can be read. */
    this.seekable = cursor.source.size !== null;
    /** Whether the file's end is there and right; of a stream, once it has been read. */
    this.complete = false;
    this.frames = header.frames;
    /** Tokens that there are; of a stream, that have been read. */
    this.tokens = 0;
    /** @type {FormatError | null} why there is nothing after the last block, of a cut-off file */
    this.fault = null;
    /** @type {FormatError | null} what is wrong with tags or pictures that were left out */
    this.lost = null;
    this.metadata = new Metadata();
    /** @type {number[]} */
    this.offsets = [];
    this.stop = 0;
    this.lastTokens = /** @type {number | null} */ (null);
    this.maxBody = 20 + stereoSize(header, header.blockTokens) + packedSize(header, header.blockTokens)
      + allocationSize(header, header.blockTokens) + levelsSize(header, header.blockTokens);
    this.waiting = /** @type {Head | null} */ (null);
  }

  get blocks() {
    return this.offsets.length;
  }

  async #begin() {
    const { cursor } = this;
    /** @type {End | null} */
    let end = null;
    if (this.seekable) {
      const begin = cursor.at;
      end = await this.#findEnd();
      cursor.at = begin;
    }
    try {
      await this.#readMetadata(end ? end.offsets[0] : null);
    } catch (error) {
      if (!(error instanceof TruncatedError)) throw error;
      if (end) throw new ChecksumError('damaged before the first block');
      this.fault = error;
      return;
    }
    if (end && !this.waiting) this.#accept(end);
    else if (this.seekable) await this.#walk();
  }

  /** A block by number. @param {number} index @returns {Promise<Block>} */
  async read(index) {
    if (index < 0 || index >= this.blocks) throw new RangeError(`no block ${index}`);
    const block = await this.#load(index);
    const left = this.tokens - index * this.header.blockTokens;
    if (block.tokens !== Math.min(left, this.header.blockTokens)) {
      throw new FormatError(`block ${index}: ${block.tokens} tokens, not as many as the end says`);
    }
    return block;
  }

  /**
   * The next block of a stream; null at the end. After a `ChecksumError` that is not `fault`, the
   * one after it can be had.
   *
   * @returns {Promise<Block | null>}
   */
  async next() {
    if (this.fault) throw this.fault;
    if (this.complete) return null;
    const { cursor } = this;
    let body = NONE, offset = 0, damage = null;
    try {
      const head = await this.#nextBlock();
      if (!head) return null;
      offset = cursor.at - head.raw.length;
      try {
        body = await readBody(cursor, head);
      } catch (error) {
        if (!(error instanceof ChecksumError)) throw error;
        damage = error;
      }
    } catch (error) {
      if (error instanceof FormatError) this.fault = error;
      throw error;
    }
    const index = this.blocks, full = this.header.blockTokens;
    this.offsets.push(offset);
    this.tokens = this.blocks * full;
    this.lastTokens = null;
    if (damage) throw new ChecksumError(`block ${index}: ${damage.message}`);
    const block = this.#parseBlock(body, index);
    this.lastTokens = block.tokens;
    this.tokens -= full - block.tokens;
    return block;
  }

  /** @param {number} index */
  async #load(index) {
    const { cursor } = this;
    const offset = this.offsets[index];
    const stop = index + 1 < this.blocks ? this.offsets[index + 1] : this.stop;
    cursor.at = offset;
    let body;
    try {
      const head = await readHead(cursor);
      if (!head || head.kind !== 'B' || head.size > stop - offset) {
        throw new ChecksumError('not where the index says; the file is damaged');
      }
      body = await readBody(cursor, head);
      if (this.strict) await this.#checkGap(stop);
    } catch (error) {
      if (error instanceof ChecksumError || error instanceof TruncatedError) {
        error.message = `block ${index}: ${error.message}`;
      }
      throw error;
    }
    return this.#parseBlock(body, index);
  }

  /** After a block, up to the next, there may be optional chunks only. @param {number} stop */
  async #checkGap(stop) {
    const { cursor } = this;
    while (cursor.at < stop) {
      const head = await readHead(cursor);
      if (!head || cursor.at + head.length + 4 > stop || !head.optional) {
        throw new FormatError('the index is not that of the blocks');
      }
      await readBody(cursor, head);
    }
  }

  /** Find the blocks of a file that has no index, or none that can be believed. */
  async #walk() {
    const { cursor } = this;
    const size = /** @type {number} */ (cursor.source.size);
    try {
      for (let head; (head = await this.#nextBlock()); ) {
        const stop = cursor.at + head.length + 4;
        if (stop > size) throw new TruncatedError('the file is cut off in the middle of a block');
        this.offsets.push(cursor.at - head.raw.length);
        this.stop = cursor.at = stop;
      }
    } catch (error) {
      if (!(error instanceof TruncatedError || error instanceof ChecksumError)) throw error;
      this.fault = error;
    }
    if (this.complete || !this.blocks) return;
    this.tokens = this.blocks * this.header.blockTokens;
    try {
      const last = await this.#load(this.blocks - 1);
      this.tokens -= this.header.blockTokens - last.tokens;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (this.strict && !(this.fault instanceof TruncatedError)) { // perhaps its length is wrong
        this.stop = /** @type {number} */ (this.offsets.pop());
        this.tokens -= this.header.blockTokens;
      }
    }
  }

  /** Go on to the next block; null at the end, which has then been checked. */
  async #nextBlock() {
    const { cursor } = this;
    for (;;) {
      const head = this.waiting ?? (await readHead(cursor));
      this.waiting = null;
      if (!head) throw new TruncatedError('the file is cut off: its end is missing');
      if (head.kind === 'B') {
        if (head.length > this.maxBody) {
          throw new ChecksumError('impossible length of a block; the file is damaged');
        }
        if (this.lastTokens !== null && this.lastTokens !== this.header.blockTokens) {
          throw new FormatError(`block ${this.blocks - 1}: not full, and not the last`);
        }
        if (this.blocks === MAX_BLOCKS) throw new FormatError(`more than ${MAX_BLOCKS} blocks`);
        return head;
      }
      const offset = cursor.at - head.raw.length;
      const body = await readBody(cursor, head);
      if (head.kind === 'E') {
        const end = this.#parseEnd(body, head, offset);
        const known = this.lastTokens !== null;
        const same = end.offsets.length === this.blocks + 1
          && this.offsets.every((at, i) => at === end.offsets[i]);
        if (!same || (known && end.tokens !== this.tokens)) {
          throw new FormatError('the index is not that of the blocks');
        }
        this.#accept(end);
        return null;
      }
      if (!head.optional) {
        throw new UnsupportedError(`chunk '${head.kind}' is unknown here: update vauxio`);
      }
    }
  }

  /**
   * What comes before the first block, which begins at `stop` if that is known. The head of a chunk
   * that is no metadata waits.
   *
   * @param {number | null} stop
   */
  async #readMetadata(stop) {
    const { cursor } = this;
    while (cursor.at !== stop) {
      /** @type {Head | null} */
      let head = null;
      try {
        head = await readHead(cursor);
        if (!head) throw new TruncatedError('the file is cut off before its first block');
        if (head.kind === 'B' || head.kind === 'E') {
          if (stop !== null && !this.strict) {
            const { at } = cursor;
            await readBody(cursor, head); // whole: the end is that of another file after it
            cursor.at = at;
          }
          this.waiting = head;
          return;
        }
        this.metadata.add(head, await readBody(cursor, head));
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        if (error instanceof ChecksumError) {
          error.message = `before the first block: ${error.message}`;
        }
        const canGoOn = stop !== null || (head && !(error instanceof TruncatedError));
        if (this.strict || error instanceof UnsupportedError || !canGoOn) throw error;
        this.lost = error;
        const lostPlace = !head || head.kind === 'B' || head.kind === 'E';
        if (stop !== null && (lostPlace || cursor.at > stop)) cursor.at = stop;
      }
    }
  }

  /** The end chunk, if the file ends with one that fits its length. */
  async #findEnd() {
    const { cursor } = this;
    const begin = cursor.at, size = /** @type {number} */ (cursor.source.size);
    cursor.at = Math.max(begin, size - 8);
    const last = await cursor.take(4);
    if (last.length < 4) return null;
    const length = u32(last), offset = size - length;
    if (offset < begin) return null;
    cursor.at = offset;
    try {
      const head = await readHead(cursor);
      if (!head || head.kind !== 'E' || head.size !== length) return null;
      const end = this.#parseEnd(await readBody(cursor, head), head, offset);
      return end.offsets[0] >= begin ? end : null;
    } catch (error) {
      if (error instanceof FormatError) return null; // walking tells what is wrong
      throw error;
    }
  }

  /** @param {Uint8Array} body @param {Head} head @param {number} offset @returns {End} */
  #parseEnd(body, head, offset) {
    if (body.length < 4 || u32(body.subarray(body.length - 4)) !== head.size) {
      throw new FormatError('end: does not say its own size');
    }
    const fields = new Fields(body.subarray(0, body.length - 4), 'end');
    const frames = fields.number(), tokens = fields.number();
    const blocks = Math.ceil(tokens / this.header.blockTokens);
    if (blocks > Math.min(MAX_BLOCKS, body.length)) {
      throw new FormatError(`end: ${tokens} tokens, more than the index has blocks for`);
    }
    if (this.header.frames !== null && this.header.frames !== frames) {
      throw new FormatError(`end: ${frames} frames, but ${this.header.frames} in the header`);
    }
    const sizes = Array.from({ length: blocks }, () => fields.number());
    if (sizes.includes(0)) throw new FormatError('end: a block of no bytes');
    let at = offset - sizes.reduce((sum, size) => sum + size, 0);
    if (at < 0) throw new FormatError('end: blocks larger than the file');
    const offsets = [at, ...sizes.map((size) => (at += size))];
    return { frames, tokens, offsets };
  }

  /** @param {End} end */
  #accept(end) {
    this.frames = end.frames;
    this.tokens = end.tokens;
    this.stop = end.offsets[end.offsets.length - 1];
    this.offsets = end.offsets.slice(0, -1);
    this.complete = true;
  }

  /** @param {Uint8Array} body @param {number} index @returns {Block} */
  #parseBlock(body, index) {
    const { header } = this, what = `block ${index}`;
    const fields = new Fields(body, what);
    const tokens = fields.number(), coder = fields.byte(), checksum = fields.u32();
    const allocation = header.allocationTokens ? fields.take(fields.number()) : NONE;
    const levels = header.bands ? fields.take(fields.number()) : NONE;
    const stereo = header.stereoTokens ? fields.take(fields.number()) : NONE;
    const payload = fields.rest();
    if (tokens < 1 || tokens > header.blockTokens) {
      throw new FormatError(`${what}: ${tokens} tokens, must be 1 to ${header.blockTokens}`);
    }
    if (coder !== 0 && coder !== header.coder) {
      throw new FormatError(`${what}: coder ${coder}, the header has ${header.coder}`);
    }
    if (allocation.length > allocationSize(header, tokens)) {
      throw new FormatError(`${what}: bit allocation of more bytes than ${tokens} tokens need`);
    }
    if (levels.length > levelsSize(header, tokens)) {
      throw new FormatError(`${what}: more bytes of levels than ${tokens} tokens can need`);
    }
    if (stereo.length > stereoSize(header, tokens)) {
      throw new FormatError(`${what}: more bytes of joint stereo than ${tokens} tokens can need`);
    }
    if (payload.length > packedSize(header, tokens)) {
      throw new FormatError(`${what}: larger than its codes plainly packed`);
    }
    return { tokens, coder, checksum, allocation, levels, stereo, payload };
  }
}

/** The head of the chunk that begins here; null at the end. @param {Cursor} cursor */
async function readHead(cursor) {
  const start = cursor.at;
  const first = await cursor.take(1);
  if (!first.length) return null;
  const raw = [first[0]];
  let length = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const [byte] = await cursor.take(1);
    if (byte === undefined) throw new TruncatedError('the file is cut off in the middle of a chunk');
    raw.push(byte);
    length |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  const kind = String.fromCharCode(raw[0]), last = raw[raw.length - 1];
  const shortest = last < 128 && (last > 0 || raw.length === 2);
  if (!/^[A-Za-z]$/.test(kind) || length > MAX_BODY || !shortest) {
    throw new ChecksumError('no chunk where one should begin; the file is damaged');
  }
  return {
    kind, length, raw: new Uint8Array(raw),
    size: cursor.at - start + length + 4,
    optional: kind >= 'a',
  };
}

/** The body of the chunk whose head was just read. @param {Cursor} cursor @param {Head} head */
async function readBody(cursor, head) {
  const data = await cursor.take(head.length + 4);
  if (data.length < head.length + 4) {
    throw new TruncatedError('the file is cut off in the middle of a chunk');
  }
  const body = data.subarray(0, head.length);
  if (crc32(body, crc32(head.raw)) !== u32(data.subarray(head.length))) {
    throw new ChecksumError('wrong checksum; the file is damaged');
  }
  return body;
}
