// Payloads of the coders with a Transformer (docs/format.md, sections 7.3 and 7.4) to codes.

import { RangeDecoder, consume, position, start } from "./range-decoder";
import { advance, begin, score, scores, size } from "./transformer";

const LEVELS: i32 = 4096;
const ONE: f64 = 65536; // an occurrence; a probability of 1
const SPAN: i32 = 16; // tokens after which what was expected of them counts
const MOST: f64 = 16777216; // a corrected frequency
const TOTAL: f64 = 16777216;

/** Of a block: as the caller fills it in. */
@unmanaged
class Block {
  payload: usize;
  length: usize;
  tokens: i32;
  counts: usize; // u8[channels][tokens]: how many codes there are
  codes: usize; // i32[channels][codebooks][tokens], -1 throughout
}

const table = heap.alloc(LEVELS * 8);
let filled = false;
let weights: usize = 0; // f64[size]
let room: usize = 0; // bytes of what follows, grown as needed
let decoders: usize = 0;
let counted: usize = 0; // f64[rows][codebooks][3][size]: came, expected, and expected in this span
let spans: usize = 0; // i32[rows][codebooks]
let tried: usize = 0; // i32[rows][codebooks][2]: and the same, of channels that are alike
let same: usize = 0; // u8[rows][tokens]: in all codebooks so far
let inputs: usize = 0; // i32[rows][codebooks]
let active: usize = 0; // u8[rows]

/**
 * Decode blocks in lock-step: each channel of each is a row.
 *
 * `every` is how many codebooks the model has, `used` how many the file has. False if a payload is
 * malformed.
 */
export function decode(
  blocks: usize, count: i32, channels: i32, every: i32, used: i32, adaptive: bool,
): bool {
  if (!filled) fillTable();
  let longest = 0, most = 0;
  for (let b = 0; b < count; b++) {
    const block = blockAt(blocks, b);
    if (block.tokens > longest) longest = block.tokens;
    for (let i = 0; i < channels * block.tokens; i++) most = max(most, <i32>load<u8>(block.counts + i));
  }
  if (!most) return true;
  const rows = count * channels;
  prepare(rows, every, used, longest);
  begin(rows);
  for (let b = 0; b < count; b++) {
    const block = blockAt(blocks, b);
    start(decoderAt(b), block.payload, block.length);
  }
  for (let step = 0; step < longest + most - 1; step++) {
    let any = false;
    for (let row = 0; row < rows; row++) {
      const goes = step < endOf(blockAt(blocks, row / channels), row % channels);
      store<u8>(active + row, <u8>goes);
      any = any || goes;
    }
    if (!any) break;
    advance(inputs, active, rows);
    for (let i = 0; i < rows * every; i++) store<i32>(inputs + <usize>(i * 4), size);
    for (let b = 0; b < count; b++) {
      const block = blockAt(blocks, b);
      for (let channel = 0; channel < channels; channel++) {
        const row = b * channels + channel;
        for (let k = max(0, step - block.tokens + 1); k < min(most, step + 1); k++) {
          const token = step - k;
          if (k >= <i32>load<u8>(block.counts + channel * block.tokens + token)) continue;
          score(row, k);
          frequencies();
          const counts = counted + <usize>((row * used + k) * 3 * size * 8);
          if (adaptive) correct(counts, spans + <usize>((row * used + k) * 4), token);
          toWeights();
          const before = adaptive && channel > 0 ? expect(block, row, channel, used, k, token) : -1;
          const symbol = next(decoderAt(b));
          if (symbol < 0) return false;
          store<i32>(block.codes + <usize>(((channel * used + k) * block.tokens + token) * 4), symbol);
          store<i32>(inputs + <usize>((row * every + k) * 4), symbol);
          if (!adaptive) continue;
          const came = counts + <usize>(symbol * 8);
          store<f64>(came, load<f64>(came) + ONE);
          if (before < 0) continue;
          const at = tried + <usize>((row * used + k) * 8);
          store<i32>(at, load<i32>(at) + 1);
          if (symbol == before) store<i32>(at, load<i32>(at, 4) + 1, 4);
          else store<u8>(same + <usize>(row * longest + token), 0);
        }
      }
    }
  }
  return true;
}

