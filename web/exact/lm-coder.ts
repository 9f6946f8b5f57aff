// Payloads of the coder with a Transformer (docs/format.md, sections 7.3 and 7.4) to codes, and back.

import { RangeDecoder, consume, position, start } from "./range-decoder";
import { begin as beginPayload, finish as finishPayload, put } from "./range-encoder";
import { advance, begin, score, scores, size } from "./transformer";

const LEVELS: i32 = 4096;
const ONE: f64 = 65536; // an occurrence; a probability or a ratio of 1
const MOST: f64 = 16777216; // of a ratio
const TOTAL: f64 = 16777216;
const SEGMENT_CODES: i32 = 512; // for each segment after the first
const SEGMENTS_MOST: i32 = 16; // of a channel
const ROWS_MOST: i32 = 32; // segments of all channels

const table = heap.alloc(LEVELS * 8);
const decoder = changetype<RangeDecoder>(heap.alloc(offsetof<RangeDecoder>()));
let filled = false;
let weights: usize = 0; // f64[size]
let room: usize = 0; // bytes of what follows, grown as needed
let counted: usize = 0; // f64[channels][codebooks][3][size]: came, expected, and their ratio
let tried: usize = 0; // i32[2][channels][codebooks][2]: tried, and the same; before this step, and now
let changed: usize = 0; // u8[channels][codebooks]: counted in this step
let same: usize = 0; // u8[rows][length]: in all codebooks so far
let inputs: usize = 0; // i32[rows][codebooks]
let active: usize = 0; // u8[rows]

// Of the block that is coded.
let encoding = false; // its codes are there
let tokens: i32 = 0;
let length: i32 = 0; // tokens of a segment
let segments: i32 = 0;
let counts: usize = 0; // u8[channels][tokens]: how many codes there are
let codes: usize = 0; // i32[channels][codebooks][tokens], -1 throughout at first
let used: i32 = 0; // codebooks of the file

/**
 * Decode a block: each segment of each channel is a row.
 *
 * `every` is how many codebooks the model has, `used_` how many the file has. False if the payload
 * is malformed.
 */
export function decode(
  payload: usize, bytes: i32, tokens_: i32, counts_: usize, codes_: usize,
  channels: i32, every: i32, used_: i32,
): bool {
  encoding = false;
  start(decoder, payload, bytes);
  return code(tokens_, counts_, codes_, channels, every, used_);
}

/** Encode a block, as `decode`, to where there are 4 bytes for each code and 8 more. Its bytes. */
export function encode(
  payload: usize, tokens_: i32, counts_: usize, codes_: usize,
  channels: i32, every: i32, used_: i32,
): i32 {
  encoding = true;
  beginPayload(payload);
  code(tokens_, counts_, codes_, channels, every, used_);
  return finishPayload();
}

function code(
  tokens_: i32, counts_: usize, codes_: usize, channels: i32, every: i32, used_: i32,
): bool {
  if (!filled) fillTable();
  tokens = tokens_;
  counts = counts_;
  codes = codes_;
  used = used_;
  let most = 0;
  for (let i = 0; i < channels * tokens; i++) most = max(most, <i32>load<u8>(counts + i));
  if (!most) return true;
  cut(channels);
  const rows = channels * segments;
  prepare(channels, rows, every);
  begin(rows);
  for (let step = 0; step < length + most - 1; step++) {
    for (let row = 0; row < rows; row++) store<u8>(active + row, <u8>(step < endOf(row)));
    advance(inputs, active, rows);
    for (let i = 0; i < rows * every; i++) store<i32>(inputs + <usize>(i * 4), size);
    for (let row = 0; row < rows; row++) {
      for (let k = max(0, step - length + 1); k < min(most, step + 1); k++) {
        if (isThere(row, step - k, k) && !codeOne(row, step - k, k, every)) return false;
      }
    }
    learn(channels);
  }
  return true;
}

/** Where the block is cut into segments (section 7.3.1). */
function cut(channels: i32): void {
  let most = 0;
  for (let channel = 0; channel < channels; channel++) {
    let own = 0;
    for (let i = 0; i < tokens; i++) own += load<u8>(counts + channel * tokens + i);
    most = max(most, own);
  }
  const wanted = max(1, min(1 + most / SEGMENT_CODES, min(SEGMENTS_MOST, ROWS_MOST / channels)));
  length = (tokens + wanted - 1) / wanted;
  segments = (tokens + length - 1) / length;
}

