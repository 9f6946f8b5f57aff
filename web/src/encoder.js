/** The encoder that pages use: a recording to the bytes of a `.vx` file. */

import { choose, planOf, SPAN, WINDOW } from './codec/allocation.js';
import { downmix } from './codec/downmixer.js';
import { bandsOf, FINE_COST, measure } from './codec/meter.js';
import { Resampler } from './codec/resampler.js';
import { hasSpectrum, tokensFor } from './codec/signal.js';
import { stereoBands, stereoEdges } from './codec/spectral-decoder.js';
import { stereoPlanOf } from './codec/stereo-plan.js';
import { TokenEncoder } from './codec/token-encoder.js';
import { levelTokens, LM, PACKED } from './container/header.js';
import { Writer } from './container/writer.js';
import { ABSENT, checksum } from './entropy/codes.js';
import { encodeAllocation, encodeLevels, pack, RangeEncoder } from './entropy/encoding.js';
import { encodeStereo } from './entropy/stereo.js';
import { ModelError, VauxError } from './errors.js';
import { loadRuntime } from './model/runtime.js';
import { Store } from './model/store.js';

/** @typedef {Pick<import('./file/vaux-file.js').Options, 'models' | 'runtime' | 'threads' | 'cache'>} EncoderOptions */
/** @typedef {import('./model/store.js').Model} Model */
/** @typedef {import('./container/header.js').Header} Header */

/**
 * A recording, as decoders give it.
 *
 * @typedef {object} Recording
 * @property {Float32Array[]} channelData by channel
 * @property {number} sampleRate in Hz
 */

/**
 * @typedef {object} Wishes
 * @property {string} [model] 'general-24k' if not given
 * @property {number} [bitrate] in kbps, of all channels; the model's default if not given
 * @property {Record<string, string>} [tags]
 * @property {(share: number) => void} [onProgress] told how much is done, 0 to 1
 */

const BLOCK = 2 * WINDOW; // tokens: ten seconds
const ALONE = 3 * WINDOW; // tokens: a recording of no more is one block

export class VauxEncoder {
  /** @param {EncoderOptions} options */
  constructor(options) {
    if (!options?.models) throw new TypeError('models: the address of the folder of models is needed');
    this.options = options;
    const { models } = options;
    this.store = new Store(Array.isArray(models) ? models : [models], options);
    /** Resolves when the encoder can be used. Models load when they are first needed. */
    this.ready = Promise.all([RangeEncoder.load(), loadRuntime(options)]).then(() => {});
    this.ready.catch(() => {}); // told by whoever awaits it
  }

  /**
   * Encode a recording. Pairs of channels are coded jointly.
   *
   * @param {Recording} recording
   * @param {Wishes} [wishes]
   * @returns {Promise<Uint8Array>} the file
   */
  async encode({ channelData, sampleRate }, { model: name = 'general-24k', bitrate, tags = {}, onProgress } = {}) {
    check(channelData, sampleRate);
    const model = await this.store.describe(name);
    const { header, plan, joint } = headerFor(model, channelData, sampleRate, bitrate);
    const writer = new Writer(header, tags);
    const { sources, levels, values } = joint
      ? inPairs(model, header, joint, channelData) : eachByItself(model, header, plan, channelData);
    const codes = await this.#search(model, header, sources, onProgress);
    await this.#code(model, writer, codes, levels, values);
    onProgress?.(1);
    return writer.finish(channelData[0].length);
  }

  /** Let go of the models' memory. */
  async free() {
    await this.store.free();
  }

