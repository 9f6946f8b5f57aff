/** A `.vx` file, open: what it is, and its frames from anywhere. The one unit is the frame. */

import { framesIn, tokensFor } from '../codec/signal.js';
import { Reader } from '../container/reader.js';
import { FormatError, LimitError, naming, TruncatedError, VauxError } from '../errors.js';
import { loadRuntime } from '../model/runtime.js';
import { BlockReader, CodeReader } from './blocks.js';
import { TokenFrames } from './tokens.js';

/**
 * @typedef {object} Damage
 * @property {string} name of the error
 * @property {string} message
 * @property {number} start the first frame that is concealed
 * @property {number} stop the one after the last; equal where none are
 */

/**
 * @typedef {object} Options
 * @property {string | URL | (string | URL)[]} models address of the folder of models, or of several
 * @property {string | URL} [runtime] address of the folder `onnxruntime-web/dist`; not needed where
 *   the page is bundled
 * @property {number} [threads] of ONNX Runtime; as many as there can be, up to 4, if not given
 * @property {boolean} [cache] false: do not keep models in the browser's cache
 * @property {'stop' | 'conceal'} [onError] what to do about damage: throw, or put something like
 *   what was there in its place and tell
 * @property {number} [maxFrames] refuse files of more frames than that
 */

export class VauxFile {
  /**
   * @param {import('../container/source.js').Source} source
   * @param {import('../model/store.js').Store} store
   * @param {Options} options
   * @param {string | null} name
   * @returns {Promise<VauxFile>}
   */
  static async open(source, store, options, name) {
    const conceal = options.onError === 'conceal';
    const reader = await Reader.open(source, !conceal);
    const { header } = reader;
    const model = await store.find(header.model, header.codeSpace);
    const blocks = new BlockReader(reader);
    /** @type {TokenFrames | import('./transform.js').TransformFrames} */
    let content;
    if (header.rate) {
      const { TransformFrames } = await import('./transform.js');
      content = await TransformFrames.open(blocks, model, store, conceal, () => loadRuntime(options));
    } else {
      const runtime = loadRuntime(options);
      const [codes, ort, session] = await Promise.all([
        CodeReader.open(blocks, model, store),
        runtime,
        runtime.then((ort) => store.session(ort, model, model.decoder)),
      ]);
      content = new TokenFrames(codes, ort, session, conceal);
    }
    const file = new VauxFile(blocks, model, content, options, name);
    file.checkLimit();
    return file;
  }

  /**
   * @param {BlockReader} blocks
   * @param {import('../model/store.js').Model} model
   * @param {TokenFrames | import('./transform.js').TransformFrames} content
   * @param {Options} options
   * @param {string | null} name
   */
  constructor(blocks, model, content, { onError = 'stop', maxFrames = Infinity }, name) {
    /** Of a `File`, or the address; null if it has none. */
    this.name = name;
    this.blocks = blocks;
    this.reader = blocks.reader;
    this.grid = model;
    this.content = content;
    this.conceal = onError === 'conceal';
    this.maxFrames = maxFrames;
    this.position = 0;
    this.begun = -1; // position that decoding goes on from
    this.ended = false;
    /** @type {unknown} what a stream cannot go on after */
    this.failed = null;
  }

  get sampleRate() {
    return this.reader.header.sampleRate;
  }

  get channels() {
    return this.reader.header.channels;
  }

  /** Name of the model. */
  get model() {
    return this.reader.header.model;
  }

  get tags() {
    return this.reader.metadata.tags;
  }

  get pictures() {
    return this.reader.metadata.pictures;
  }

  /** Whether it can be read from anywhere. */
  get seekable() {
    return this.reader.seekable;
  }

