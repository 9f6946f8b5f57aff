/** Frames of a file of a transform codec, block by block. */

import { FADE, HifiDecoder } from '../codec/hifi/synthesis.js';
import { join } from '../codec/resampler.js';
import { TimeLine } from '../codec/signal.js';
import { TRANSFORM } from '../container/header.js';
import { FormatError, ModelError, UnsupportedError } from '../errors.js';

const REACH = 1024; // samples at the beginning of a block that the one before has a part in

export class TransformFrames {
  /**
   * @param {import('./blocks.js').BlockReader} blocks
   * @param {import('../model/store.js').Model} model
   * @param {import('../model/store.js').Store} store
   * @param {boolean} conceal
   * @param {() => Promise<import('../model/runtime.js').Ort>} runtime loads what runs networks
   */
  static async open(blocks, model, store, conceal, runtime) {
    const { header } = blocks.reader;
    if (header.coder !== TRANSFORM || model.kind !== 'transform') {
      throw new UnsupportedError(`entropy coder ${header.coder}: needs a newer vauxio`);
    }
    if (!model.tables.sha256.startsWith(header.coderHash)) {
      throw new ModelError(`needs the tables ${header.coderHash} of ${model.name}`);
    }
    return new TransformFrames(blocks, model, store, await store.tables(model), conceal, runtime);
  }

  /**
   * @param {import('./blocks.js').BlockReader} blocks
   * @param {import('../model/store.js').Model} model
   * @param {import('../model/store.js').Store} store
   * @param {import('../codec/hifi/tables.js').Tables} tables
   * @param {boolean} conceal
   * @param {() => Promise<import('../model/runtime.js').Ort>} runtime
   */
  constructor(blocks, model, store, tables, conceal, runtime) {
    this.blocks = blocks;
    this.network = async () => {
      const ort = await runtime();
      return { ort, session: await store.enhancer(ort, model) };
    };
    this.header = blocks.reader.header;
    this.model = model;
    this.tables = tables;
    this.conceal = conceal;
    /** @type {Map<number, FormatError>} by number, the blocks that are damaged */
    this.damage = new Map();
    this.begin(0);
  }

  /** Begin with that frame. @param {number} frame */
  begin(frame) {
    const { header, model } = this, size = header.blockTokens * model.hop;
    const reach = REACH + (model.enhancer ? model.enhancer.delay + FADE : 0);
    /** @type {TimeLine} */
    this.line = new TimeLine(model.samplerate, header, frame);
    /** @type {number} of the next block */
    this.index = Math.floor(Math.max(0, this.line.resampler.first - reach) / size);
    /** @type {HifiDecoder} */
    this.decoder = new HifiDecoder(this.tables, header.channels, this.index === 0);
    this.line.sample = this.index ? this.index * size - REACH : 0;
    /** @type {import('../codec/hifi/enhancer.js').Enhancer | null} made once there is something to enhance */
    this.enhancer = null;
  }

  /**
   * The next frames by channel, perhaps none; null at the end.
   *
   * @param {() => number | null} frames how many the file has, if that is known by then
   */
  async next(frames) {
    const stored = await this.blocks.take(this.index);
    this.line.frames = frames();
    if (!stored) return null;
    const index = this.index++;
    try {
      if (stored instanceof FormatError) throw stored;
      if (stored.coder !== TRANSFORM) throw new FormatError(`coder ${stored.coder}: not one of a transform codec`);
      return await this.#give(this.decoder.push(stored.payload, stored.tokens, stored.checksum));
    } catch (error) {
      if (!(error instanceof FormatError) || error instanceof UnsupportedError) throw error;
      if (!error.message.startsWith('block ')) error.message = `block ${index}: ${error.message}`;
      if (!this.conceal) throw error;
      this.damage.set(index, error);
    }
    const { blockTokens } = this.header;
    const left = this.blocks.reader.tokens - index * blockTokens;
    const lost = Math.max(1, Math.min(blockTokens, left));
    return this.#give(this.decoder.push(null, lost, 0));
  }

  async finish() {
    const last = await this.#give(this.decoder.finish());
    const more = this.enhancer ? this.line.push(await this.enhancer.finish()) : null;
    const rest = this.line.finish();
    return last.map((own, ch) => join(more ? join(own, more[ch]) : own, rest[ch]));
  }

  /** @param {import('../codec/hifi/synthesis.js').Decoded} decoded */
  async #give(decoded) {
    const { header, model } = this;
    if (decoded.coded && model.enhancer && !this.enhancer) {
      const { Enhancer } = await import('../codec/hifi/enhancer.js');
      this.enhancer = new Enhancer(this.network, model, header.channels, this.line.sample);
    }
    const samples = this.enhancer
      ? await this.enhancer.push(decoded) : decoded.sound.map((own) => Float32Array.from(own));
    return this.line.push(samples);
  }
}
