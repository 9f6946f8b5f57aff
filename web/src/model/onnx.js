/** Initialisers of an ONNX model: a protobuf, fields of a number, a type and a value. */

import { ModelError } from '../errors.js';

/** @typedef {Float32Array | Int8Array | Int32Array} Data */
/** @typedef {{ dims: number[], data: Data }} Tensor */

const MODEL_GRAPH = 7, GRAPH_INITIALISER = 5;
const TENSOR = { dims: 1, kind: 2, name: 8, raw: 9 };

/** @type {Record<number, (buffer: ArrayBuffer) => Data>} by TensorProto.DataType */
const TYPES = {
  1: (buffer) => new Float32Array(buffer),
  3: (buffer) => new Int8Array(buffer),
  6: (buffer) => new Int32Array(buffer),
};

/**
 * Those of float32, int8 and int32, by name.
 *
 * @param {Uint8Array} content
 * @returns {Map<string, Tensor>}
 */
export function initialisers(content) {
  const found = new Map();
  for (const [number, graph] of fields(content)) {
    if (number !== MODEL_GRAPH || typeof graph === 'number') continue;
    for (const [part, value] of fields(graph)) {
      if (part !== GRAPH_INITIALISER || typeof value === 'number') continue;
      let name = '', kind = 0, raw = /** @type {Uint8Array} */ (new Uint8Array(0));
      const dims = [];
      for (const [field, content] of fields(value)) {
        if (typeof content === 'number') {
          if (field === TENSOR.dims) dims.push(content);
          if (field === TENSOR.kind) kind = content;
        } else if (field === TENSOR.dims) {
          for (let at = 0; at < content.length; ) {
            const [number, next] = varint(content, at);
            dims.push(number);
            at = next;
          }
        } else if (field === TENSOR.name) name = new TextDecoder().decode(content);
        else if (field === TENSOR.raw) raw = content;
      }
      const make = TYPES[kind];
      if (make && raw.length) found.set(name, { dims, data: make(raw.slice().buffer) });
    }
  }
  return found;
}

/** Another small value for an integer of a model, in place. @param {Uint8Array} content @param {string} name @param {number} value */
export function setNumber(content, name, value) {
  for (const [number, graph] of fields(content)) {
    if (number !== MODEL_GRAPH || typeof graph === 'number') continue;
    for (const [part, tensor] of fields(graph)) {
      if (part !== GRAPH_INITIALISER || typeof tensor === 'number') continue;
      const own = new Map(fields(tensor)), raw = own.get(TENSOR.raw);
      const text = own.get(TENSOR.name);
      if (!(raw instanceof Uint8Array) || !(text instanceof Uint8Array)) continue;
      if (new TextDecoder().decode(text) !== name) continue;
      raw.fill(0).set([value]);
      return;
    }
  }
  throw new ModelError(`${name} is missing in the model`);
}

/**
 * @param {Uint8Array} message
 * @returns {Generator<[number, number | Uint8Array]>}
 */
function* fields(message) {
  for (let at = 0; at < message.length; ) {
    const [tag, next] = varint(message, at);
    const type = tag & 7, number = Math.floor(tag / 8);
    at = next;
    if (type === 0) {
      const [value, behind] = varint(message, at);
      at = behind;
      yield [number, value];
      continue;
    }
    let size = type === 1 ? 8 : 4;
    if (type === 2) [size, at] = varint(message, at);
    else if (type !== 1 && type !== 5) throw new ModelError('not an ONNX model');
    yield [number, message.subarray(at, at + size)];
    at += size;
  }
}

/** @param {Uint8Array} bytes @param {number} at @returns {[number, number]} value, and what follows */
function varint(bytes, at) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined) throw new ModelError('not an ONNX model');
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
}
