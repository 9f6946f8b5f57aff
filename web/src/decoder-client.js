/** The decoder that pages use: it works in a Web Worker. */

import { bodyOf, nameOf } from './container/source.js';
import { absolute, Remote } from './remote.js';

/** @typedef {import('./decoder.js').Options} Options */
/** @typedef {import('./decoder.js').DecodedAudio} DecodedAudio */
/** @typedef {import('./decoder.js').From} From */

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
    const found = await this.#remote.call('open', sendable(from));
    return new WorkerFile((method, ...args) => this.#remote.call(method, [found.id, ...args]), found);
  }

  /** Decode a whole file. @param {From} from @returns {Promise<DecodedAudio>} */
  async decodeFile(from) {
    return this.#remote.call('decodeFile', sendable(from));
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
   * @param {{ name: string | null, sampleRate: number, channels: number, model: string, seekable: boolean,
   *   tags: Record<string, string>, pictures: Picture[], frames: number | null,
   *   damage: Damage[] }} about
   */
  constructor(call, about) {
    this.#call = call;
    this.name = about.name;
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

/**
 * What can go to a worker: a file and its name.
 *
 * @param {From} from
 * @returns {[any, string | null]}
 */
function sendable(from) {
  const body = bodyOf(from), address = typeof body === 'string' || body instanceof URL;
  return [address ? absolute(body) : body, nameOf(from)];
}