// @ts-ignore: decorator
@inline
function blockAt(blocks: usize, b: i32): Block {
  return changetype<Block>(blocks + <usize>(b * offsetof<Block>()));
}

// @ts-ignore: decorator
@inline
function decoderAt(b: i32): RangeDecoder {
  return changetype<RangeDecoder>(decoders + <usize>(b * offsetof<RangeDecoder>()));
}

let sameLongest: i32 = 0;

function prepare(rows: i32, every: i32, used: i32, longest: i32): void {
  const books = <usize>(rows * used), all = <usize>(rows * every);
  const counts = books * <usize>(3 * size * 8);
  const wanted = <usize>rows * 64 + counts + books * 12 + <usize>(rows * longest) + all * 4 + <usize>rows;
  if (wanted > room) {
    room = wanted;
    decoders = heap.alloc(room + 64);
  }
  counted = (decoders + <usize>(rows * offsetof<RangeDecoder>()) + 15) & ~15;
  tried = counted + counts;
  spans = tried + books * 8;
  inputs = spans + books * 4;
  active = inputs + all * 4;
  same = active + <usize>rows;
  sameLongest = longest;
  if (!weights) weights = heap.alloc(<usize>(size * 8));
  memory.fill(tried, 0, books * 12);
  memory.fill(same, 1, <usize>(rows * longest));
  for (let i: usize = 0; i < all; i++) store<i32>(inputs + i * 4, size);
  for (let i: usize = 0; i < books; i++) {
    const before = <f64>((2 + <i32>(i % <usize>used)) * 32768);
    const at = counted + i * <usize>(3 * size * 8);
    for (let j = 0; j < 2 * size; j++) store<f64>(at + <usize>(j * 8), before);
    memory.fill(at + <usize>(2 * size * 8), 0, <usize>(size * 8));
  }
}

/** Steps that a channel of a block takes. */
function endOf(block: Block, channel: i32): i32 {
  // The last token with codes ends last or, where it has few, one of those shortly before it.
  let end = 0;
  const counts = block.counts + channel * block.tokens;
  for (let token = block.tokens - 1; token >= 0 && token > end - 33; token--) {
    const codes = <i32>load<u8>(counts + token);
    if (codes) end = max(end, token + codes);
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
function correct(came: usize, span: usize, token: i32): void {
  const bytes = <usize>(size * 8), expected = came + bytes, coming = expected + bytes;
  if (load<i32>(span) != token / SPAN) {
    store<i32>(span, token / SPAN);
    for (let i: usize = 0; i < bytes; i += 8) {
      store<f64>(expected + i, load<f64>(expected + i) + load<f64>(coming + i));
    }
    memory.fill(coming, 0, bytes);
  }
  let sum: f64 = 0;
  for (let i: usize = 0; i < bytes; i += 8) sum += load<f64>(weights + i);
  for (let i: usize = 0; i < bytes; i += 8) {
    const frequency = load<f64>(weights + i);
    store<f64>(coming + i, load<f64>(coming + i) + floor(frequency * ONE / sum));
    const ratio = floor(frequency * load<f64>(came + i) / load<f64>(expected + i));
    store<f64>(weights + i, min(MOST, ratio));
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
function expect(block: Block, row: i32, channel: i32, used: i32, k: i32, token: i32): i32 {
  const there = <i32>load<u8>(block.counts + (channel - 1) * block.tokens + token);
  if (k >= there || !load<u8>(same + <usize>(row * sameLongest + token))) return -1;
  const code = load<i32>(
    block.codes + <usize>((((channel - 1) * used + k) * block.tokens + token) * 4),
  );
  const at = tried + <usize>((row * used + k) * 8);
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
function next(decoder: RangeDecoder): i32 {
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