  /**
   * The codes of all windows.
   *
   * @param {Model} model
   * @param {Header} header
   * @param {(Source | null)[]} sources by channel
   * @param {Wishes['onProgress']} onProgress
   */
  async #search(model, header, sources, onProgress) {
    const ort = await loadRuntime(this.options);
    const { channels, codebooks } = header;
    const session = await this.store.encoder(ort, model, codebooks);
    const tokens = sources[0]?.tokens ?? 0, all = sources.filter(Boolean).length;
    const counts = new Uint8Array(channels * tokens);
    const codes = new Int32Array(channels * codebooks * tokens).fill(ABSENT);
    let done = 0;
    for (let ch = 0; ch < channels; ch++) {
      const source = sources[ch];
      if (!source) continue;
      const { plan, costs } = source, samples = source.samples();
      const encoder = new TokenEncoder(ort, session, model);
      for (let at = 0; at < tokens; at += WINDOW) {
        const n = Math.min(WINDOW, tokens - at);
        const found = await encoder.push(samples.subarray(at * model.hop, (at + n) * model.hop));
        const spent = (costs[at / WINDOW] ?? 0) / header.codeBits;
        const kept = plan.variable || header.stereoTokens
          ? choose(found.distortion, n, plan, spent) : new Uint8Array(n).fill(codebooks);
        counts.set(kept, ch * tokens + at);
        for (let k = 0; k < codebooks; k++) {
          const to = (ch * codebooks + k) * tokens + at;
          for (let t = 0; t < n; t++) if (k < kept[t]) codes[to + t] = found.codes[k * n + t];
        }
        onProgress?.((0.6 * (done + (at + n) / tokens)) / all);
      }
      done++;
    }
    return { channels, codebooks, tokens, counts, codes };
  }

  /**
   * Codes to blocks, each with what is beside them.
   *
   * @param {Model} model
   * @param {Writer} writer
   * @param {import('./entropy/codes.js').Codes} all
   * @param {Uint8Array[]} levels by channel, [bands][spans]
   * @param {Uint8Array[][]} values of joint stereo, by pair and kind, [bands][spans]
   */
  async #code(model, writer, all, levels, values) {
    const { header } = writer, { channels, codebooks } = all;
    const lm = await this.store.languageModel(model, /** @type {any} */ (model.lm));
    const encoder = await RangeEncoder.load();
    const span = levelTokens(header), valued = stereoBands(header);
    for (let at = 0; at < all.tokens; at += header.blockTokens) {
      const tokens = Math.min(header.blockTokens, all.tokens - at);
      const part = (/** @type {any} */ values, /** @type {number} */ rows, from = at, n = tokens) => {
        const out = new values.constructor(rows * n), length = values.length / rows;
        for (let row = 0; row < rows; row++) {
          out.set(values.subarray(row * length + from, row * length + from + n), row * n);
        }
        return out;
      };
      const block = {
        channels, codebooks, tokens,
        counts: part(all.counts, channels), codes: part(all.codes, channels * codebooks),
      };
      const spansOf = (/** @type {number} */ each) => [at / each, Math.ceil(tokens / each)];
      const rows = levels.map((own) => part(own, header.bands, ...spansOf(span)));
      const pairs = values.map((kinds) => kinds.map((own) => part(own, valued, ...spansOf(header.stereoTokens))));
      const packed = pack(block, header.codeBits), payload = lm.encode(block);
      const small = payload.length <= packed.length;
      writer.write({
        tokens, coder: small ? LM : PACKED, payload: small ? payload : packed,
        checksum: checksum(block, header.allocationTokens > 0),
        allocation: header.allocationTokens
          ? encodeAllocation(encoder, block, header.allocationTokens) : new Uint8Array(0),
        levels: encodeLevels(encoder, Uint8Array.from(rows.flatMap((row) => [...row])), channels * header.bands),
        stereo: pairs.length ? encodeStereo(encoder, pairs, valued) : new Uint8Array(0),
      });
    }
  }
}

/** @param {Float32Array[]} channelData @param {number} sampleRate */
function check(channelData, sampleRate) {
  const frames = channelData?.[0]?.length;
  if (!frames || channelData.some((own) => !(own instanceof Float32Array) || own.length !== frames)) {
    throw new TypeError('channelData: Float32Arrays of the same length are needed, with a sample at least');
  }
  if (channelData.length > 32) throw new RangeError(`${channelData.length} channels: at most 32`);
  if (!Number.isInteger(sampleRate) || sampleRate < 1000 || sampleRate > 768000) {
    throw new RangeError(`sample rate of ${sampleRate}: must be 1000 to 768000 Hz`);
  }
  if (channelData.some((own) => own.some((x) => !Number.isFinite(x)))) {
    throw new VauxError('samples that are not finite');
  }
}

/**
 * @param {Model} model
 * @param {Float32Array[]} channelData
 * @param {number} sampleRate
 * @param {number | undefined} bitrate of all channels
 */
