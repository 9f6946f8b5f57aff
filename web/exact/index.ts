// What must be the same integer on every machine. Compiled to src/entropy/exact.wasm; fixed SIMD only.

import { RangeDecoder, consume, position as place, start } from "./range-decoder";

export { begin, embeddings, linear, model, position } from "./transformer";
export { decode, encode } from "./lm-coder";
export { begin as beginPayload, finish as finishPayload, put } from "./range-encoder";
export { classify, expect, layer } from "./classifier";

export function allocate(bytes: usize): usize { return heap.alloc(bytes); }

const decoder = changetype<RangeDecoder>(heap.alloc(offsetof<RangeDecoder>()));

/** Begin with a payload, of which symbols are decoded one by one. */
export function open(payload: usize, length: usize): void { start(decoder, payload, length); }

/**
 * The next symbol of a distribution: u32[count], where the interval of each ends, the last 2^24.
 * -1 if no symbols have this code.
 */
export function symbol(ends: usize, count: i32): i32 {
  const at = place(decoder);
  if (at >= 1 << 24) return -1;
  let low = 0, high = count - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (<u64>load<u32>(ends + <usize>(middle * 4)) > at) high = middle;
    else low = middle + 1;
  }
  const begin = low ? load<u32>(ends + <usize>((low - 1) * 4)) : 0;
  consume(decoder, begin, load<u32>(ends + <usize>(low * 4)));
  return low;
}

/** So many symbols of one distribution, to i32[n]; how many there were before the code ended. */
export function symbols(ends: usize, count: i32, to: usize, n: i32): i32 {
  for (let i = 0; i < n; i++) {
    const found = symbol(ends, count);
    if (found < 0) return i;
    store<i32>(to + <usize>(i * 4), found);
  }
  return n;
}
