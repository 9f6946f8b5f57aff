/** Blocks of a file by number, checked and with their codes decoded; damage told or concealed. */

import { LM, PACKED, STATIC } from '../container/header.js';
import { decodeAllocation, decodeLevels } from '../entropy/allocation.js';
import { checksum, emptyCodes, StaticCoder, unpack } from '../entropy/codes.js';
import { RangeDecoder } from '../entropy/exact.js';
import { ChecksumError, FormatError, ModelError, UnsupportedError } from '../errors.js';
import { codedChannels, hasSpectrum } from '../codec/signal.js';
import { stereoBands } from '../codec/spectral-decoder.js';
import { HELD } from '../codec/upmixer.js';
import { decodeStereo } from '../entropy/stereo.js';
import { LOST } from '../codec/token-decoder.js';
import { sha256 } from '../model/sha256.js';

const MOST_SECONDS = 20; // of a block

/** Blocks one after the other, of what can be read anywhere and of what can not. */
export class BlockReader {
  /** @param {import('../container/reader.js').Reader} reader */
  constructor(reader) {
    this.reader = reader;
    this.ahead = /** @type {Promise<Stored | null> | null} */ (null);
    this.index = 0;
  }

  /**
   * The block of that number, an error where it is damaged, null at the end. Of a stream each in
   * turn, and only when it is known whether it is the last.
   *
   * @param {number} index
   * @returns {Promise<Stored | null>}
   */
  async take(index) {
    const { reader } = this;
    if (reader.seekable) {
      if (index >= reader.blocks) return null;
      return this.#caught(() => reader.read(index));
    }
    if (index !== this.index) throw new RangeError('blocks of a stream come in order');
    this.ahead ??= this.#next();
    const found = await this.ahead;
    this.ahead = null;
    if (found) {
      this.index++;
      if (reader.header.frames === null && !reader.complete) {
        this.ahead = this.#next();
        await this.ahead;
      }
    }
    return found;
  }

  /** Go on to the end of a stream, of which all blocks have been taken, and check it. */
  async end() {
    const { reader } = this;
    if (!reader.seekable && !reader.complete && !reader.fault) await (this.ahead ??= this.#next());
  }

  /** @returns {Promise<Stored | null>} */
  async #next() {
    const { reader } = this;
    const before = reader.blocks;
    const found = await this.#caught(() => reader.next());
    // Where it is not a block that is damaged, the rest is lost.
    return found instanceof FormatError && reader.blocks === before ? null : found;
  }

  /** @param {() => Promise<import('../container/reader.js').Block | null>} read */
  async #caught(read) {
    try {
      return await read();
    } catch (error) {
      if (error instanceof FormatError && !(error instanceof UnsupportedError)) return error;
      throw error;
    }
  }
}

/** @typedef {import('../container/reader.js').Block | FormatError} Stored */

/** Codes and levels of a block. @typedef {import('../codec/token-decoder.js').Tokens & {levels: Uint8Array, values: Uint8Array}} Decoded */

export class CodeReader {
  /**
   * @param {BlockReader} blocks
   * @param {import('../model/store.js').Model} model
   * @param {import('../model/store.js').Store} store
   */
  static async open(blocks, model, store) {
    const { header } = blocks.reader;
    const codeBits = Math.ceil(Math.log2(model.codebook_size));
    if (header.codeBits !== codeBits || header.codebooks > model.codebooks) {
      throw new FormatError(`${header.codebooks} codebooks of ${header.codeBits} bits: `
        + `${model.name} has ${model.codebooks} of ${codeBits}`);
    }
    if (header.blockTokens > (MOST_SECONDS * model.samplerate) / model.hop) {
      throw new FormatError(`blocks of more than ${MOST_SECONDS} s`);
    }
    if ((header.bands || header.stereoTokens) && !hasSpectrum(model)) {
      throw new FormatError(`bands above, or joint stereo, of ${model.name}, whose tokens have another length`);
    }
    const reader = new CodeReader(blocks, model, await RangeDecoder.load());
    await reader.#loadCoder(store);
    return reader;
  }

