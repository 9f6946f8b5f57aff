/**
 * Where the bytes of a file come from: memory, a Blob, an address by range requests, a stream.
 *
 * A source with a `size` can be read anywhere; one whose size is null comes in order.
 */

import { VauxError } from '../errors.js';

const PIECE = 1 << 16; // bytes asked of an address at least: a block of 6 kbps has 7,500

/**
 * @typedef {object} Source
 * @property {number | null} size in bytes; null if it comes in order only
 * @property {(at: number, count: number) => Promise<Uint8Array>} read at most so many bytes from
 *   there; of one in order, `at` is where the last read ended. None at the end.
 */

/** @typedef {Uint8Array | ArrayBuffer | Blob | string | URL | Response | ReadableStream<Uint8Array>} From */

/** The name of a file, or its address; null if it has none. @param {From} from */
export function nameOf(from) {
  if (typeof from === 'string' || from instanceof URL) return String(from);
  const { name, url } = /** @type {any} */ (from ?? {});
  return /** @type {string | null} */ (name || url || null);
}

/** Of a Response, what can be read. @param {From} from @returns {Exclude<From, Response>} */
export function bodyOf(from) {
  if (!(from instanceof Response)) return from;
  if (!from.ok) throw new VauxError(`HTTP status ${from.status}`, nameOf(from));
  return /** @type {ReadableStream<Uint8Array>} */ (from.body);
}

/**
 * @param {From} from
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<Source>}
 */
export async function openSource(from, options = {}) {
  if (from instanceof ArrayBuffer) from = new Uint8Array(from);
  if (from instanceof Uint8Array) return memory(from);
  if (typeof Blob !== 'undefined' && from instanceof Blob) return blob(from);
  if (typeof from === 'string' || from instanceof URL) return address(from, options);
  const body = /** @type {any} */ (bodyOf(from));
  if (body?.getReader) return stream(body);
  throw new TypeError('a .vx file is bytes, a Blob, an address, a Response or a ReadableStream');
}

/** @param {Uint8Array} bytes @returns {Source} */
function memory(bytes) {
  return {
    size: bytes.length,
    read: async (at, count) => bytes.subarray(at, at + count),
  };
}

/** @param {Blob} blob @returns {Source} */
function blob(blob) {
  return {
    size: blob.size,
    read: async (at, count) => new Uint8Array(await blob.slice(at, at + count).arrayBuffer()),
  };
}

/**
 * By range requests; of a server that knows none, the whole file.
 *
 * @param {string | URL} url
 * @param {{ signal?: AbortSignal }} options
 * @returns {Promise<Source>}
 */
async function address(url, { signal }) {
  /** @param {number} at @param {number} stop */
  const ask = async (at, stop) => {
    const headers = { Range: `bytes=${at}-${stop - 1}` };
    const response = await fetch(url, { headers, signal }).catch((error) => {
      throw signal?.aborted ? error : new VauxError(`cannot be fetched (${error.message})`);
    });
    if (!response.ok && response.status !== 416) {
      throw new VauxError(`HTTP status ${response.status}`);
    }
    return response;
  };
  const first = await ask(0, PIECE);
  let begin = 0;
  let held = new Uint8Array(first.status === 416 ? new ArrayBuffer(0) : await first.arrayBuffer());
  const range = /\/(\d+)$/.exec(first.headers.get('Content-Range') ?? '');
  if (first.status !== 206 || !range) return memory(held);
  const size = Number(range[1]);
  const tag = first.headers.get('ETag') ?? first.headers.get('Last-Modified');
  return {
    size,
    async read(at, count) {
      const stop = Math.min(size, at + count);
      if (at >= stop) return held.subarray(0, 0);
      if (at < begin || stop > begin + held.length) {
        const response = await ask(at, Math.min(size, Math.max(stop, at + PIECE)));
        if (response.status !== 206) throw new VauxError('its server no longer gives ranges');
        if ((response.headers.get('ETag') ?? response.headers.get('Last-Modified')) !== tag) {
          throw new VauxError('changed while it was read');
        }
        begin = at;
        held = new Uint8Array(await response.arrayBuffer());
      }
      return held.subarray(at - begin, stop - begin);
    },
  };
}

/** @param {ReadableStream<Uint8Array>} stream @returns {Source} */
function stream(stream) {
  const reader = stream.getReader();
  /** @type {Uint8Array} */
  let held = new Uint8Array(0);
  return {
    size: null,
    async read(at, count) {
      if (!held.length) {
        const { value, done } = await reader.read();
        if (done) return held;
        held = value;
      }
      const bytes = held.subarray(0, count);
      held = held.subarray(bytes.length);
      return bytes;
    },
  };
}

/** A place in a source. */
export class Cursor {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.at = 0;
  }

  /** So many bytes, or as many as there are before the end. @param {number} count */
  async take(count) {
    let bytes = await this.source.read(this.at, count);
    this.at += bytes.length;
    if (!bytes.length || bytes.length === count) return bytes;
    const parts = [bytes];
    let have = bytes.length;
    while (have < count && (bytes = await this.source.read(this.at, count - have)).length) {
      this.at += bytes.length;
      have += bytes.length;
      parts.push(bytes);
    }
    const whole = new Uint8Array(have);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
