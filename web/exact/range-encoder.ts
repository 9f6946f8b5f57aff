// The range coder of docs/format.md, section 8, the other way: intervals to a payload.

const WORD: u64 = 0x100000000;

let low: u64 = 0;
let width: u64 = 0;
let first: usize = 0; // of the payload
let at: usize = 0; // of the next word

/** Begin a payload, where there is room for it. */
export function begin(to: usize): void {
  low = 0;
  width = u64.MAX_VALUE;
  first = at = to;
}

/** A symbol with the interval from `from` to `to`, of 2^24. */
export function put(from: u64, to: u64): void {
  const scale = width >> 24, before = low;
  low += scale * from;
  width = scale * (to - from);
  if (low < before) carry();
  if (width >= WORD) return;
  store<u32>(at, <u32>(low >> 32));
  at += 4;
  low <<= 32;
  width <<= 32;
}

/** The end; bytes of the payload. */
export function finish(): i32 {
  let last = low >> 32; // the shortest number in [low, low + width)
  if (<u32>low && ++last == WORD) {
    carry();
    last = 0;
  }
  store<u32>(at, <u32>last);
  let end = at + 4;
  while (end > first && !load<u8>(end - 1)) end--;
  return <i32>(end - first);
}

function carry(): void {
  let to = at - 4;
  for (; load<u32>(to) == 0xffffffff; to -= 4) store<u32>(to, 0);
  store<u32>(to, load<u32>(to) + 1);
}
