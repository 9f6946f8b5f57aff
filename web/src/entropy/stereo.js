/** The values of joint stereo: a difference and a coherence of each band (docs/format.md, section 6.3). */

import { CENTRE, SIZES } from '../codec/upmixer.js';
import { distribution } from './exact.js';

const NEWS = [90, 12, 8, 4]; // how often nothing, the difference, the coherence or both count as seen new
const VALUE = 16; // and each value
const NEXT_NEWS = 20, NEXT_VALUE = 24, MOST = 8000;

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
  const news = Array.from({ length: SIZES[1] }, () => Float64Array.from(NEWS));
  const counts = SIZES.map((n) => new Float64Array(n).fill(VALUE));
  if (stereo.length) decoder.open(stereo);
  for (let pair = 0; pair < pairs; pair++) {
    const last = CENTRE.map((value) => new Uint8Array(bands).fill(value));
    for (let span = 0; span < spans; span++) {
      if (stereo.length) change(decoder, last, news, counts);
      for (let kind = 0; kind < 2; kind++) {
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
 * The values of the next span, in place.
 *
 * @param {import('./exact.js').RangeDecoder} decoder
 * @param {Uint8Array[]} last by kind and band
 * @param {Float64Array[]} news how often what was new, by the last coherence
 * @param {Float64Array[]} counts how often values were seen, by kind
 */
function change(decoder, last, news, counts) {
  const ends = news.map(distribution), before = counts.map((own) => own.slice());
  const found = Array.from(last[1], (coherence) => {
    decoder.use(ends[coherence]);
    const symbol = decoder.symbol();
    news[coherence][symbol] += NEXT_NEWS;
    return symbol;
  });
  for (let kind = 0; kind < 2; kind++) {
    found.forEach((symbol, b) => {
      if (!((symbol >> kind) & 1)) return;
      const others = before[kind].slice();
      others[last[kind][b]] = 0;
      decoder.use(distribution(others));
      const value = decoder.symbol();
      counts[kind][value] += NEXT_VALUE;
      last[kind][b] = value;
    });
  }
  for (const own of [...news, ...counts]) {
    if (own.reduce((sum, count) => sum + count, 0) > MOST) {
      own.forEach((count, i) => (own[i] = Math.floor((count + 1) / 2)));
    }
  }
}
