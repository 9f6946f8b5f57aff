/** How many bits of a pair its main channel has, its side, and what tells them apart. */

import { planOf } from './allocation.js';
import { bandsOf, FINE_COST } from './meter.js';

const SIDE = 66; // coefficients of the side that are coded, where it is: to 2.5 kHz
const FEWEST = 3; // codes that a side has at least, or it has none
const ENOUGH = 0.85; // of all codebooks: what the main channel has before the side has any
const SHARE = 0.15; // of what there is beyond that, of the main channel

// By codes of a pair: prices of changes of values, and about how many codes these take. Values come
// more often first, and then have narrower bands, whose changes are dearer for that.
const OFTEN = 6, NARROW = 14;
const CODES = [2, 4, 8, 12, 13.99, 14, 16, 24, 32];
const PRICES = [2.5, 1.4, 0.43, 0.35, 0.3, 0.7, 0.45, 0.3, 0.2];
const COSTS = [0.4, 0.7, 2.3, 2.7, 2.8, 2.6, 3.2, 4, 4];
const OVER = 1.2; // how much more than that they may take: codes are worth more then

/**
 * @typedef {object} StereoPlan
 * @property {import('./allocation.js').Plan} main
 * @property {import('./allocation.js').Plan | null} side where it is coded
 * @property {import('./allocation.js').Plan} alone of the last channel of an odd number
 * @property {number} bands above the model's
 * @property {boolean} fine whether these are half as wide
 * @property {number} span tokens that have the same values
 * @property {number} resolution of their bands
 * @property {number} sideEnd coefficients of the side that are coded
 * @property {number} price of a change
 * @property {number} most bits of a token that values may take, or their price rises
 */

/**
 * @param {import('../model/store.js').Model} model
 * @param {number} rate of the recording, in Hz
 * @param {number} codes that a pair has for each token
 * @returns {StereoPlan}
 */
export function stereoPlanOf(model, rate, codes) {
  const most = model.codebooks, cost = between(codes, CODES, COSTS);
  const beyond = (codes - cost - ENOUGH * most) * (1 - SHARE);
  const side = beyond >= FEWEST ? beyond : 0;
  let main = codes - side;
  const { bands, fine } = bandsOf(model, rate, Math.min(main - cost, most));
  let alone = codes / 2;
  if (fine) { main -= FINE_COST; alone -= FINE_COST; }
  return {
    main: planOf(model, Math.min(main, most + cost)),
    side: side ? planOf(model, Math.min(side, most)) : null,
    alone: planOf(model, alone),
    bands, fine,
    span: codes >= OFTEN ? 3 : 5,
    resolution: codes >= NARROW ? 1 : 0,
    sideEnd: side ? SIDE : 0,
    price: between(codes, CODES, PRICES),
    most: OVER * cost * Math.ceil(Math.log2(model.codebook_size)),
  };
}

/** Linear interpolation. @param {number} x @param {number[]} xs @param {number[]} ys */
function between(x, xs, ys) {
  const i = Math.max(1, xs.findIndex((own, k) => k && own >= x)) || xs.length - 1;
  const share = Math.min(1, Math.max(0, (x - xs[i - 1]) / (xs[i] - xs[i - 1])));
  return ys[i - 1] + share * (ys[i] - ys[i - 1]);
}
