/** The fields of a body whose checksum was right, one after the other. */

import { FormatError } from '../errors.js';

const MAX_NUMBER_BYTES = 7; // 49 bits: the largest number of the format has 48

export class Fields {
  /**
   * @param {Uint8Array} bytes
   * @param {string} what for messages
   */
  constructor(bytes, what) {
    this.bytes = bytes;
    this.what = what;
    this.at = 0;
  }

  /** An unsigned integer in seven bits per byte, in the fewest bytes that hold it. */
  number() {
    let value = 0;
    for (let i = 0; i < MAX_NUMBER_BYTES; i++) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) {
        if (byte === 0 && i > 0) break;
        return value;
      }
    }
    throw new FormatError(`${this.what}: malformed number`);
  }

  byte() {
    return this.take(1)[0];
  }

  u32() {
    return u32(this.take(4));
  }

  /** @param {number} count */
  take(count) {
    if (count > this.bytes.length - this.at) {
      throw new FormatError(`${this.what}: too short for its fields`);
    }
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  /** UTF-8 of so many bytes. @param {number} count */
  text(count) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(count));
    } catch (error) {
      if (error instanceof FormatError) throw error;
      throw new FormatError(`${this.what}: text that is not UTF-8`);
    }
  }

  /** Whatever follows. */
  rest() {
    return this.take(this.bytes.length - this.at);
  }
}

/** The number in four bytes, lowest first. @param {Uint8Array} bytes */
export function u32(bytes) {
  return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
