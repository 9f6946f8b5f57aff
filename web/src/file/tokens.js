/** Frames of a file of a model of tokens, piece by piece. */

import { ConcealingDecoder } from '../codec/concealment.js';
import { codedChannels, SignalDecoder } from '../codec/signal.js';
import { TokenDecoder } from '../codec/token-decoder.js';

const FIRST = 38, NEXT = 150; // tokens that go through the network at once: half a second, then two

export class TokenFrames {
  /**
   * @param {import('./blocks.js').CodeReader} codes
   * @param {import('../model/runtime.js').Ort} ort
   * @param {import('../model/runtime.js').Session} session
   * @param {boolean} conceal
   */
  constructor(codes, ort, session, conceal) {
    this.codes = codes;
    this.make = () => new (conceal ? ConcealingDecoder : TokenDecoder)(
      ort, session, codes.model, codedChannels(codes.header).length);
    this.conceal = conceal;
    /** @type {{ index: number, block: import('./blocks.js').Decoded } | null} */
    this.held = null;
    this.damage = codes.damage;
    this.begin(0);
  }

  /** Begin with that frame. @param {number} frame */
  begin(frame) {
    /** @type {SignalDecoder} */
    this.decoder = new SignalDecoder(this.codes.model, this.codes.header, this.make(), frame);
    /** @type {number} */
    this.token = this.decoder.firstToken;
    /** @type {number} */
    this.count = FIRST;
  }

  /**
   * The next frames by channel, perhaps none; null at the end.
   *
   * @param {() => number | null} frames how many the file has, if that is known by then
   */
  async next(frames) {
    const { decoder } = this;
    const { blockTokens, bands } = this.codes.header;
    const index = Math.floor(this.token / blockTokens);
    if (this.held?.index !== index) {
      const block = await this.codes.take(index, this.conceal);
      this.held = block && { index, block };
    }
    decoder.line.frames = frames();
    const at = this.token - index * blockTokens, block = this.held?.block;
    if (!block || at >= block.tokens) return null;
    const count = Math.min(this.count, block.tokens - at);
    this.token += count;
    this.count = NEXT;
    const { channels, codebooks } = block;
    const part = (/** @type {any} */ values, /** @type {number} */ rows) => {
      const out = new values.constructor(rows * count);
      for (let row = 0; row < rows; row++) {
        const from = row * block.tokens + at;
        out.set(values.subarray(from, from + count), row * count);
      }
      return out;
    };
    return decoder.push(
      { channels, codebooks, tokens: count, codes: part(block.codes, channels * codebooks) },
      part(block.levels, channels * bands),
      part(block.values, block.values.length / block.tokens),
    );
  }

  async finish() {
    return this.decoder.finish();
  }
}
