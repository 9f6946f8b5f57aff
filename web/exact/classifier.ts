// The networks of hifi-48k (docs/hifi.md): which class a coefficient belongs to, for each of the two
// passes (section 5), and what the level of a band is expected to be (section 4).

import { Linear, give, multiply } from "./linear";

const LAYERS: i32 = 3;
const MOST: i32 = 127; // of what goes from layer to layer
const CLASSES: i32 = 64;
const LEVELS: i32 = 2; // the number of the network of levels

const maps = heap.alloc(<usize>(3 * LAYERS) * offsetof<Linear>());
const hidden = heap.alloc(2 * 256), sums = heap.alloc(4 * 256);

// @ts-ignore: decorator
@inline
function mapAt(pass: i32, layer: i32): Linear {
  return changetype<Linear>(maps + <usize>(pass * LAYERS + layer) * offsetof<Linear>());
}

/** Room for a layer of at most 256 inputs and outputs: weights, then bias, then shift. */
export function layer(pass: i32, index: i32, inputs: i32, outputs: i32): usize {
  const map = mapAt(pass, index);
  give(map, inputs, outputs);
  return map.weight;
}

/** Classes, u8[count], of inputs i16[count][whole 16]. */
export function classify(pass: i32, inputs: usize, count: i32, to: usize): void {
  memory.fill(hidden, 0, 512);
  const stride = <usize>(2 * mapAt(pass, 0).stride);
  for (let i = 0; i < count; i++) {
    run(pass, inputs, sums);
    store<u8>(to + i, <u8>max(0, min(CLASSES - 1, load<i32>(sums))));
    inputs += stride;
  }
}

/** What a level is expected to be, i32[2], of inputs i16[whole 16]. */
export function expect(inputs: usize, to: usize): void {
  memory.fill(hidden, 0, 512);
  run(LEVELS, inputs, to);
}

function run(number: i32, inputs: usize, to: usize): void {
  const first = mapAt(number, 0), second = mapAt(number, 1), last = mapAt(number, 2);
  multiply(first, 0, first.outputs, inputs, sums);
  limit(first.outputs);
  multiply(second, 0, second.outputs, hidden, sums);
  limit(second.outputs);
  multiply(last, 0, last.outputs, hidden, to);
}

function limit(count: i32): void {
  for (let i = 0; i < count; i++) {
    const value = max(0, min(MOST, load<i32>(sums + <usize>(i * 4))));
    store<i16>(hidden + <usize>(i * 2), <i16>value);
  }
}
