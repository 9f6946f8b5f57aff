/** NumPy's files: arrays (NPY), and archives of them that are not compressed or deflated (NPZ). */

import { ModelError } from '../errors.js';

/** @typedef {{ shape: number[], data: Uint8Array | Int8Array | Uint16Array | Int16Array | Int32Array | Float32Array | Float64Array | BigInt64Array }} Array_ */

/** @type {Record<string, new (buffer: ArrayBuffer) => Array_['data']>} */
const TYPES = {
  '|u1': Uint8Array, '|i1': Int8Array, '<u2': Uint16Array, '<i2': Int16Array, '<i4': Int32Array,
  '<f4': Float32Array, '<f8': Float64Array, '<i8': BigInt64Array,
};

/** @param {Uint8Array} bytes @returns {Array_} */
export function readNpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] !== 0x93 || bytes[1] !== 0x4e) throw new ModelError('not a NumPy array');
  const long = bytes[6] > 1, begin = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(begin, begin + length));
  const type = TYPES[/'descr': '([^']+)'/.exec(header)?.[1] ?? ''];
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1].split(',').filter((s) => s.trim()).map(Number);
  if (!type || !shape || !header.includes("'fortran_order': False")) {
    throw new ModelError('a NumPy array of an unknown kind');
  }
  return { shape, data: new type(bytes.slice(begin + length).buffer) };
}

/** @param {Uint8Array} bytes @returns {Promise<Map<string, Array_>>} by name */
export async function readNpz(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new ModelError('not a NumPy archive');
  const found = new Map();
  let at = view.getUint32(end + 16, true);
  for (let i = view.getUint16(end + 10, true); i > 0; i--) {
    const method = view.getUint16(at + 10, true), size = view.getUint32(at + 20, true);
    const name = view.getUint16(at + 28, true), extra = view.getUint16(at + 30, true);
    const comment = view.getUint16(at + 32, true), local = view.getUint32(at + 42, true);
    const path = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name));
    const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    let content = bytes.slice(data, data + size);
    if (method === 8) {
      const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
      content = new Uint8Array(await new Response(stream).arrayBuffer());
    } else if (method !== 0) throw new ModelError('a NumPy archive of an unknown compression');
    found.set(path.replace(/\.npy$/, ''), readNpy(content));
    at += 46 + name + extra + comment;
  }
  return found;
}