  /** Frames that can be decoded; null of a stream whose end is not in sight. */
  get frames() {
    const { reader, grid } = this, { header } = reader;
    if (reader.complete) {
      const frames = reader.frames ?? 0;
      const needed = tokensFor(grid, frames, header.sampleRate);
      if (reader.tokens !== needed) {
        throw new FormatError(`${reader.tokens} tokens: ${frames} frames need ${needed}`);
      }
      return frames;
    }
    if (!reader.seekable && !reader.fault) return header.frames;
    const there = framesIn(grid, reader.tokens, header.sampleRate);
    return header.frames === null ? there : Math.min(there, header.frames);
  }

  /** What was found damaged up to now. @returns {Damage[]} */
  get damage() {
    const { reader, grid } = this, { header } = reader;
    const found = [];
    if (reader.lost) found.push(told(reader.lost, 0, 0));
    const end = this.frames;
    for (const [index, error] of [...this.content.damage].sort(([a], [b]) => a - b)) {
      const first = index * header.blockTokens;
      const last = Math.min(first + header.blockTokens, reader.tokens);
      const [start, stop] = [first, last].map((t) => framesIn(grid, t, header.sampleRate));
      found.push(told(error, start, Math.min(stop, end ?? stop)));
    }
    if (reader.fault && end !== null) found.push(told(reader.fault, end, end));
    return found;
  }

  /** Go to a frame. @param {number} frame */
  seek(frame) {
    if (!this.seekable) throw new VauxError('a stream can only be read in order');
    const length = this.frames ?? 0;
    if (!(frame >= 0 && frame <= length)) throw new RangeError(`frame ${frame}: there are ${length}`);
    this.position = Math.floor(frame);
  }

  /**
   * The next frames, as many as are convenient; null at the end.
   *
   * @returns {Promise<Float32Array[] | null>} by channel
   */
  async read() {
    return naming(this.name, () => this.#read());
  }

  async #read() {
    if (this.begun !== this.position) {
      this.content.begin(this.position);
      this.begun = this.position;
      this.ended = false;
    }
    while (!this.ended) {
      this.checkLimit();
      if (this.failed) throw this.failed;
      let piece;
      try {
        piece = await this.content.next(() => this.frames);
        if (!piece) {
          this.ended = true;
          await this.blocks.end();
          this.#checkEnd();
          piece = await this.content.finish();
        }
      } catch (error) { // what was decoded is no longer where it belongs
        if (this.seekable) this.begun = -1;
        else this.failed = error;
        throw error;
      }
      if (!piece[0].length) continue;
      this.position = this.begun = this.begun + piece[0].length;
      return piece;
    }
    return null;
  }

  /** Pieces from the position on, to the end. */
  async *[Symbol.asyncIterator]() {
    for (let piece; (piece = await this.read()); ) yield piece;
  }

  /** Refuse what has, or claims, more frames than are accepted. */
  checkLimit() {
    const { reader, grid, maxFrames } = this, rate = this.sampleRate;
    let frames = reader.complete ? reader.frames : reader.header.frames;
    if (frames === null || frames <= maxFrames) {
      if (maxFrames === Infinity || reader.tokens <= tokensFor(grid, maxFrames, rate)) return;
      frames = framesIn(grid, reader.tokens, rate);
    }
    throw new LimitError(`${frames} frames: at most ${maxFrames} are accepted`);
  }

  /** What there is of a file that is cut off has been given; then it is told. */
  #checkEnd() {
    const { reader } = this;
    if (reader.complete || this.conceal) return;
    const frames = this.frames ?? 0;
    const there = frames
      ? `its first ${(frames / this.sampleRate).toFixed(1)} s can be read`
      : 'nothing of its first block can be read';
    if (!reader.fault || reader.fault instanceof TruncatedError) {
      throw new TruncatedError(`cut off: ${there}`);
    }
    const Kind = /** @type {new (message: string) => Error} */ (reader.fault.constructor);
    throw new Kind(`damaged: ${reader.fault.message}; ${there}`);
  }
}

/** @param {Error} error @param {number} start @param {number} stop @returns {Damage} */
const told = ({ name, message }, start, stop) => ({ name, message, start, stop });