/** Whether a row has a code of that token of its segment. */
function isThere(row: i32, at: i32, k: i32): bool {
  const token = row % segments * length + at;
  return token < tokens && k < <i32>load<u8>(counts + row / segments * tokens + token);
}

/** Where the code of a token of a row's segment is. */
function codeAt(row: i32, at: i32, k: i32): usize {
  const token = row % segments * length + at;
  return codes + <usize>(((row / segments * used + k) * tokens + token) * 4);
}

function codeOne(row: i32, at: i32, k: i32, every: i32): bool {
  const place = row / segments * used + k;
  score(row, k);
  frequencies();
  const came = counted + <usize>(place * 3 * size * 8);
  correct(came);
  toWeights();
  const before = expect(row, at, k, place);
  const symbol = encoding ? give(load<i32>(codeAt(row, at, k))) : next();
  if (symbol < 0) return false;
  store<i32>(codeAt(row, at, k), symbol);
  store<i32>(inputs + <usize>((row * every + k) * 4), symbol);
  const own = came + <usize>(symbol * 8);
  store<f64>(own, load<f64>(own) + ONE); // the ratio knows of it from the next step on
  store<u8>(changed + place, 1);
  if (before < 0) return true;
  const now = tried + <usize>((triedCount + place) * 8);
  store<i32>(now, load<i32>(now) + 1);
  if (symbol == before) store<i32>(now, load<i32>(now, 4) + 1, 4);
  else store<u8>(same + <usize>(row * length + at), 0);
  return true;
}

/** What the step has shown counts from the next one on. */
function learn(channels: i32): void {
  memory.copy(tried, tried + <usize>(triedCount * 8), <usize>(triedCount * 8));
  const bytes = <usize>(size * 8);
  for (let place = 0; place < channels * used; place++) {
    if (!load<u8>(changed + place)) continue;
    store<u8>(changed + place, 0);
    const came = counted + <usize>place * 3 * bytes, expected = came + bytes, ratio = expected + bytes;
    for (let i: usize = 0; i < bytes; i += 8) {
      const now = floor(load<f64>(came + i) * ONE / load<f64>(expected + i));
      store<f64>(ratio + i, min(MOST, now) / ONE);
    }
  }
}

let triedCount: i32 = 0; // channels * codebooks

function prepare(channels: i32, rows: i32, every: i32): void {
  triedCount = channels * used;
  const books = <usize>triedCount, all = <usize>(rows * every), every_ = <usize>(rows * length);
  const wanted = books * <usize>(3 * size * 8) + books * 17 + all * 4 + every_ + <usize>rows;
  if (wanted > room) {
    room = wanted;
    counted = heap.alloc(room + 64);
  }
  tried = counted + books * <usize>(3 * size * 8);
  inputs = tried + books * 16;
  active = inputs + all * 4;
  changed = active + <usize>rows;
  same = changed + books;
  if (!weights) weights = heap.alloc(<usize>(size * 8));
  memory.fill(tried, 0, books * 16);
  memory.fill(changed, 0, books);
  memory.fill(same, 1, every_);
  for (let i: usize = 0; i < all; i++) store<i32>(inputs + i * 4, size);
  for (let i: usize = 0; i < books; i++) {
    const before = <f64>((2 + <i32>(i % <usize>used)) * 32768);
    const at = counted + i * <usize>(3 * size * 8);
    for (let j = 0; j < 2 * size; j++) store<f64>(at + <usize>(j * 8), before);
    for (let j = 2 * size; j < 3 * size; j++) store<f64>(at + <usize>(j * 8), 1);
  }
}

/** Steps that a row takes. */
function endOf(row: i32): i32 {
  // The last token with codes ends last or, where it has few, one of those shortly before it.
  let end = 0;
  const first = row % segments * length, last = min(length, tokens - first) - 1;
  const own = counts + row / segments * tokens + first;
  for (let token = last; token >= 0 && token > end - 33; token--) {
    const there = <i32>load<u8>(own + token);
    if (there) end = max(end, token + there);
  }
  return end;
}

