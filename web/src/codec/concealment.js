/**
 * Tokens to samples where some are lost, as the Python library does it: a lost token sounds like the
 * last one, mixed with the sound before it repeated at its pitch; after 67 ms it fades to silence.
 * When tokens arrive again soon, the decoder's state becomes the mean of two: that of having heard
 * the token before the gap all the time, and that of having heard the one after it.
 */

import { join } from './resampler.js';
import { LOST, TokenDecoder } from './token-decoder.js';

/** @typedef {import('./token-decoder.js').Tokens} Tokens */
/** @typedef {{ period: Float32Array, share: number, at: number }} Echo */

const BRIDGED = 5; // tokens of a gap that are filled at full volume, and bridged when it ends
const SILENT = 10; // tokens of a gap after which there is silence
const PERIODS = [0.0025, 0.0175]; // seconds of the shortest and longest period of a voice
const SHARE = 0.6; // of the repeated sound in the mix, where it is periodic

export class ConcealingDecoder extends TokenDecoder {
  /** @param {ConstructorParameters<typeof TokenDecoder>} rest */
  constructor(...rest) {
    super(...rest);
    const { samplerate, hop, delay, codebooks } = this.model;
    this.before = new Float32Array(0); // the state before a gap
    this.last = new Int32Array(this.channels * codebooks).fill(LOST); // codes before it
    this.gap = 0; // tokens lost since
    this.periods = PERIODS.map((seconds) => Math.round(seconds * samplerate));
    this.delay = Math.floor(delay / hop);
    this.heard = Array.from({ length: this.channels }, () =>
      new Float32Array(this.periods[1] + hop));
    this.lost = new Array(this.delay + 1).fill(false); // the last tokens, newest first
    /** @type {(Echo | null)[]} what is mixed in at present, by channel */
    this.echoes = new Array(this.channels).fill(null);
  }

  /** @param {Tokens} tokens */
  async push(tokens) {
    const out = Array.from({ length: this.channels }, () => new Float32Array(0));
    for (let t = 0; t < tokens.tokens; ) {
      const lost = tokens.codes[t] === LOST;
      let stop = t + 1; // alike up to here
      while (stop < tokens.tokens && (tokens.codes[stop] === LOST) === lost) stop++;
      let samples;
      if (lost && this.gap >= SILENT) samples = await this.#silence(stop - t);
      else if (!lost && !this.lost.includes(true)) samples = await this.#plain(tokens, t, stop);
      else samples = await this.#step(tokens, (stop = t + 1) - 1);
      for (let ch = 0; ch < this.channels; ch++) out[ch] = join(out[ch], samples[ch]);
      t = stop;
    }
    return out;
  }

