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
  const { news, counts } = begin();
  if (stereo.length) decoder.open(stereo);
  const code = (/** @type {Uint32Array} */ ends) => {
    decoder.use(ends);
    return decoder.symbol();
  };
  for (let pair = 0; pair < pairs; pair++) {
    const last = CENTRE.map((value) => new Uint8Array(bands).fill(value));
    for (let span = 0; span < spans; span++) {
      if (stereo.length) change(code, last, news, counts);
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
 * The values of a block; nothing if all are those of channels that are equal.
 *
 * @param {import('./encoding.js').RangeEncoder} encoder
 * @param {Uint8Array[][]} values by pair and kind, [bands][spans]
 * @param {number} bands
 */
export function encodeStereo(encoder, values, bands) {
  if (values.every((kinds) => kinds.every((own, kind) => own.every((value) => value === CENTRE[kind])))) {
    return new Uint8Array(0);
  }
  const spans = values[0][0].length / bands, { news, counts } = begin();
  encoder.begin(3 * values.length * bands * spans);
  const code = (/** @type {Uint32Array} */ ends, /** @type {number} */ wanted) => {
    encoder.put(wanted, ends);
    return wanted;
  };
  for (const kinds of values) {
    const last = CENTRE.map((value) => new Uint8Array(bands).fill(value));
    for (let span = 0; span < spans; span++) {
      const next = kinds.map((own) => Uint8Array.from({ length: bands }, (_, b) => own[b * spans + span]));
      change(code, last, news, counts, next);
    }
  }
  return encoder.finish();
}

/** How often symbols count as seen before they were. */
const begin = () => ({
  news: Array.from({ length: SIZES[1] }, () => Float64Array.from(NEWS)),
  counts: SIZES.map((n) => new Float64Array(n).fill(VALUE)),
});

/**
 * The values of the next span, in place.
 *
 * @param {(ends: Uint32Array, wanted: number) => number} code the next symbol of a distribution
 * @param {Uint8Array[]} last by kind and band
 * @param {Float64Array[]} news how often what was new, by the last coherence
 * @param {Float64Array[]} counts how often values were seen, by kind
 * @param {Uint8Array[]} [next] what values become, where that is known
 */
function change(code, last, news, counts, next = last) {
  const ends = news.map(distribution), before = counts.map((own) => own.slice());
  const found = Array.from(last[1], (coherence, b) => {
    const [difference, other] = next.map((own, kind) => (own[b] === last[kind][b] ? 0 : 1));
    const symbol = code(ends[coherence], difference + 2 * other);
    news[coherence][symbol] += NEXT_NEWS;
    return symbol;
  });
  for (let kind = 0; kind < 2; kind++) {
    found.forEach((symbol, b) => {
      if (!((symbol >> kind) & 1)) return;
      const others = before[kind].slice();
      others[last[kind][b]] = 0;
      const value = code(distribution(others), next[kind][b]);
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