  /**
   * @param {BlockReader} blocks
   * @param {import('../model/store.js').Model} model
   * @param {RangeDecoder} decoder
   */
  constructor(blocks, model, decoder) {
    this.blocks = blocks;
    this.header = blocks.reader.header;
    this.model = model;
    this.decoder = decoder;
    /** @type {StaticCoder | undefined} */
    this.static = undefined;
    /** @type {import('../entropy/language-model.js').LanguageModel | undefined} */
    this.lm = undefined;
    /** @type {Map<number, FormatError>} by number, the blocks that are damaged */
    this.damage = new Map();
  }

  /** @param {import('../model/store.js').Store} store */
  async #loadCoder(store) {
    const { coder, coderHash } = this.header, { model } = this;
    const asset = coder === STATIC ? model.static : model.lm;
    if (coder !== STATIC && coder !== LM) return;
    if (!asset) throw new ModelError(`needs a language model of ${model.name}`);
    if (coder === STATIC) {
      const { readNpy } = await import('../model/npy.js');
      const { data } = readNpy(await store.load(model, asset));
      const table = /** @type {Uint16Array} */ (data);
      const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
      this.#checkHash('static table', coderHash, await sha256(bytes));
      this.static = new StaticCoder(table, model.codebook_size);
      return;
    }
    this.#checkHash('language model', coderHash, asset.sha256);
    this.lm = await store.languageModel(model, asset);
  }

  /** @param {string} what @param {string} wanted @param {string} found */
  #checkHash(what, wanted, found) {
    if (found.startsWith(wanted)) return;
    throw new ModelError(`needs the ${what} ${wanted} of ${this.model.name}, `
      + `there is ${found.slice(0, 16)}`);
  }

  /**
   * The codes of a block; null at the end.
   *
   * @param {number} index
   * @param {boolean} conceal give lost tokens in the place of a block that is damaged
   * @returns {Promise<Decoded | null>}
   */
  async take(index, conceal) {
    const stored = await this.blocks.take(index);
    if (!stored) return null;
    try {
      if (stored instanceof FormatError) throw stored;
      return this.#decode(index, stored);
    } catch (error) {
      if (!(error instanceof FormatError) || error instanceof UnsupportedError) throw error;
      if (!error.message.startsWith('block ')) error.message = `block ${index}: ${error.message}`;
      if (!conceal) throw error;
      this.damage.set(index, error);
    }
    const { channels, codebooks, blockTokens, bands } = this.header;
    const left = this.blocks.reader.tokens - index * blockTokens;
    const tokens = Math.max(1, Math.min(blockTokens, left));
    const codes = new Int32Array(channels * codebooks * tokens).fill(LOST);
    const valued = this.header.stereoTokens ? 2 * (channels >> 1) * stereoBands(this.header) : 0;
    return {
      channels, codebooks, tokens, codes,
      levels: new Uint8Array(channels * bands * tokens),
      values: new Uint8Array(valued * tokens).fill(HELD),
    };
  }

  /** @param {number} index @param {import('../container/reader.js').Block} block @returns {Decoded} */
  #decode(index, block) {
    const { header, decoder } = this, { channels, codebooks } = header;
    const counts = decodeAllocation(decoder, header, block);
    const coded = codedChannels(header);
    if (counts.some((count, i) => count && !coded.includes(Math.floor(i / block.tokens)))) {
      throw new FormatError(`block ${index}: codes of sides, which are not coded`);
    }
    const out = emptyCodes(channels, codebooks, block.tokens, counts);
    if (block.coder === PACKED) unpack(block.payload, out, header.codeBits);
    else if (this.static) this.static.decode(decoder, block.payload, out);
    else if (this.lm) this.lm.decode(block.payload, out);
    else throw new UnsupportedError(`entropy coder ${block.coder}: needs a newer vauxio`);
    if (checksum(out, header.allocationTokens > 0) !== block.checksum) {
      throw new ChecksumError(`block ${index}: decoded to codes with a wrong checksum; `
        + 'the file is damaged or was written with another model');
    }
    if (out.codes.some((code) => code >= this.model.codebook_size)) {
      throw new FormatError(`block ${index}: a code is beyond the model's codebooks`);
    }
    const levels = decodeLevels(decoder, header, block);
    const values = header.stereoTokens
      ? decodeStereo(decoder, header, block, stereoBands(header)) : new Uint8Array(0);
    return { ...out, levels, values };
  }
}
