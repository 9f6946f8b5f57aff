// The range coder of docs/format.md, section 8: a state of 64 bits, words of 32, 24 bits of precision.

const PRECISION: u64 = 24;

@unmanaged
export class RangeDecoder {
  value: u64;
  width: u64;
  at: usize; // of the next word
  end: usize; // of the payload, after which there are zeros
}

export function start(decoder: RangeDecoder, payload: usize, length: usize): void {
  decoder.width = u64.MAX_VALUE;
  decoder.at = payload;
  decoder.end = payload + length;
  const first = nextWord(decoder);
  decoder.value = (first << 32) | nextWord(decoder);
}

/** Where in [0, 2^24) the next symbol lies; 2^24 or more if no symbols have this code. */
// @ts-ignore: decorator
@inline
export function position(decoder: RangeDecoder): u64 {
  return decoder.value / (decoder.width >> PRECISION);
}

/** Go on behind the symbol with the interval from `begin` to `end`. */
// @ts-ignore: decorator
@inline
export function consume(decoder: RangeDecoder, begin: u64, end: u64): void {
  const scale = decoder.width >> PRECISION;
  decoder.value -= scale * begin;
  decoder.width = scale * (end - begin);
  if (decoder.width < 0x100000000) {
    decoder.width <<= 32;
    decoder.value = (decoder.value << 32) | nextWord(decoder);
  }
}

function nextWord(decoder: RangeDecoder): u64 {
  const at = decoder.at;
  decoder.at = at + 4;
  if (at + 4 <= decoder.end) return load<u32>(at);
  let word: u64 = 0;
  for (let i: usize = 0; at + i < decoder.end; i++) word |= (<u64>load<u8>(at + i)) << (8 * <u64>i);
  return word;
}