function headerFor(model, channelData, sampleRate, bitrate) {
  const channels = channelData.length, frames = channelData[0].length, { lm } = model;
  if (!model.encoder || !lm || !model.code_space) throw new ModelError(`${model.name} cannot encode here`);
  const codeBits = Math.ceil(Math.log2(model.codebook_size));
  const each = (codeBits * model.samplerate) / model.hop / 1000; // kbps of a codebook
  const codes = (bitrate === undefined ? model.default_bitrate : bitrate / channels) / each;
  const average = Math.floor(codes + 0.5);
  if (!(codes >= 1 && codes <= model.codebooks)) {
    throw new RangeError(`bitrate of ${bitrate} kbps: ${model.name} has ${channels * each} to `
      + `${channels * model.codebooks * each} for ${channels} channels`);
  }
  const joint = channels > 1 && hasSpectrum(model) && model.distortions?.length
    ? stereoPlanOf(model, sampleRate, 2 * codes) : null;
  const { bands, fine } = joint
    ?? (hasSpectrum(model) ? bandsOf(model, sampleRate, average) : { bands: 0, fine: false });
  const plan = planOf(model, fine ? average - FINE_COST : average);
  const codebooks = joint ? Math.max(joint.main.codebooks, joint.side?.codebooks ?? 0) : plan.codebooks;
  const tokens = tokensFor(model, frames, sampleRate);
  /** @type {Header} */
  const header = {
    model: model.name, codeSpace: model.code_space, coder: LM, coderHash: lm.sha256.slice(0, 16),
    sampleRate, channels, frames, codebooks, codeBits,
    blockTokens: tokens > BLOCK && tokens <= ALONE ? ALONE : BLOCK,
    allocationTokens: joint || plan.variable ? SPAN : 0, bands, fine, rate: 0,
    stereoTokens: joint?.span ?? 0, stereoResolution: joint?.resolution ?? 0, side: joint?.sideEnd ?? 0,
  };
  return { header, plan, joint };
}

/**
 * What the encoder's network is given of a channel.
 *
 * @typedef {object} Source
 * @property {() => Float32Array} samples at the model's rate, of whole tokens
 * @property {number} tokens
 * @property {import('./codec/allocation.js').Plan} plan
 * @property {number[]} costs bits of each window that are spent on something else
 */

/**
 * @param {Model} model
 * @param {Header} header
 * @param {import('./codec/allocation.js').Plan} plan
 * @param {Float32Array[]} channelData
 */
function eachByItself(model, header, plan, channelData) {
  const { sampleRate: rate } = header, span = levelTokens(header);
  const tokens = tokensFor(model, channelData[0].length, rate);
  /** @type {Source[]} */
  const sources = channelData.map((own) => ({
    samples: () => resampled(own, rate, model.samplerate, tokens * model.hop), tokens, plan, costs: [],
  }));
  const levels = header.bands
    ? channelData.map((own) => measure(model, own, rate, header, span, tokens)) : [];
  return { sources, levels, values: [] };
}

/**
 * @param {Model} model
 * @param {Header} header
 * @param {import('./codec/stereo-plan.js').StereoPlan} joint
 * @param {Float32Array[]} channelData
 */
function inPairs(model, header, joint, channelData) {
  const { sampleRate: rate, bands } = header, { main, side, price, most } = joint;
  const tokens = tokensFor(model, channelData[0].length, rate), factor = bands ? 2 : 1;
  const edges = stereoEdges(header), delay = Math.floor(model.delay / model.hop);
  /** @type {(Source | null)[]} */
  const sources = [];
  const levels = [], values = [];
  for (let ch = 0; ch < channelData.length; ch += 2) {
    const own = channelData.slice(ch, ch + 2).map((samples) =>
      resampled(samples, rate, factor * model.samplerate, factor * tokens * model.hop));
    const mixed = downmix(own, header, edges, price, most, delay, tokens);
    const source = (/** @type {number} */ i, /** @type {typeof main} */ plan, /** @type {number[]} */ costs) =>
      ({ samples: () => mixed.channelData[i], tokens, plan, costs });
    sources.push(source(0, own.length < 2 ? joint.alone : main, mixed.costs));
    if (bands) levels.push(mixed.levels);
    if (own.length < 2) continue;
    sources.push(side && source(1, side, []));
    if (bands) levels.push(new Uint8Array(mixed.levels.length));
    values.push(mixed.values);
  }
  return { sources, levels, values };
}

/**
 * Samples at another rate, so many of them.
 *
 * @param {Float32Array} samples
 * @param {number} rate
 * @param {number} wanted
 * @param {number} length
 */
function resampled(samples, rate, wanted, length) {
  const resampler = new Resampler(rate, wanted, 1);
  const out = new Float32Array(length);
  let at = 0;
  const put = (/** @type {Float32Array} */ own) => {
    out.set(own.subarray(0, out.length - at), at);
    at += own.length;
  };
  for (let from = 0; from < samples.length; from += rate) put(resampler.push([samples.subarray(from, from + rate)])[0]);
  put(resampler.finish(Math.ceil((samples.length * wanted) / rate))[0]);
  return out;
}
