/** Speech of few bits, made to sound more like what it was: a network after the decoder. */

import { join } from '../resampler.js';
import { FADE } from './synthesis.js';

const PIECE = 64; // hops: what the network is given at once; it begins at multiples of it

/** Push samples, get as many in all. */
export class Enhancer {
  /**
   * @param {() => Promise<{ ort: import('../../model/runtime.js').Ort, session: import('../../model/runtime.js').Session }>} open
   *   loads the network, once there is speech of few bits
   * @param {import('../../model/store.js').Model} model
   * @param {number} channels
   * @param {number} position where in the file the first sample is
   */
  constructor(open, model, channels, position) {
    this.open = open;
    this.network = /** @type {import('../../model/store.js').Enhancement} */ (model.enhancer);
    this.size = PIECE * this.network.hop;
    this.channels = channels;
    this.position = position; // of the next sample
    this.speaks = false;
    this.sound = this.#silence(channels, 0); // that waits for its change
    this.input = this.#silence(2 * channels, 0); // that waits for the network: each channel, and it without noise
    this.early = 0; // what the network gives before the first change
    this.changed = 0;
    this.state = new Float32Array(0);
  }

  /** @param {number} count @param {number} length */
  #silence(count, length) {
    return Array.from({ length: count }, () => new Float32Array(length));
  }

  /** @param {import('./synthesis.js').Decoded} decoded */
  async push({ sound, coded }) {
    const now = sound.map((own) => Float32Array.from(own)), begin = this.position;
    this.position += now[0].length;
    if (!coded) {
      const before = await this.finish();
      return now.map((own, ch) => join(before[ch], own));
    }
    if (!this.speaks) this.#speak(begin);
    this.sound = this.sound.map((own, ch) => join(own, now[ch]));
    const input = now.flatMap((own, ch) => [own, Float32Array.from(coded[ch])]);
    return this.#give(await this.#run(input));
  }

  /** The samples that are left. */
  async finish() {
    if (!this.speaks) return this.sound;
    const left = this.sound[0].length;
    const silence = this.#silence(2 * this.channels, this.early + left + this.size);
    const change = (await this.#run(silence)).map((own) => own.subarray(0, left));
    for (const own of change) own.forEach((x, n) => (own[n] = x * Math.min((left - n) / FADE, 1)));
    this.speaks = false;
    return this.#give(change);
  }

  /** Speech begins: after silence, so that pieces are where they are in the whole file. @param {number} position */
  #speak(position) {
    const before = this.size + (position % this.size);
    this.speaks = true;
    this.input = this.#silence(2 * this.channels, before);
    this.early = before + this.network.delay;
    this.changed = 0;
    this.state = new Float32Array(this.channels * this.network.state);
  }

  /** Changes that the network makes of what it is given. @param {Float32Array[]} more */
  async #run(more) {
    const { size, channels } = this, { ort, session } = await this.open();
    this.input = this.input.map((own, i) => join(own, more[i]));
    const end = this.input[0].length - (this.input[0].length % size);
    const change = this.#silence(channels, end);
    for (let at = 0; at < end; at += size) {
      const parts = new Float32Array(2 * channels * size);
      this.input.forEach((own, i) => parts.set(own.subarray(at, at + size), i * size));
      const out = await session.run({
        parts: new ort.Tensor('float32', parts, [channels, 2, size]),
        state: new ort.Tensor('float32', this.state, [channels, this.network.state]),
      });
      const data = /** @type {Float32Array} */ (out.change.data);
      change.forEach((own, ch) => own.set(data.subarray(ch * size, (ch + 1) * size), at));
      this.state = /** @type {Float32Array} */ (out.next_state.data).slice();
    }
    this.input = this.input.map((own) => own.slice(end));
    const early = Math.min(this.early, end);
    this.early -= early;
    return change.map((own) => own.subarray(early));
  }

  /** @param {Float32Array[]} change */
  #give(change) {
    const count = change[0].length, begin = this.changed;
    this.changed += count;
    const given = this.sound.map((own, ch) =>
      own.slice(0, count).map((x, n) => x + change[ch][n] * Math.min((begin + n) / FADE, 1)));
    this.sound = this.sound.map((own) => own.slice(count));
    return given;
  }
}
