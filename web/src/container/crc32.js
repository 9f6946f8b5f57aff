/** CRC-32 of Ethernet, zip and PNG. */

const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let i = 0; i < 256; i++) {
  let x = i;
  for (let bit = 0; bit < 8; bit++) x = (x >>> 1) ^ (x & 1 ? 0xedb88320 : 0);
  TABLES[0][i] = x;
}
for (let i = 0; i < 256; i++) {
  for (let t = 1; t < 8; t++) {
    TABLES[t][i] = (TABLES[t - 1][i] >>> 8) ^ TABLES[0][TABLES[t - 1][i] & 255];
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {number} [crc] of the bytes before these
 * @returns {number}
 */
export function crc32(bytes, crc = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let x = ~crc, i = 0;
  for (; i + 8 <= bytes.length; i += 8) { // eight tables for eight bytes at once
    x ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    x = t7[x & 255] ^ t6[(x >>> 8) & 255] ^ t5[(x >>> 16) & 255] ^ t4[x >>> 24]
      ^ t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) x = (x >>> 8) ^ t0[(x ^ bytes[i]) & 255];
  return ~x >>> 0;
}
