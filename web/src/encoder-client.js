/** The encoder that pages use: it works in a Web Worker. */

import { Remote } from './remote.js';

/** The encoder in a Web Worker, so that a page stays responsive: the same methods. */
export class VauxEncoderWebWorker {
  #remote;

  /** @param {import('./encoder.js').EncoderOptions} options */
  constructor(options) {
    this.#remote = new Remote(options, 'encoder');
    /** Resolves when the encoder can be used. */
    this.ready = this.#remote.ready;
  }

  /**
   * Encode a recording.
   *
   * @param {import('./encoder.js').Recording} recording
   * @param {import('./encoder.js').Wishes} [wishes]
   * @returns {Promise<Uint8Array>} the file
   */
  encode({ channelData, sampleRate }, { onProgress, ...wishes } = {}) {
    return this.#remote.call('encode', [{ channelData, sampleRate }, wishes], onProgress);
  }

  /** End the worker. */
  async free() {
    this.#remote.end('encoder');
  }
}
