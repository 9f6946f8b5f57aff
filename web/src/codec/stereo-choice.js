/**
 * Which difference and coherence each band has in each span: as measured, but not at any price. A
 * value that changes costs some bits, one that stays next to none.
 */

import { CENTRE, COHERENCES, DIFFERENCES, LOW } from './upmixer.js';

const SILENCE = 1e-9; // power of a band: less does not count
const HEARD = 70; // dB below the loudest band of all: what is so quiet may be anywhere
const LARGEST = 30; // dB: what differs by more is on one side
const SMALL = 2; // dB off, up to which errors count as their squares, and then in proportion
const COHERENCE = 1.5; // dB that an error of 1 in coherence counts as
const DEAR = 1.5, CODED = 4; // of changes: of differences from 2 kHz up, and where the side is coded
const CHANGE = [3.6, 2.5]; // bits, about, of new values, beside those that say where they are

const within = (/** @type {number} */ x, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.min(high, Math.max(low, x));
const decibels = (/** @type {number} */ x) => 10 * Math.log10(x);

/**
 * @param {Float64Array[]} powers [bands][spans] of the left channel, the right one, their product
 * @param {number[]} edges of bands
 * @param {number} price of a change below 2 kHz, in dB of error
 * @param {number} side coefficients of the side that are coded
 * @returns {Uint8Array[]} differences and coherences [bands][spans]
 */
export function choose([left, right, product], edges, price, side) {
  const bands = edges.length - 1, spans = left.length / bands;
  const levels = left.map((power, i) => decibels(power + right[i] + SILENCE));
  const loudest = levels.reduce((a, b) => Math.max(a, b), -Infinity);
  const errors = [DIFFERENCES, COHERENCES].map((values) => new Float64Array(left.length * values.length));
  left.forEach((_, i) => {
    const l = left[i] + SILENCE, r = right[i] + SILENCE, both = left[i] + right[i];
    const geometric = Math.sqrt(l * r), difference = decibels(l / r);
    const heard = both > SILENCE ? within((levels[i] - loudest + HEARD) / HEARD, 0, 1) : 0;
    DIFFERENCES.forEach((value, v) => {
      const off = Math.abs(within(difference, -LARGEST, LARGEST) - within(value, -LARGEST, LARGEST));
      errors[0][i * DIFFERENCES.length + v] = ((off * off) / (SMALL + off)) * heard;
    });
    // Coherence matters as far as both channels are there.
    const matters = Math.abs(difference) < LARGEST
      ? COHERENCE * heard * Math.min((2 * geometric) / (both + SILENCE), 1) : 0;
    const coherence = within(product[i] / geometric, -1, 1);
    COHERENCES.forEach((value, v) => {
      errors[1][i * COHERENCES.length + v] = (coherence - value) ** 2 * matters;
    });
  });
  const priceOf = (/** @type {number} */ kind, /** @type {number} */ b) =>
    price * (kind || edges[b] < LOW ? 1 : DEAR) * (edges[b] < side ? CODED : 1);
  return errors.map((own, kind) => {
    const size = own.length / left.length, out = new Uint8Array(left.length);
    for (let b = 0; b < bands; b++) {
      const at = b * spans;
      out.set(cheapest(own.subarray(at * size, (at + spans) * size), size, priceOf(kind, b), CENTRE[kind]), at);
    }
    return out;
  });
}

/**
 * The values of the least sum of errors with what changes cost (Viterbi, 1967).
 *
 * @param {Float64Array} errors [spans][size]
 * @param {number} size
 * @param {number} price
 * @param {number} start the value where nothing is heard
 */
function cheapest(errors, size, price, start) {
  const spans = errors.length / size;
  const origins = new Uint8Array(errors.length), found = new Uint8Array(spans);
  const least = (/** @type {Float64Array} */ total) =>
    total.reduce((best, x, v) => (x < total[best] ? v : best), 0);
  const total = Float64Array.from({ length: size }, (_, v) => errors[v] + (v === start ? 0 : 1e-6));
  for (let span = 1; span < spans; span++) {
    const best = least(total), changed = total[best] + price;
    for (let v = 0; v < size; v++) {
      const stays = total[v] <= changed;
      origins[span * size + v] = stays ? v : best;
      total[v] = (stays ? total[v] : changed) + errors[span * size + v];
    }
  }
  found[spans - 1] = least(total);
  for (let span = spans - 1; span > 0; span--) found[span - 1] = origins[span * size + found[span]];
  return found;
}

/** About how many bits values take. @param {Uint8Array[]} values by kind, [bands][spans] @param {number} spans */
export function costOf(values, spans) {
  if (values.every((own, kind) => own.every((value) => value === CENTRE[kind]))) return 0;
  return values.reduce((sum, own, kind) => {
    const changes = own.reduce((n, value, i) => n + (i % spans && value !== own[i - 1] ? 1 : 0), 0);
    const share = (changes + 1) / (own.length + 2);
    const entropy = -(share * Math.log2(share) + (1 - share) * Math.log2(1 - share));
    return sum + CHANGE[kind] * changes + own.length * entropy;
  }, 0);
}