  /** Tokens far from any that are lost. @param {Tokens} tokens @param {number} from @param {number} to */
  async #plain(tokens, from, to) {
    const { channels, codebooks } = tokens, count = to - from;
    const codes = new Int32Array(channels * codebooks * count);
    for (let row = 0; row < channels * codebooks; row++) {
      const at = row * tokens.tokens;
      codes.set(tokens.codes.subarray(at + from, at + to), row * count);
    }
    this.#remember(tokens, to - 1);
    const samples = await super.push({ channels, codebooks, tokens: count, codes });
    this.#hear(samples);
    return samples;
  }

  /** So many more lost tokens of a gap that has faded out. @param {number} count */
  async #silence(count) {
    const samples = await super.push(this.#again(count, false));
    for (const own of samples) own.fill(0);
    this.#hear(samples);
    this.gap += count;
    this.lost.unshift(...new Array(Math.min(count, this.delay + 1)).fill(true));
    this.lost.length = this.delay + 1;
    const after = count * this.model.hop;
    this.echoes = this.echoes.map((echo) => echo && { ...echo, at: echo.at + after });
    return samples;
  }

  /** @param {Tokens} tokens @param {number} t */
  async #step(tokens, t) {
    const { hop } = this.model, { gap } = this;
    const lost = tokens.codes[t] === LOST;
    if (lost && gap === 0) this.before = this.state.slice();
    if (!lost) {
      this.#remember(tokens, t);
      if (gap > 0 && gap <= BRIDGED) {
        const other = await this.run(this.#again(gap), this.before);
        const mean = (/** @type {number} */ x, /** @type {number} */ i) => (x + other.state[i]) / 2;
        this.goOnFrom(this.state.map(mean));
      }
    }
    const repeat = !lost || gap < SILENT;
    const samples = await super.push(this.#again(1, repeat));
    this.lost.unshift(lost);
    this.lost.length = this.delay + 1;
    for (let ch = 0; ch < this.channels; ch++) this.#mix(ch, samples[ch]);
    this.gap = lost ? gap + 1 : 0;
    const old = volume(gap), now = volume(this.gap);
    for (const own of samples) {
      for (let i = 0; i < hop; i++) own[i] *= old + ((now - old) * i) / (hop - 1);
    }
    this.#hear(samples);
    return samples;
  }

  /** @param {Tokens} tokens @param {number} t */
  #remember({ codebooks, tokens, codes }, t) {
    this.last.fill(LOST);
    for (let ch = 0; ch < this.channels; ch++) {
      for (let k = 0; k < codebooks; k++) {
        this.last[ch * this.model.codebooks + k] = codes[(ch * codebooks + k) * tokens + t];
      }
    }
  }

  /** The last token so many times; or none. @param {number} times */
  #again(times, there = true) {
    const codes = new Int32Array(this.last.length * times).fill(LOST);
    if (there) this.last.forEach((code, i) => codes.fill(code, i * times, (i + 1) * times));
    return { channels: this.channels, codebooks: this.model.codebooks, tokens: times, codes };
  }

  /** Mix the echo into what is heard of lost tokens. @param {number} ch @param {Float32Array} samples */
  #mix(ch, samples) {
    const { hop } = this.model;
    // A token is heard over two hops: it rises in the one and falls in the other.
    const falls = this.lost[this.delay], rises = this.lost[this.delay - 1];
    if (!falls && !rises) return;
    let echo = this.echoes[ch];
    if (!echo || !falls) echo = echoOf(this.heard[ch], hop, this.periods);
    for (let i = 0; i < hop; i++) {
      let share = volume((echo.at + i) / hop) * echo.share;
      if (!falls || !rises) {
        const place = (rises ? i : hop - 1 - i) / (hop - 1);
        share *= Math.sin((Math.PI / 2) * place) ** 2;
      }
      samples[i] += share * (echo.period[(echo.at + i) % echo.period.length] - samples[i]);
    }
    this.echoes[ch] = rises ? { ...echo, at: echo.at + hop } : null;
  }

  /** @param {Float32Array[]} samples */
  #hear(samples) {
    this.heard = this.heard.map((heard, ch) => {
      const whole = join(heard, samples[ch]);
      return whole.slice(whole.length - heard.length);
    });
  }
}

/**
 * Of the period at which the last `length` samples are most like those before them.
 *
 * @param {Float32Array} heard
 * @param {number} length
 * @param {number[]} periods
 * @returns {Echo}
 */
function echoOf(heard, length, [shortest, longest]) {
  const end = heard.length - length;
  const product = (/** @type {number} */ a, /** @type {number} */ b) => {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += heard[a + i] * heard[b + i];
    return sum;
  };
  const energy = product(end, end);
  let best = 0, most = -Infinity;
  for (let at = 0; at <= longest - shortest; at++) {
    const likeness = product(at, end) / Math.sqrt(product(at, at) * energy + 1e-9);
    if (likeness > most) [best, most] = [at, likeness];
  }
  const share = SHARE * Math.min(1, Math.max(0, 2 * most - 0.4));
  return { period: heard.slice(heard.length + best - longest), share, at: 0 };
}

/** How loud it is at the end of a gap's so many tokens. @param {number} gap */
const volume = (gap) => Math.min(1, Math.max(0, (SILENT - gap) / (SILENT - BRIDGED)));
