/**
 * The filters of a conversion of the sample rate: those of libsoxr's "HQ", which the Python library
 * uses.
 *
 * libsoxr (0.1.3) converts in one stage where the ratio of the rates is as simple as 3 : 2. Else a
 * stage filters, and another goes from its grid, with steps of half an input sample, say, to the
 * output. Where the ratio is large, there are others that halve or multiply. Filters are windowed
 * sincs (Kaiser).
 */

const PASS = 0.91374366; // of half the lower rate, that passes
const MOST_PHASES = 1024; // that are worked out; between them, where there are more, a line
const TWICE = 20 * Math.log10(2); // in decibels

/**
 * From `down` samples to `up`. Output between two inputs is a sum of `taps` of these, the last of
 * them the `reach`th behind it, each times a number of a row: of these there are `phases`.
 *
 * @typedef {object} Filter
 * @property {number} up
 * @property {number} down
 * @property {number} taps
 * @property {number} reach
 * @property {number} phases
 * @property {Float32Array[]} rows
 */

/** @type {Map<string, Filter[]>} */
const known = new Map();

/** One after the other. @param {number} inRate @param {number} outRate @returns {Filter[]} */
export function filtersOf(inRate, outRate) {
  const key = `${inRate} ${outRate}`;
  let filters = known.get(key);
  if (!filters) known.set(key, (filters = plan(inRate, outRate)));
  return filters;
}

/** @param {number} inRate @param {number} outRate */
function plan(inRate, outRate) {
  let before = 1; // what the rate is divided by first
  while (inRate >= 4 * before * outRate) before *= 2;
  const after = outRate > 4 * inRate && outRate !== 5 * inRate ? 4 : 1; // multiplied by at last
  const [down, up] = lowest(inRate * after, outRate * before), ratio = down / up;
  const simple = Math.max(up, down) < 5 || up * down < 6;
  const stages = Math.log2(before) + (after > 1 ? 2 : 1);
  const db = 20 * Math.log10(stages) + (simple ? 0 : TWICE); // each attenuates so much more
  const filters = [];
  for (let left = before; left > 1; left /= 2) {
    const pass = 1 / (ratio * left);
    filters.push(filterOf(1, 2, wide(pass, 1 - pass, 1, db)));
  }
  if (simple) filters.push(filterOf(up, down, sharp(Math.max(up, down), up, db)));
  else filters.push(...twoStages(up, down, db));
  if (after > 1) filters.push(filterOf(after, 1, wide((PASS * ratio) / after, (2 - ratio) / after, after, db)));
  return filters;
}

/** @param {number} up @param {number} down @param {number} db */
function twoStages(up, down, db) {
  const ratio = down / up;
  if (ratio > 1.5 && ratio < 2) { // to twice the output's rate first
    const [downs, ups] = lowest(down, 2 * up);
    const other = between(PASS / ratio, 3 / ratio, db);
    return [filterOf(ups, downs, other), filterOf(1, 2, sharp(2, 1, db))];
  }
  const fine = ratio < 2 ? 2 : 1; // the grid's samples to an input sample
  const period = fine * Math.max(1, ratio); // of the lower rate, in the grid
  const [downs, ups] = lowest(fine * down, up);
  const pass = PASS / period, stop = 2 - pass - 0.7 * (1 / period - pass);
  const other = between(pass, stop, db, ratio > 1);
  return [filterOf(fine, 1, sharp(period, fine, db)), filterOf(ups, downs, other)];
}

/**
 * A windowed sinc at `rate` times the input's rate: where it ends, of half that rate; what the window
 * is made with; and how many samples at that rate it takes to either side.
 *
 * @typedef {{rate: number, cut: number, beta: number, half: number}} Design
 */

/**
 * Stops all that the lower rate does not have.
 *
 * @param {number} period of the lower rate, in samples
 * @param {number} rate
 * @param {number} db
 * @returns {Design}
 */
function sharp(period, rate, db) {
  const whole = rate === period && [2, 4].includes(rate) ? 2 * rate : 4;
  const count = Math.ceil((8.30234 + 0.071 * db) / ((1 - PASS) / 2 / period) + 1);
  const taps = Math.floor((count + whole - 2) / whole) * whole + 1;
  return { rate, cut: (1 + PASS) / 2 / period, beta: 13.04004 + 0.1115 * db, half: taps / 2 };
}

/**
 * Passes and stops so much of half the rate.
 *
 * @param {number} pass
 * @param {number} stop
 * @param {number} rate
 * @param {number} db
 * @returns {Design}
 */
function wide(pass, stop, rate, db) {
  const { beta, taps } = widely(db), count = Math.ceil((2 * taps) / (stop - pass) + 1);
  return { rate, cut: (pass + stop) / 2, beta, half: 4 * Math.floor((count + 6) / 8) + 0.5 };
}

/**
 * From a grid to anywhere.
 *
 * @param {number} pass
 * @param {number} stop
 * @param {number} db
 * @param {boolean} [even] samples
 * @returns {Design}
 */
function between(pass, stop, db, even) {
  const { beta, taps } = widely(db), width = (stop - pass) * (1.1344 + 0.00157 * db);
  let count = Math.floor((2 * taps) / width + 0.06) + 1;
  if (even) count += count % 2;
  return { rate: 1, cut: stop - width / 2, beta, half: count / 2 };
}

/** Of Kaiser windows for wide transitions. @param {number} db */
const widely = (db) => ({ beta: 13.3643 + 0.11535 * db, taps: 8.5087 + 0.07342 * db });

/** @param {number} up @param {number} down @param {Design} design @returns {Filter} */
function filterOf(up, down, { rate, cut, beta, half }) {
  const reach = Math.ceil(half / rate), taps = 2 * reach, phases = Math.min(MOST_PHASES, up);
  const rows = Array.from({ length: phases + 1 }, (_, phase) => Float32Array.from({ length: taps }, (_, i) => {
    const x = (phase / phases + reach - 1 - i) * rate;
    if (Math.abs(x) >= half) return 0;
    const window = bessel(beta * Math.sqrt(1 - (x / half) ** 2)) / bessel(beta);
    return rate * (x ? Math.sin(Math.PI * cut * x) / (Math.PI * x) : cut) * window;
  }));
  return { up, down, taps, reach, phases, rows };
}

/** The modified Bessel function of order 0. @param {number} x */
function bessel(x) {
  let sum = 1, term = 1;
  for (let n = 1; term > 1e-12 * sum; n++) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}

/** A ratio in lowest terms. @param {number} a @param {number} b */
function lowest(a, b) {
  let [x, y] = [a, b];
  while (y) [x, y] = [y, x % y];
  return [a / x, b / x];
}
