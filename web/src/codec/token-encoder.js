/** The encoder's network and its state: windows of samples at the model's rate in, codes out. */

/**
 * What a network finds of a window: [codebooks][tokens], and [codebooks + 1][tokens].
 *
 * @typedef {{codes: Int32Array, distortion: Float32Array}} Found
 */

export class TokenEncoder {
  /**
   * @param {import('../model/runtime.js').Ort} ort
   * @param {import('../model/runtime.js').Session} session
   * @param {import('../model/store.js').Model} model
   */
  constructor(ort, session, model) {
    this.ort = ort;
    this.session = session;
    this.state = new Float32Array(model.encoder.state); // zeros at the start of a signal
  }

  /** @param {Float32Array} samples of whole tokens @returns {Promise<Found>} */
  async push(samples) {
    const { ort, state } = this;
    const out = await this.session.run({
      pcm: new ort.Tensor('float32', samples, [1, samples.length]),
      state: new ort.Tensor('float32', state, [1, state.length]),
    });
    this.state = /** @type {Float32Array} */ (out.next_state.data).slice();
    return {
      codes: /** @type {Int32Array} */ (out.codes.data).slice(),
      distortion: /** @type {Float32Array} */ (out.distortion.data).slice(),
    };
  }
}
