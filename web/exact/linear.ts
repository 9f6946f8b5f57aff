// Linear maps of integers, divided by a power of two for each output and rounded down.

/** Weights are stored by output, the inputs of each filled up with zeros to whole 16. */
@unmanaged
export class Linear {
  weight: usize; // i8[outputs][stride]
  bias: usize; // i32[outputs]
  shift: usize; // i32[outputs]
  stride: i32;
  outputs: i32;
}

/** Room for its numbers: weights, then bias, then shift. */
export function give(map: Linear, inputs: i32, outputs: i32): void {
  map.stride = (inputs + 15) & ~15;
  map.outputs = outputs;
  map.weight = heap.alloc(<usize>(outputs * (map.stride + 8)));
  map.bias = map.weight + <usize>(outputs * map.stride);
  map.shift = map.bias + <usize>(outputs * 4);
}

/** Some of its outputs, i32[count], of inputs i16[stride]. */
export function multiply(map: Linear, first: i32, count: i32, from: usize, to: usize): void {
  const stride = map.stride;
  let weight = map.weight + <usize>(first * stride);
  for (let j = first; j < first + count; j++) {
    let even = i32x4.splat(0), odd = i32x4.splat(0);
    for (let i = 0; i < stride; i += 16) {
      const a = from + <usize>(i * 2);
      even = i32x4.add(even, i32x4.dot_i16x8_s(v128.load(a), v128.load_ext<i8>(weight + i)));
      odd = i32x4.add(odd, i32x4.dot_i16x8_s(v128.load(a, 16), v128.load_ext<i8>(weight + i, 8)));
    }
    const sum = sumOf(i32x4.add(even, odd)) + load<i32>(map.bias + <usize>(j * 4));
    store<i32>(to, sum >> load<i32>(map.shift + <usize>(j * 4)));
    weight += stride;
    to += 4;
  }
}

// @ts-ignore: decorator
@inline
export function sumOf(four: v128): i32 {
  return i32x4.extract_lane(four, 0) + i32x4.extract_lane(four, 1)
    + i32x4.extract_lane(four, 2) + i32x4.extract_lane(four, 3);
}
