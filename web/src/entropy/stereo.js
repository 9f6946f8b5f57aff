/** The values of joint stereo: an angle and a width of each band (docs/format.md, section 6.3). */

import { CENTRE, SIZES } from '../codec/upmixer.js';
import { distribution } from './exact.js';

const SAME = [200, 50, 20]; // how often no change counts as seen, by changes of bands below
const OTHER = 2, NEXT = 32, MOST = 8000;

/**
 * @param {import('./exact.js').RangeDecoder} decoder
 * @param {import('../container/header.js').Header} header
 * @param {import('../container/reader.js').Block} block
 * @param {number} bands
 * @returns {Uint8Array} [pairs][2][bands][tokens]
 */
export function decodeStereo(decoder, { channels, stereoTokens }, { stereo, tokens }, bands) {
  const pairs = channels >> 1, spans = Math.ceil(tokens / stereoTokens);
  const out = new Uint8Array(pairs * 2 * bands * tokens);
  const counts = SIZES.map((n) => SAME.map((same) => Float64Array.from({ length: n }, (_, i) => i ? OTHER : same)));
  if (stereo.length) decoder.open(stereo);
  for (let pair = 0; pair < pairs; pair++) {
    const last = CENTRE.map((value) => new Uint8Array(bands).fill(value));
    for (let span = 0; span < spans; span++) {
      for (let kind = 0; kind < 2; kind++) {
        if (stereo.length) change(decoder, last[kind], counts[kind]);
        last[kind].forEach((value, b) => {
          const at = ((2 * pair + kind) * bands + b) * tokens;
          out.fill(value, at + span * stereoTokens, at + Math.min(tokens, (span + 1) * stereoTokens));
        });
      }
    }
  }
  return out;
}

/**
 * The values of the next span, of one kind, in place.
 *
 * @param {import('./exact.js').RangeDecoder} decoder
 * @param {Uint8Array} values by band
 * @param {Float64Array[]} counts
 */
function change(decoder, values, counts) {
  const ends = counts.map(distribution), n = counts[0].length;
  let below = 0, before = 0; // whether the two bands below changed
  for (let b = 0; b < values.length; b++) {
    const context = below + before;
    decoder.use(ends[context]);
    const found = decoder.symbol();
    counts[context][found] += NEXT;
    values[b] = (values[b] + found) % n;
    [before, below] = [below, found ? 1 : 0];
  }
  for (const own of counts) {
    if (own.reduce((sum, count) => sum + count, 0) > MOST) {
      own.forEach((count, i) => (own[i] = Math.floor((count + 1) / 2)));
    }
  }
}