function fillTable(): void {
  let x: i32 = 1 << 30;
  for (let i = 0; i < LEVELS; i++) {
    store<f64>(table + <usize>(i * 8), <f64>(x >> 10));
    x -= x >> 8;
  }
  filled = true;
}

/** Scores to frequencies, in `weights`. */
function frequencies(): void {
  let highest = i32.MIN_VALUE;
  for (let i = 0; i < size; i++) highest = max(highest, load<i32>(scores + <usize>(i * 4)));
  for (let i = 0; i < size; i++) {
    const below = min(LEVELS - 1, highest - load<i32>(scores + <usize>(i * 4)));
    store<f64>(weights + <usize>(i * 8), load<f64>(table + <usize>(below * 8)));
  }
}

/** Frequencies by what came of these codes before, and what was expected (section 7.4.1). */
function correct(came: usize): void {
  const bytes = <usize>(size * 8), expected = came + bytes, ratio = expected + bytes;
  let sum: f64 = 0;
  for (let i: usize = 0; i < bytes; i += 8) sum += load<f64>(weights + i);
  for (let i: usize = 0; i < bytes; i += 8) {
    const frequency = load<f64>(weights + i);
    store<f64>(expected + i, load<f64>(expected + i) + floor(frequency * ONE / sum));
    store<f64>(weights + i, floor(frequency * load<f64>(ratio + i)));
  }
}

/** Frequencies to weights (section 8.1, steps 1 to 3). */
function toWeights(): void {
  const most = TOTAL - <f64>size, bytes = <usize>(size * 8);
  let sum: f64 = 0, largest: f64 = -1, first: usize = 0;
  for (let i: usize = 0; i < bytes; i += 8) {
    const frequency = load<f64>(weights + i);
    sum += frequency;
    if (frequency > largest) {
      largest = frequency;
      first = i;
    }
  }
  let given: f64 = 0;
  for (let i: usize = 0; i < bytes; i += 8) {
    const weight = floor(load<f64>(weights + i) * most / sum);
    store<f64>(weights + i, weight);
    given += weight;
  }
  store<f64>(weights + first, load<f64>(weights + first) + most - given);
}

/**
 * Make room for the code of the channel before, if the two have been alike (section 7.4.2).
 * That code, or -1 where it is not tried.
 */
function expect(row: i32, token: i32, k: i32, place: i32): i32 {
  const other = row - segments;
  if (other < 0 || !isThere(other, token, k)) return -1;
  if (!load<u8>(same + <usize>(row * length + token))) return -1;
  const code = load<i32>(codeAt(other, token, k));
  const at = tried + <usize>(place * 8);
  const likeness = floor(ONE * <f64>(2 * load<i32>(at, 4) + 1) / <f64>(2 * load<i32>(at) + 2));
  let sum: f64 = 0;
  const bytes = <usize>(size * 8);
  for (let i: usize = 0; i < bytes; i += 8) {
    const weight = floor(load<f64>(weights + i) * (ONE - likeness) / ONE);
    store<f64>(weights + i, weight);
    sum += weight;
  }
  const own = weights + <usize>(code * 8);
  store<f64>(own, load<f64>(own) + TOTAL - <f64>size - sum);
  return code;
}

/** The next symbol, by `weights`; -1 if no symbols have this code. */
function next(): i32 {
  const place = position(decoder);
  if (place >= <u64>TOTAL) return -1;
  const target = <f64>place;
  let from: f64 = 0;
  for (let i = 0; i < size; i++) {
    const to = from + load<f64>(weights + <usize>(i * 8)) + 1;
    if (target < to) {
      consume(decoder, <u64>from, <u64>to);
      return i;
    }
    from = to;
  }
  return -1;
}

/** A symbol to the payload, by `weights`. */
function give(symbol: i32): i32 {
  let from: f64 = symbol;
  for (let i = 0; i < symbol; i++) from += load<f64>(weights + <usize>(i * 8));
  put(<u64>from, <u64>(from + load<f64>(weights + <usize>(symbol * 8)) + 1));
  return symbol;
}
