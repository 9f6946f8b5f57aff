/** Tokens to frames at the recording's rate, from any frame on: rates, delay, exact lengths. */

import { join, Resampler } from './resampler.js';
import { lateness, SpectralDecoder } from './spectral-decoder.js';
import { HOP } from './spectrum.js';

/** @typedef {import('../model/store.js').Model} Model */

/** Samples at a model's rate that so many frames are. @param {Model} model */
const samplesFor = (model, /** @type {number} */ frames, /** @type {number} */ rate) =>
  Math.ceil((frames * model.samplerate) / rate);

/** Tokens that carry so many frames. @param {Model} model */
export const tokensFor = (model, /** @type {number} */ frames, /** @type {number} */ rate) =>
  Math.ceil((samplesFor(model, frames, rate) + (model.delay ?? 0)) / model.hop);

/** Frames that can be decoded from so many tokens. @param {Model} model */
export const framesIn = (model, /** @type {number} */ tokens, /** @type {number} */ rate) =>
  Math.floor((Math.max(0, tokens * model.hop - (model.delay ?? 0)) * rate) / model.samplerate);

/** What samples of a decoder become: frames at the recording's rate. */
export class TimeLine {
  /**
   * @param {number} decoderRate
   * @param {import('../container/header.js').Header} header
   * @param {number} start the frame to begin with
   */
  constructor(decoderRate, header, start) {
    this.rates = [decoderRate, header.sampleRate];
    this.resampler = new Resampler(decoderRate, header.sampleRate, header.channels, start);
    /** The frame that comes next. */
    this.position = start;
    /** @type {number | null} how many there are, if that is known */
    this.frames = null;
    /** The sample that comes next. */
    this.sample = 0;
  }

  /** @param {Float32Array[]} samples */
  push(samples) {
    const begin = this.sample, length = samples[0].length;
    this.sample += length;
    const from = Math.max(0, this.resampler.first - begin);
    let to = length;
    if (this.frames !== null) {
      const end = Math.ceil((this.frames * this.rates[0]) / this.rates[1]);
      to = Math.max(from, length - Math.max(0, this.sample - end));
    }
    if (from >= length) return this.#give(samples.map(() => new Float32Array(0)));
    return this.#give(this.resampler.push(samples.map((own) => own.subarray(from, to))));
  }

  finish() {
    return this.#give(this.resampler.finish(this.frames ?? 0));
  }

  /** @param {Float32Array[]} out */
  #give(out) {
    if (this.frames !== null) {
      const left = Math.max(0, this.frames - this.position);
      out = out.map((own) => own.subarray(0, left));
    }
    this.position += out[0].length;
    return out;
  }
}

export class SignalDecoder {
  /**
   * @param {Model} model
   * @param {import('../container/header.js').Header} header
   * @param {import('./token-decoder.js').TokenDecoder} tokens
   * @param {number} start the frame to begin with
   */
  constructor(model, header, tokens, start) {
    const twice = header.bands ? 2 : 1;
    const hop = twice * model.hop;
    const { late, reach: more } = lateness(header);
    const delay = twice * (model.delay + late * model.hop);
    const reach = model.decoder.receptive_field + more;
    this.tokens = tokens;
    this.coded = codedChannels(header);
    this.channels = header.channels;
    this.spectral = late ? new SpectralDecoder(header) : null;
    this.line = new TimeLine(twice * model.samplerate, header, start);
    /** The token to begin with: far enough before `start` for network and filter to settle. */
    this.firstToken = Math.max(0, Math.floor((this.line.resampler.first + delay) / hop) - reach);
    this.line.sample = this.firstToken * hop - delay;
  }

  /**
   * @param {import('./token-decoder.js').Tokens} tokens
   * @param {Uint8Array} levels [channels][bands][tokens]
   * @param {Uint8Array} values of joint stereo, [pairs][2][bands][tokens]
   */
  async push(tokens, levels, values) {
    const some = await this.tokens.push(this.#pick(tokens));
    const samples = Array.from({ length: this.channels }, (_, ch) => {
      const at = this.coded.indexOf(ch);
      return at < 0 ? new Float32Array(some[0].length) : some[at];
    });
    return this.line.push(this.spectral ? this.spectral.push(samples, levels, values) : samples);
  }

  /** Of the channels that are coded. @param {import('./token-decoder.js').Tokens} all */
  #pick(all) {
    if (this.coded.length === all.channels) return all;
    const size = all.codebooks * all.tokens;
    const codes = new Int32Array(this.coded.length * size);
    this.coded.forEach((ch, i) => codes.set(all.codes.subarray(ch * size, (ch + 1) * size), i * size));
    return { ...all, channels: this.coded.length, codes };
  }

  finish() {
    if (!this.spectral) return this.line.finish();
    const last = this.line.push(this.spectral.finish()), rest = this.line.finish();
    return last.map((own, ch) => join(own, rest[ch]));
  }
}

/** Whether files of a model may have bands above its own, and joint stereo. @param {Model} model */
export const hasSpectrum = (model) => model.hop === HOP;

/** Channels that have codes: without sides, if these are not coded. @param {import('../container/header.js').Header} header */
export const codedChannels = ({ channels, stereoTokens, side }) =>
  Array.from({ length: channels }, (_, ch) => ch).filter((ch) => !stereoTokens || side || ch % 2 === 0);
