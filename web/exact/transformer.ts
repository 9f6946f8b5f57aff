// The integer Transformer of docs/format.md, section 7.3, step by step, of many rows at once.
//
// Activations are 16-bit integers, weights bytes, sums 32-bit integers: nothing is ever rounded but
// where the definition rounds. Divisions are of float64, exact as section 7.3.5 has it.

import { Linear, give, multiply, sumOf } from "./linear";

const UNIT: i32 = 32;
const LARGEST: i32 = 127;
const LIMIT: i32 = 32767;
const SUPPORT: i32 = 127;

let codebooks: i32 = 0;
export let size: i32 = 0;
let width: i32 = 0;
let heads: i32 = 0;
let layers: i32 = 0;
let key: i32 = 0;
let span: i32 = 0; // steps that attention sees: the window and the step itself
let embedding: usize = 0; // i8[codebooks * (size + 1)][width]
let linears: usize = 0; // of each layer qkv, out, up, down; then the heads of all codebooks
let positions: usize = 0; // i32[layers][heads][span], by distance

let rowsMost: i32 = 0;
let keys: usize = 0; // i16[layers][rows][span][key], a ring: step s is at s mod span
let values: usize = 0;
let residual: usize = 0; // i32[rows][width]
let activations: usize = 0; // i16[rows][most inputs of a linear map]
let outputs: usize = 0; // i32[rows][most outputs of a layer's linear map]
let attention: usize = 0; // i32[span]: of one head
let means: usize = 0; // i32[key]
let widest: i32 = 0;
let step: i32 = 0;
export let scores: usize = 0; // i32[size]

/** The sizes of the model. Then its tensors, where `linear`, `embeddings` and `position` say. */
export function model(
  codebooks_: i32, size_: i32, width_: i32, heads_: i32, layers_: i32, key_: i32, window: i32,
): void {
  codebooks = codebooks_;
  size = size_;
  width = width_;
  heads = heads_;
  layers = layers_;
  key = key_;
  span = window + 1;
  widest = width + 2 * key;
  embedding = heap.alloc(<usize>(codebooks * (size + 1) * width));
  linears = heap.alloc(<usize>((4 * layers + 1) * offsetof<Linear>()));
  positions = heap.alloc(<usize>(layers * heads * span * 4));
  attention = heap.alloc(<usize>(span * 4));
  means = heap.alloc(<usize>(key * 4));
  scores = heap.alloc(<usize>(size * 4));
}

export function embeddings(): usize { return embedding; }
export function position(layer: i32): usize { return positions + <usize>(layer * heads * span * 4); }

/** Room for a linear map: its weights, of `stride` bytes an output; then bias; then shift. */
export function linear(index: i32, inputs: i32, count: i32): usize {
  const map = linearAt(index);
  give(map, inputs, count);
  if (map.stride > widest) widest = map.stride;
  if (index < 4 * layers && count > widest) widest = count;
  return map.weight;
}

// @ts-ignore: decorator
@inline
function linearAt(index: i32): Linear {
  return changetype<Linear>(linears + <usize>(index * offsetof<Linear>()));
}

/** To the first step of so many rows. */
export function begin(rows: i32): void {
  step = 0;
  if (rows > rowsMost) {
    rowsMost = rows;
    const past = <usize>(layers * rows * span * key * 2);
    keys = heap.alloc(past);
    values = heap.alloc(past);
    residual = heap.alloc(<usize>(rows * width * 4));
    activations = heap.alloc(<usize>(rows * widest * 2));
    outputs = heap.alloc(<usize>(rows * widest * 4));
  }
  memory.fill(activations, 0, <usize>(rowsMost * widest * 2));
}

/**
 * One step: what the step before decided, `inputs` i32[rows][codebooks], `size` for none. `active`
 * u8[rows] says which rows go on. Then `score` gives scores.
 */
export function advance(inputs: usize, active: usize, rows: i32): void {
  for (let row = 0; row < rows; row++) {
    if (load<u8>(active + row)) embed(inputs + <usize>(row * codebooks * 4), row);
  }
  for (let layer = 0; layer < layers; layer++) {
    normalise(active, rows);
    apply(4 * layer, 0, width + 2 * key, active, rows);
    for (let row = 0; row < rows; row++) if (load<u8>(active + row)) attend(layer, row);
    apply(4 * layer + 1, 0, width, active, rows);
    add(active, rows);
    normalise(active, rows);
    const wide = linearAt(4 * layer + 2).outputs;
    apply(4 * layer + 2, 0, wide, active, rows);
    for (let row = 0; row < rows; row++) if (load<u8>(active + row)) limit(row, wide, 0);
    apply(4 * layer + 3, 0, width, active, rows);
    add(active, rows);
  }
  normalise(active, rows);
  step++;
}

/** The scores of a row's codes of a codebook, to `scores`. */
export function score(row: i32, codebook: i32): void {
  multiply(linearAt(4 * layers), codebook * size, size, activationOf(row), scores);
}

// @ts-ignore: decorator
@inline
function activationOf(row: i32): usize { return activations + <usize>(row * widest * 2); }

// @ts-ignore: decorator
@inline
function outputOf(row: i32): usize { return outputs + <usize>(row * widest * 4); }

// @ts-ignore: decorator
@inline
function residualOf(row: i32): usize { return residual + <usize>(row * width * 4); }

function embed(inputs: usize, row: i32): void {
  const to = residualOf(row);
  memory.fill(to, 0, <usize>(width * 4));
  for (let k = 0; k < codebooks; k++) {
    const code = load<i32>(inputs + <usize>(k * 4));
    const from = embedding + <usize>((k * (size + 1) + code) * width);
    for (let i = 0; i < width; i++) {
      const at = to + <usize>(i * 4);
      store<i32>(at, load<i32>(at) + 8 * <i32>load<i8>(from + i));
    }
  }
}

