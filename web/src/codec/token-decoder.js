/** The decoder's network and its state: whole tokens in, samples at the model's rate out. */

/** In place of a token's first code: this token is lost. */
export const LOST = -2;

/**
 * Tokens of a stretch of a file.
 *
 * @typedef {object} Tokens
 * @property {number} channels
 * @property {number} codebooks
 * @property {number} tokens
 * @property {Int32Array} codes [channels][codebooks][tokens]; negative where there is none
 */

export class TokenDecoder {
  /**
   * @param {import('../model/runtime.js').Ort} ort
   * @param {import('../model/runtime.js').Session} session
   * @param {import('../model/store.js').Model} model
   * @param {number} channels
   */
  constructor(ort, session, model, channels) {
    this.ort = ort;
    this.session = session;
    this.model = model;
    this.channels = channels;
    /** @type {Float32Array} zeros at the start of a signal */
    this.state = new Float32Array(channels * model.decoder.state);
  }

  /** @param {Tokens} tokens @returns {Promise<Float32Array[]>} by channel */
  async push(tokens) {
    const { samples, state } = await this.run(tokens, this.state);
    this.goOnFrom(state);
    return samples;
  }

  /** @param {Float32Array} state */
  goOnFrom(state) {
    this.state = state;
  }

  /** @param {Tokens} tokens @param {Float32Array} state */
  async run({ codebooks, tokens, codes }, state) {
    const { ort, channels, model } = this, every = model.codebooks;
    const all = new Int32Array(channels * every * tokens).fill(-1);
    for (let ch = 0; ch < channels; ch++) {
      const from = ch * codebooks * tokens;
      all.set(codes.subarray(from, from + codebooks * tokens), ch * every * tokens);
    }
    for (let i = 0; i < all.length; i++) if (all[i] < -1) all[i] = -1;
    const out = await this.session.run({
      codes: new ort.Tensor('int32', all, [channels, every, tokens]),
      state: new ort.Tensor('float32', state, [channels, model.decoder.state]),
    });
    const pcm = /** @type {Float32Array} */ (out.pcm.data), length = tokens * model.hop;
    return {
      samples: Array.from({ length: channels }, (_, ch) =>
        pcm.slice(ch * length, (ch + 1) * length)),
      state: /** @type {Float32Array} */ (out.next_state.data).slice(),
    };
  }
}
