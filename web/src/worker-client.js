/** Decoder and encoder in a Web Worker, so that a page stays responsive: the same methods. */

import { revive } from './errors.js';

/** @typedef {import('./decoder.js').Options} Options */
/** @typedef {import('./decoder.js').DecodedAudio} DecodedAudio */
/** @typedef {import('./decoder.js').From} From */
/** @typedef {{ resolve: (value: any) => void, reject: (error: Error) => void, onProgress?: (share: number) => void }} Call */

/** A worker that is told what to do, one thing after the other. */
class Remote {
  #calls = 0;
  /** @type {Map<number, Call>} */
  #waiting = new Map();
  #worker;

  /** @param {{ models: any, runtime?: any }} options @param {string} kind */
  constructor(options, kind) {
    if (!options?.models) throw new TypeError('models: the address of the folder of models is needed');
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data: { call, result, error, progress } }) => {
      const waiting = this.#waiting.get(call);
      if (progress !== undefined) return waiting?.onProgress?.(progress);
      this.#waiting.delete(call);
      if (error) waiting?.reject(revive(error));
      else waiting?.resolve(result);
    };
    this.#worker.onerror = (event) => this.#fail(new Error(event.message || 'the worker failed'));
    const models = Array.isArray(options.models) ? options.models : [options.models];
    /** Resolves when it can be used. @type {Promise<void>} */
    this.ready = this.call('start', [kind, {
      ...options,
      models: models.map(absolute), // a worker's addresses are relative to its script
      ...(options.runtime === undefined ? {} : { runtime: absolute(options.runtime) }),
    }]);
    this.ready.catch(() => {});
  }

  /**
   * @param {string} method
   * @param {any[]} [args]
   * @param {(share: number) => void} [onProgress]
   * @returns {Promise<any>}
   */
  call(method, args = [], onProgress) {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject, onProgress });
      const streams = args.filter((arg) => arg instanceof ReadableStream);
      this.#worker.postMessage({ call, method, args }, streams);
    });
  }

  /** End the worker. @param {string} what */
  end(what) {
    this.#worker.terminate();
    this.#fail(new Error(`the ${what} was freed`));
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

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

/** The decoder in a Web Worker, so that a page stays responsive: the same methods. */
export class VauxDecoderWebWorker {
  #remote;

  /** @param {Options} options */
  constructor(options) {
    this.#remote = new Remote(options, 'decoder');
    /** Resolves when the decoder can be used. */
    this.ready = this.#remote.ready;
  }

  /**
   * Open a file to read any part of it.
   *
   * @param {From} from
   * @returns {Promise<WorkerFile>}
   */
  async open(from) {
    const source = from instanceof Response ? from.body : from;
    const address = typeof source === 'string' || source instanceof URL;
    const found = await this.#remote.call('open', [address ? absolute(source) : source]);
    return new WorkerFile((method, ...args) => this.#remote.call(method, [found.id, ...args]), found);
  }

  /** Decode a whole file. @param {From} from @returns {Promise<DecodedAudio>} */
  decodeFile(from) {
    const source = from instanceof Response ? from.body : from;
    const address = typeof source === 'string' || source instanceof URL;
    return this.#remote.call('decodeFile', [address ? absolute(source) : source]);
  }

  /** Decode the next bytes of a file that comes piece by piece.
   *  @param {Uint8Array} bytes @returns {Promise<DecodedAudio>} */
  decode(bytes) {
    return this.#remote.call('decode', [bytes]);
  }

  /** Decode what is left when the last bytes have come. @returns {Promise<DecodedAudio>} */
  flush() {
    return this.#remote.call('flush');
  }

  /** Forget the bytes that have come. @returns {Promise<void>} */
  reset() {
    return this.#remote.call('reset');
  }

  /** End the worker. */
  async free() {
    this.#remote.end('decoder');
  }
}

/** @typedef {import('./file/vaux-file.js').Damage} Damage */
/** @typedef {import('./container/metadata.js').Picture} Picture */

/** A file that a worker has open: as `VauxFile`, but that `seek` and `close` are awaited. */
export class WorkerFile {
  #call;

  /**
   * @param {(method: string, ...args: any[]) => Promise<any>} call
   * @param {{ sampleRate: number, channels: number, model: string, seekable: boolean,
   *   tags: Record<string, string>, pictures: Picture[], frames: number | null,
   *   damage: Damage[] }} about
   */
  constructor(call, about) {
    this.#call = call;
    this.sampleRate = about.sampleRate;
    this.channels = about.channels;
    this.model = about.model;
    this.tags = about.tags;
    this.pictures = about.pictures;
    this.seekable = about.seekable;
    this.frames = about.frames;
    this.damage = about.damage;
    this.position = 0;
  }

  /** Go to a frame. @param {number} frame */
  async seek(frame) {
    await this.#call('seek', frame);
    this.position = frame;
  }

  /** The next frames by channel; null at the end. @returns {Promise<Float32Array[] | null>} */
  async read() {
    const { piece, ...about } = await this.#call('read');
    Object.assign(this, about);
    return piece;
  }

  /** Let go of it. @returns {Promise<void>} */
  close() {
    return this.#call('close');
  }

  /** Pieces from the position on, to the end. */
  async *[Symbol.asyncIterator]() {
    for (let piece; (piece = await this.read()); ) yield piece;
  }
}

/** @param {string | URL} url */
const absolute = (url) => new URL(url, globalThis.location?.href).href;