function normalise(active: usize, rows: i32): void {
  for (let row = 0; row < rows; row++) {
    if (!load<u8>(active + row)) continue;
    const from = residualOf(row), to = activationOf(row);
    let sum: i32 = 1;
    for (let i = 0; i < width; i++) sum += abs(load<i32>(from + <usize>(i * 4)));
    const divisor = <f64>sum, factor = <f64>(UNIT * width);
    for (let i = 0; i < width; i++) {
      const quotient = floor(<f64>load<i32>(from + <usize>(i * 4)) * factor / divisor);
      store<i16>(to + <usize>(i * 2), <i16>clip(<i32>quotient, -LARGEST, LARGEST));
    }
  }
}

// @ts-ignore: decorator
@inline
function clip(x: i32, low: i32, high: i32): i32 { return min(max(x, low), high); }

/** Outputs of a linear map from the activations of all rows. */
function apply(index: i32, first: i32, count: i32, active: usize, rows: i32): void {
  const map = linearAt(index);
  for (let at = first; at < first + count; at += 32) { // weights stay in the cache for all rows
    const some = min(32, first + count - at);
    for (let row = 0; row < rows; row++) {
      if (load<u8>(active + row)) {
        multiply(map, at, some, activationOf(row), outputOf(row) + <usize>((at - first) * 4));
      }
    }
  }
}

/** A row's outputs, limited, as the next activations; those up to a whole 16 become zero. */
function limit(row: i32, count: i32, low: i32): void {
  const from = outputOf(row), to = activationOf(row);
  for (let i = 0; i < count; i++) {
    store<i16>(to + <usize>(i * 2), <i16>clip(load<i32>(from + <usize>(i * 4)), low, LARGEST));
  }
  for (let i = count; i < ((count + 15) & ~15); i++) store<i16>(to + <usize>(i * 2), 0);
}

function add(active: usize, rows: i32): void {
  for (let row = 0; row < rows; row++) {
    if (!load<u8>(active + row)) continue;
    const to = residualOf(row), from = outputOf(row);
    for (let i = 0; i < width; i++) {
      const at = to + <usize>(i * 4);
      const sum = load<i32>(at) + load<i32>(from + <usize>(i * 4));
      store<i32>(at, clip(sum, -LIMIT, LIMIT));
    }
  }
}

/** A row's queries, keys and values to what its heads make of the steps that they see. */
function attend(layer: i32, row: i32): void {
  limit(row, width + 2 * key, -LARGEST);
  const query = activationOf(row);
  const past = <usize>((layer * rowsMost + row) * span * key * 2);
  const slot = <usize>(step % span * key * 2);
  const bytes = <usize>(key * 2);
  memory.copy(keys + past + slot, query + <usize>(width * 2), bytes);
  memory.copy(values + past + slot, query + <usize>((width + key) * 2), bytes);
  const seen = min(step + 1, span);
  const to = outputOf(row); // the queries are still needed
  for (let head = 0; head < heads; head++) {
    const own = query + <usize>(head * key * 2);
    const near = position(layer) + <usize>(head * span * 4);
    let largest = i32.MIN_VALUE;
    for (let distance = 0; distance < seen; distance++) {
      const at = keys + past + <usize>((step - distance) % span * key * 2);
      const value = (dot(own, at) >> 7) + load<i32>(near + <usize>(distance * 4));
      store<i32>(attention + <usize>(distance * 4), value);
      if (value > largest) largest = value;
    }
    memory.fill(means, 0, <usize>(key * 4));
    let total: i32 = 0;
    for (let distance = 0; distance < seen; distance++) {
      const u = SUPPORT + load<i32>(attention + <usize>(distance * 4)) - largest;
      const weight = u > 0 ? u * u >> 6 : 0;
      if (!weight) continue;
      total += weight;
      accumulate(weight, values + past + <usize>((step - distance) % span * key * 2));
    }
    for (let i = 0; i < key; i++) {
      const mean = floor(<f64>load<i32>(means + <usize>(i * 4)) / <f64>total);
      store<i32>(to + <usize>((head * key + i) * 4), <i32>mean);
    }
  }
  limit(row, width, -LARGEST); // means of values are within
}

function dot(a: usize, b: usize): i32 {
  let sum: i32 = 0, i = 0;
  let four = i32x4.splat(0);
  for (; i + 8 <= key; i += 8) {
    four = i32x4.add(four, i32x4.dot_i16x8_s(v128.load(a + <usize>(i * 2)), v128.load(b + <usize>(i * 2))));
  }
  for (; i < key; i++) sum += <i32>load<i16>(a + <usize>(i * 2)) * <i32>load<i16>(b + <usize>(i * 2));
  return sum + sumOf(four);
}

/** Add so much of a value to `means`. */
function accumulate(weight: i32, from: usize): void {
  const factor = i16x8.splat(<i16>weight);
  let i = 0;
  for (; i + 8 <= key; i += 8) {
    const eight = v128.load(from + <usize>(i * 2));
    const at = means + <usize>(i * 4);
    v128.store(at, i32x4.add(v128.load(at), i32x4.extmul_low_i16x8_s(eight, factor)));
    v128.store(at, i32x4.add(v128.load(at, 16), i32x4.extmul_high_i16x8_s(eight, factor)), 16);
  }
  for (; i < key; i++) {
    const at = means + <usize>(i * 4);
    store<i32>(at, load<i32>(at) + weight * <i32>load<i16>(from + <usize>(i * 2)));
  }
}
