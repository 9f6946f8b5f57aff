/** Payloads of the coder with a Transformer: `exact.wasm`, with the numbers of `lm.onnx`. */

import { FormatError, ModelError } from '../errors.js';
import { initialisers } from '../model/onnx.js';
import { instantiate } from './exact.js';

/** @typedef {import('./codes.js').Codes} Codes */

export class LanguageModel {
  /**
   * @param {Uint8Array} content of `lm.onnx`
   * @returns {Promise<LanguageModel>}
   */
  static async load(content) {
    return new LanguageModel(await instantiate(), initialisers(content));
  }

  /**
   * @param {import('./exact.js').Exports} exact
   * @param {Map<string, import('../model/onnx.js').Tensor>} tensors
   */
  constructor(exact, tensors) {
    this.exact = exact;
    this.room = { at: 0, bytes: 0 };
    const tensor = (/** @type {string} */ name) => {
      const found = tensors.get(name);
      if (!found) throw new ModelError(`no language model: ${name} is missing`);
      return found;
    };
    let layers = 0, groups = 0, outputs = 0;
    while (tensors.has(`layers.${layers}.position`)) layers++;
    for (; tensors.has(`heads.${groups}.weight`); groups++) {
      outputs += tensor(`heads.${groups}.bias`).data.length;
    }
    const embedding = tensor('embedding');
    const [rows, width] = embedding.dims;
    this.codebooks = rows - outputs; // for each one row more than codes
    this.size = outputs / this.codebooks;
    const [heads, steps] = tensor('layers.0.position').dims;
    exact.model(this.codebooks, this.size, width, heads, layers, width / heads, steps - 1);
    this.#store(exact.embeddings(), embedding.data);
    for (let l = 0; l < layers; l++) {
      this.#store(exact.position(l), tensor(`layers.${l}.position`).data);
      for (const [i, name] of ['qkv', 'out', 'up', 'down'].entries()) {
        this.#linear(4 * l + i, [`layers.${l}.${name}`], tensor);
      }
    }
    this.#linear(4 * layers, Array.from({ length: groups }, (_, g) => `heads.${g}`), tensor);
  }

  /** @param {number} at @param {import('../model/onnx.js').Data} data */
  #store(at, data) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.exact.memory.buffer).set(bytes, at);
  }

  /**
   * Maps of the same inputs as one: weights by output, inputs filled up to whole 16.
   *
   * @param {number} index
   * @param {string[]} names
   * @param {(name: string) => import('../model/onnx.js').Tensor} tensor
   */
  #linear(index, names, tensor) {
    const inputs = tensor(`${names[0]}.weight`).dims[0], stride = (inputs + 15) & ~15;
    const count = names.reduce((sum, name) => sum + tensor(`${name}.bias`).data.length, 0);
    const at = this.exact.linear(index, inputs, count);
    const weights = new Int8Array(this.exact.memory.buffer, at, count * stride);
    const bias = new Int32Array(this.exact.memory.buffer, at + count * stride, count);
    const shift = new Int32Array(this.exact.memory.buffer, at + count * (stride + 4), count);
    let first = 0;
    for (const name of names) {
      const { data, dims: [, some] } = tensor(`${name}.weight`);
      for (let i = 0; i < inputs; i++) {
        for (let j = 0; j < some; j++) weights[(first + j) * stride + i] = data[i * some + j];
      }
      bias.set(tensor(`${name}.bias`).data, first);
      shift.set(tensor(`${name}.scale`).data.map((scale) => -Math.log2(scale)), first);
      first += some;
    }
  }

  /**
   * Fill in the codes of a block.
   *
   * @param {Uint8Array} payload
   * @param {Codes} out
   */
  decode(payload, out) {
    const { exact } = this, { channels, codebooks, tokens, codes } = out;
    if (codebooks > this.codebooks) {
      throw new FormatError(`${codebooks} codebooks, the language model has ${this.codebooks}`);
    }
    if (payload.length < leastBytes(out)) {
      throw new FormatError('a payload of fewer bytes than its codes must have');
    }
    const { codesAt, countsAt, payloadAt } = this.#lay(out, payload.length);
    new Uint8Array(exact.memory.buffer).set(payload, payloadAt);
    const sizes = [channels, this.codebooks, codebooks];
    if (!exact.decode(payloadAt, payload.length, tokens, countsAt, codesAt, ...sizes)) {
      throw new FormatError('range code: no symbols have this code');
    }
    const found = new Int32Array(exact.memory.buffer); // memory may have grown
    codes.set(found.subarray(codesAt >> 2, (codesAt >> 2) + codes.length));
  }

  /** The payload of a block. @param {Codes} block */
  encode(block) {
    const { exact } = this, { channels, codebooks, tokens, codes } = block;
    const { codesAt, countsAt, payloadAt } = this.#lay(block, 4 * codes.length + 8);
    const sizes = [channels, this.codebooks, codebooks];
    const bytes = exact.encode(payloadAt, tokens, countsAt, codesAt, ...sizes);
    const payload = new Uint8Array(Math.max(bytes, leastBytes(block)));
    payload.set(new Uint8Array(exact.memory.buffer, payloadAt, bytes));
    return payload;
  }

  /** Put a block where it is coded, with room for a payload. @param {Codes} block @param {number} room */
  #lay({ codes, counts }, room) {
    const codesAt = this.#reserve(4 * codes.length + counts.length + room + 4);
    const countsAt = codesAt + 4 * codes.length, payloadAt = (countsAt + counts.length + 3) & ~3;
    new Int32Array(this.exact.memory.buffer).set(codes, codesAt >> 2);
    new Uint8Array(this.exact.memory.buffer).set(counts, countsAt);
    return { codesAt, countsAt, payloadAt };
  }

  /** @param {number} bytes */
  #reserve(bytes) {
    if (bytes > this.room.bytes) {
      this.room = { at: this.exact.allocate(2 * bytes), bytes: 2 * bytes };
    }
    return this.room.at;
  }
}

/**
 * Bytes that a payload must have: a bit for every token that has codes, an eighth of one for every
 * code. So a few bytes cannot ask for seconds of work.
 *
 * @param {Codes} codes
 */
function leastBytes({ channels, tokens, counts }) {
  let codes = 0, there = 0;
  for (let t = 0; t < tokens; t++) {
    let own = 0;
    for (let ch = 0; ch < channels; ch++) own += counts[ch * tokens + t];
    codes += own;
    if (own) there++;
  }
  return Math.ceil(there / 8) + Math.ceil(codes / 64);
}
