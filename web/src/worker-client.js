/** The decoder in a Web Worker, so that a page stays responsive: the same methods. */

import { revive } from './errors.js';

/** @typedef {import('./decoder.js').Options} Options */
/** @typedef {import('./decoder.js').DecodedAudio} DecodedAudio */
/** @typedef {import('./decoder.js').From} From */

export class VauxDecoderWebWorker {
  #calls = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #worker;

  /** @param {Options} options */
  constructor(options) {
    if (!options?.models) throw new TypeError('models: the address of the folder of models is needed');
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data: { call, result, error } }) => {
      const waiting = this.#waiting.get(call);
      this.#waiting.delete(call);
      if (error) waiting?.reject(revive(error));
      else waiting?.resolve(result);
    };
    this.#worker.onerror = (event) => this.#fail(new Error(event.message || 'the worker failed'));
    const models = Array.isArray(options.models) ? options.models : [options.models];
    /** Resolves when the decoder can be used. @type {Promise<void>} */
    this.ready = this.#call('start', {
      ...options,
      models: models.map(absolute), // a worker's addresses are relative to its script
      ...(options.runtime === undefined ? {} : { runtime: absolute(options.runtime) }),
    });
    this.ready.catch(() => {});
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
    const found = await this.#call('open', address ? absolute(source) : source);
    return new WorkerFile((method, ...args) => this.#call(method, found.id, ...args), found);
  }

  /** Decode a whole file. @param {From} from @returns {Promise<DecodedAudio>} */
  decodeFile(from) {
    const source = from instanceof Response ? from.body : from;
    const address = typeof source === 'string' || source instanceof URL;
    return this.#call('decodeFile', address ? absolute(source) : source);
  }

  /** Decode the next bytes of a file that comes piece by piece.
   *  @param {Uint8Array} bytes @returns {Promise<DecodedAudio>} */
  decode(bytes) {
    return this.#call('decode', bytes);
  }

  /** Decode what is left when the last bytes have come. @returns {Promise<DecodedAudio>} */
  flush() {
    return this.#call('flush');
  }

  /** Forget the bytes that have come. @returns {Promise<void>} */
  reset() {
    return this.#call('reset');
  }

  /** End the worker. */
  async free() {
    this.#worker.terminate();
    this.#fail(new Error('the decoder was freed'));
  }

  /** @param {string} method @param {any[]} args @returns {Promise<any>} */
  #call(method, ...args) {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      const streams = args.filter((arg) => arg instanceof ReadableStream);
      this.#worker.postMessage({ call, method, args }, streams);
    });
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
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
