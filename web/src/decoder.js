/** The decoder that pages use: whole files, pieces as they come, or any part of a file. */

import { nameOf, openSource } from './container/source.js';
import { RangeDecoder } from './entropy/exact.js';
import { naming } from './errors.js';
import { VauxFile } from './file/vaux-file.js';
import { loadRuntime } from './model/runtime.js';
import { Store } from './model/store.js';

/** @typedef {import('./file/vaux-file.js').Options} Options */
/** @typedef {import('./file/vaux-file.js').Damage} Damage */
/** @typedef {import('./container/source.js').From} From */

/**
 * @typedef {object} DecodedAudio
 * @property {Float32Array[]} channelData by channel
 * @property {number} samplesDecoded of each channel
 * @property {number} sampleRate in Hz; 0 as long as it is not known
 * @property {Damage[]} errors what was concealed, and where
 */

/** What both kinds of decoders have in common: whole files by `open`. */
export class VauxDecoder {
  /** @param {Options} options */
  constructor(options) {
    if (!options?.models) throw new TypeError('models: the address of the folder of models is needed');
    this.options = options;
    const { models } = options;
    this.store = new Store(Array.isArray(models) ? models : [models], options);
    /** Resolves when the decoder can be used. Models load with the first file that needs them. */
    this.ready = Promise.all([RangeDecoder.load(), loadRuntime(options)]).then(() => {});
    this.ready.catch(() => {}); // told by whoever awaits it
    /** @type {Pushed | null} */
    this.pushed = null;
  }

  /**
   * Open a file to read any part of it.
   *
   * @param {From} from bytes, a Blob, an address (read by range requests), a Response or a stream
   * @param {{ name?: string | null, signal?: AbortSignal }} [options] `name`: of the file, for
   *   errors; that of a `File`, or the address, if not given
   * @returns {Promise<VauxFile>}
   */
  async open(from, { name = nameOf(from), signal } = {}) {
    return naming(name, async () =>
      VauxFile.open(await openSource(from, { signal }), this.store, this.options, name));
  }

  /**
   * Decode a whole file.
   *
   * @param {From} from
   * @param {{ name?: string | null }} [options] as of `open`
   * @returns {Promise<DecodedAudio>}
   */
  async decodeFile(from, options) {
    const file = await this.open(from, options);
    const pieces = [];
    for await (const piece of file) pieces.push(piece);
    return gathered(file, pieces);
  }

  /**
   * Decode the next bytes of a file that comes piece by piece: what they complete. A file begins
   * with the first call, and with the one after `flush` or `reset`.
   *
   * @param {Uint8Array} bytes
   * @returns {Promise<DecodedAudio>}
   */
  async decode(bytes) {
    this.pushed ??= new Pushed((stream) => this.open(stream));
    return this.pushed.push(bytes);
  }

  /** Decode what is left when the last bytes have come. @returns {Promise<DecodedAudio>} */
  async flush() {
    const { pushed } = this;
    this.pushed = null;
    return pushed ? pushed.finish() : gathered(null, []);
  }

  /** Forget the bytes that have come. */
  async reset() {
    this.pushed = null;
  }

  /** Let go of the models' memory. */
  async free() {
    this.pushed = null;
    await this.store.free();
  }
}

/** A file that is pushed, decoded as far as it goes. */
class Pushed {
  /** @param {(stream: ReadableStream<Uint8Array>) => Promise<VauxFile>} open */
  constructor(open) {
    /** @type {Float32Array[][]} */
    this.pieces = [];
    /** @type {VauxFile | null} */
    this.file = null;
    this.told = 0; // errors
    this.starving = () => {};
    /** @type {ReadableStreamDefaultController<Uint8Array>} */
    let controller = /** @type {any} */ (null);
    const stream = new ReadableStream({
      start: (own) => void (controller = own),
      pull: () => this.starving(),
    }, { highWaterMark: 0 });
    this.controller = controller;
    this.done = this.#run(open, stream);
    this.done.catch(() => {});
  }

  /** @param {(stream: ReadableStream<Uint8Array>) => Promise<VauxFile>} open @param {ReadableStream<Uint8Array>} stream */
  async #run(open, stream) {
    this.file = await open(stream);
    for await (const piece of this.file) this.pieces.push(piece);
  }

  /** @param {Uint8Array} bytes */
  async push(bytes) {
    if (bytes.length) {
      const hungry = new Promise((resolve) => (this.starving = () => resolve(undefined)));
      this.controller.enqueue(bytes.slice());
      await Promise.race([hungry, this.done]);
    }
    return this.#gathered();
  }

  async finish() {
    this.controller.close();
    await this.done;
    return this.#gathered();
  }

  #gathered() {
    const out = gathered(this.file, this.pieces.splice(0));
    out.errors = out.errors.slice(this.told);
    this.told += out.errors.length;
    return out;
  }
}

/** @param {VauxFile | null} file @param {Float32Array[][]} pieces @returns {DecodedAudio} */
function gathered(file, pieces) {
  const length = pieces.reduce((sum, piece) => sum + piece[0].length, 0);
  const channelData = Array.from({ length: file?.channels ?? 0 }, (_, ch) => {
    const whole = new Float32Array(length);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece[ch], at);
      at += piece[ch].length;
    }
    return whole;
  });
  return {
    channelData, samplesDecoded: length,
    sampleRate: file?.sampleRate ?? 0, errors: file?.damage ?? [],
  };
}

