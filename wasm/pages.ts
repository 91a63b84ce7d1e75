/**
 * Pages of Parquet in AssemblyScript: values that lie plain or as numbers of a dictionary, with levels of 0 and 1, some
 * thousand rows at a time, Snappy and LZ4. Compiled by `npm run wasm` into `src/producer/archive/table/pages_module.ts`;
 * used through `src/producer/archive/table/page_kernel.ts` alone.
 *
 * Formats: https://parquet.apache.org/docs/file-format/data-pages/encodings/ and google/snappy's format_description.txt.
 * Where the caller puts things, from byte 1024 on, is its own affair; behind what is read and written there must be SLACK bytes more.
 */

/** Bytes that may be read and written behind the end of a place. */
export const SLACK: u32 = 128;

// A run of numbers of `width` bits: 32-bit words from its address on.
const AT: usize = 0;
const END: usize = 4;
const WIDTH: usize = 8;
const LEFT: usize = 12;
/** 1: the values that are left lie packed; 0: all are VALUE. */
const PACKED: usize = 16;
const VALUE: usize = 20;
/** Bits of the packed run's bytes that were read. */
const BIT: usize = 24;
export const RUN_BYTES: u32 = 32;

/** Begins a run of numbers at `at`, which `end` ends. */
export function begin(run: usize, at: u32, end: u32, width: u32): void {
  store<u32>(run, at, AT);
  store<u32>(run, end, END);
  store<u32>(run, width, WIDTH);
  store<u32>(run, 0, LEFT);
  store<u32>(run, 0, PACKED);
}

/** Where a run of numbers is read on. */
export function position(run: usize): u32 {
  if (load<u32>(run, PACKED) === 1) {
    const bit = load<u32>(run, BIT);
    store<u32>(run, load<u32>(run, AT) + (bit >> 3), AT);
    store<u32>(run, bit & 7, BIT);
  }
  return load<u32>(run, AT);
}

/** The bytes of a run were moved: it is read on at `at`, its {@link position} before, and what is there ends at `end`. */
export function move(run: usize, at: u32, end: u32): void {
  store<u32>(run, at, AT);
  store<u32>(run, end, END);
}

/** Reads the head of the next piece of a run. False: there is none, or it is none. */
function next(run: usize): bool {
  let at = load<u32>(run, AT);
  const end = load<u32>(run, END);
  if (load<u32>(run, PACKED) === 1) at += (load<u32>(run, BIT) + 7) >> 3;
  let head: u32 = 0;
  let shift: u32 = 0;
  let byte: u32;
  do {
    if (at >= end || shift > 28) return false;
    byte = load<u8>(at++);
    head |= (byte & 127) << shift;
    shift += 7;
  } while (byte > 127);
  const width = load<u32>(run, WIDTH);
  const count = head >> 1;
  if (count === 0 || count > 0x1000_0000) return false;
  if ((head & 1) === 1) {
    store<u32>(run, 8 * count, LEFT);
    store<u32>(run, 1, PACKED);
    store<u32>(run, 0, BIT);
  } else {
    const bytes = (width + 7) >> 3;
    if (at + bytes > end) return false;
    const bits = width === 32 ? load<u32>(at) : load<u32>(at) & ((1 << width) - 1);
    store<u32>(run, width === 0 ? 0 : bits, VALUE);
    store<u32>(run, count, LEFT);
    store<u32>(run, 0, PACKED);
    at += bytes;
  }
  store<u32>(run, at, AT);
  return true;
}

/** How many of the next `want` numbers can be read by one loop; 0 at the end. */
function ready(run: usize, want: u32): u32 {
  if (load<u32>(run, LEFT) === 0 && !next(run)) return 0;
  const some = min(want, load<u32>(run, LEFT));
  store<u32>(run, load<u32>(run, LEFT) - some, LEFT);
  if (load<u32>(run, PACKED) === 0) return some;
  // A writer may leave off what pads the last bytes, but no number that is asked for.
  const bits = <u64>load<u32>(run, BIT) + <u64>some * load<u32>(run, WIDTH);
  return bits <= (<u64>(load<u32>(run, END) - load<u32>(run, AT))) << 3 ? some : 0;
}

/** Reads `count` levels of one bit into bytes. Returns how many are set; -1: damaged. */
export function levels(run: usize, count: u32, out: usize): i32 {
  let set: i32 = 0;
  while (count > 0) {
    const some = ready(run, count);
    if (some === 0) return -1;
    if (load<u32>(run, PACKED) === 0) {
      const level = load<u32>(run, VALUE);
      memory.fill(out, <u8>level, some);
      if (level !== 0) set += some;
    } else {
      const at = <usize>load<u32>(run, AT);
      const bit = load<u32>(run, BIT);
      for (let i: u32 = 0; i < some; i++) {
        const one = (<u32>load<u8>(at + ((bit + i) >> 3)) >> ((bit + i) & 7)) & 1;
        store<u8>(out + i, <u8>one);
        set += one;
      }
      store<u32>(run, bit + some, BIT);
    }
    out += some;
    count -= some;
  }
  return set;
}

/** Reads `count` numbers of a dictionary's entries into 32-bit words. False: damaged, or beyond its `entries`. */
export function codes(run: usize, count: u32, entries: u32, out: usize): bool {
  if (count === 0) return true;
  const width = load<u32>(run, WIDTH);
  const mask: u64 = (1 << (<u64>width)) - 1;
  let most: u32 = 0;
  while (count > 0) {
    const some = ready(run, count);
    if (some === 0) return false;
    if (load<u32>(run, PACKED) === 0) {
      const code = load<u32>(run, VALUE);
      most = max(most, code);
      for (let i: u32 = 0; i < some; i++) store<u32>(out + (i << 2), code);
    } else {
      const at = <usize>load<u32>(run, AT);
      let bit = load<u32>(run, BIT);
      for (let i: u32 = 0; i < some; i++) {
        const code = <u32>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & mask);
        most = max(most, code);
        store<u32>(out + (i << 2), code);
        bit += width;
      }
      store<u32>(run, bit, BIT);
    }
    out += some << 2;
    count -= some;
  }
  return most < entries;
}

/** Reads `count` entries of 8 bytes of a dictionary of so many. False: damaged. */
export function gather8(run: usize, count: u32, dictionary: usize, entries: u32, out: usize): bool {
  const width = load<u32>(run, WIDTH);
  const mask: u64 = (1 << (<u64>width)) - 1;
  while (count > 0) {
    const some = ready(run, count);
    if (some === 0) return false;
    if (load<u32>(run, PACKED) === 0) {
      const code = load<u32>(run, VALUE);
      if (code >= entries) return false;
      const value = load<u64>(dictionary + (code << 3));
      for (let i: u32 = 0; i < some; i++) store<u64>(out + (i << 3), value);
    } else {
      const at = <usize>load<u32>(run, AT);
      let bit = load<u32>(run, BIT);
      for (let i: u32 = 0; i < some; i++) {
        const code = <u32>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & mask);
        if (code >= entries) return false;
        store<u64>(out + (i << 3), load<u64>(dictionary + (code << 3)));
        bit += width;
      }
      store<u32>(run, bit, BIT);
    }
    out += some << 3;
    count -= some;
  }
  return true;
}

/** Entries of a dictionary by their numbers, of 4 or 16 bytes. */
export function pick(numbers: usize, count: u32, dictionary: usize, bytes: u32, out: usize): void {
  if (bytes === 4)
    for (let i: u32 = 0; i < count; i++)
      store<u32>(out + (i << 2), load<u32>(dictionary + (load<u32>(numbers + (i << 2)) << 2)));
  else
    for (let i: u32 = 0; i < count; i++)
      v128.store(out + (i << 4), v128.load(dictionary + (load<u32>(numbers + (i << 2)) << 4)));
}

/**
 * Puts `count` values of 4 or 8 bytes together whose bytes lie apart (BYTE_STREAM_SPLIT): from `at` on the first of
 * each, `stride` bytes behind it the second, and so on.
 */
export function join(at: usize, stride: usize, count: u32, bytes: u32, out: usize): void {
  let i: u32 = 0;
  if (bytes === 8) for (; i + 16 <= count; i += 16) join16(at + i, stride, out + (i << 3));
  for (; i < count; i++)
    for (let k: u32 = 0; k < bytes; k++) store<u8>(out + i * bytes + k, load<u8>(at + i + k * stride));
}

/** Sixteen of eight bytes: bytes of neighbours are put beside each other, then pairs of them, then pairs of pairs. */
function join16(at: usize, stride: usize, out: usize): void {
  const p0 = v128.load(at);
  const p1 = v128.load(at + stride);
  const p2 = v128.load(at + 2 * stride);
  const p3 = v128.load(at + 3 * stride);
  const p4 = v128.load(at + 4 * stride);
  const p5 = v128.load(at + 5 * stride);
  const p6 = v128.load(at + 6 * stride);
  const p7 = v128.load(at + 7 * stride);
  join8(low8(p0, p1), low8(p2, p3), low8(p4, p5), low8(p6, p7), out);
  join8(high8(p0, p1), high8(p2, p3), high8(p4, p5), high8(p6, p7), out + 64);
}

function join8(p01: v128, p23: v128, p45: v128, p67: v128, out: usize): void {
  const a = v128.shuffle<u16>(p01, p23, 0, 8, 1, 9, 2, 10, 3, 11);
  const b = v128.shuffle<u16>(p01, p23, 4, 12, 5, 13, 6, 14, 7, 15);
  const c = v128.shuffle<u16>(p45, p67, 0, 8, 1, 9, 2, 10, 3, 11);
  const d = v128.shuffle<u16>(p45, p67, 4, 12, 5, 13, 6, 14, 7, 15);
  v128.store(out, v128.shuffle<u32>(a, c, 0, 4, 1, 5));
  v128.store(out + 16, v128.shuffle<u32>(a, c, 2, 6, 3, 7));
  v128.store(out + 32, v128.shuffle<u32>(b, d, 0, 4, 1, 5));
  v128.store(out + 48, v128.shuffle<u32>(b, d, 2, 6, 3, 7));
}

function low8(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

function high8(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** Moves `set` values that lie side by side to the rows, of `count`, whose level is 1; the others get 0. */
export function spread(out: usize, count: u32, set: u32, levelsAt: usize, bytes: u32): void {
  let from = set;
  for (let row = count; row-- > 0; ) {
    const has = load<u8>(levelsAt + row) !== 0;
    if (has) from--;
    if (bytes === 4) store<u32>(out + (row << 2), has ? load<u32>(out + (from << 2)) : 0);
    else if (bytes === 8) store<u64>(out + (row << 3), has ? load<u64>(out + (from << 3)) : 0);
    else v128.store(out + (row << 4), has ? v128.load(out + (from << 4)) : i64x2.splat(0));
  }
}

/** Levels as bits, the first in the lowest. */
export function bits(levelsAt: usize, count: u32, out: usize): void {
  memory.fill(out, 0, (count + 7) >> 3);
  for (let i: u32 = 0; i < count; i++) {
    const at = out + (i >> 3);
    store<u8>(at, <u8>(<u32>load<u8>(at) | ((<u32>load<u8>(levelsAt + i)) << (i & 7))));
  }
}

/** Whole numbers of `width` bytes, the highest first (`isBig`) or last, as 16 bytes, the lowest first. */
export function widen(at: usize, count: u32, width: u32, isBig: bool, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const from = at + i * width;
    const to = out + (i << 4);
    const sign = load<i8>(isBig ? from : from + width - 1) < 0 ? 255 : 0;
    memory.fill(to, <u8>sign, 16);
    for (let k: u32 = 0; k < width; k++) store<u8>(to + k, load<u8>(isBig ? from + width - 1 - k : from + k));
  }
}

/**
 * Copies `count` texts, each behind its length, side by side to `out`, and where each ends to `offsets`, behind a 0; rows
 * of level 0 (with `levelsAt` not 0) are empty. Returns where it stopped reading; 0: damaged.
 */
export function texts(at: usize, end: usize, count: u32, levelsAt: usize, offsets: usize, out: usize): usize {
  let length: u32 = 0;
  store<u32>(offsets, 0);
  for (let i: u32 = 0; i < count; i++) {
    if (levelsAt === 0 || load<u8>(levelsAt + i) !== 0) {
      if (at + 4 > end) return 0;
      const bytes = load<u32>(at);
      at += 4;
      if (bytes > <u32>(end - at)) return 0;
      memory.copy(out + length, at, bytes);
      at += bytes;
      length += bytes;
    }
    store<u32>(offsets + 4 + (i << 2), length);
  }
  return at;
}

// What is known of Snappy that is being unpacked: 32-bit words from its address on.
/** Where its next byte is read, and written. */
const IN: usize = 0;
const OUT: usize = 4;
/** Bytes that are left of a literal. */
const LITERAL: usize = 8;
export const SNAPPY_BYTES: u32 = 16;

/** Longest head of an element. */
const HEAD: usize = 5;
/** By distance, from 1 to 7, the shuffle that fills 16 bytes with what lies so far back again and again. */
const REPEATS: usize = 0;
let areRepeatsMade: bool = false;

function makeRepeats(): void {
  for (let distance: u32 = 1; distance < 8; distance++)
    for (let i: u32 = 0; i < 16; i++) store<u8>(REPEATS + (distance << 4) + i, <u8>(i % distance));
  areRepeatsMade = true;
}

/** Copies `length` bytes to `out` from `distance` before it. Up to 16 more are written: again, or they are slack. */
function again(out: usize, distance: usize, length: usize): void {
  const from = out - distance;
  if (distance >= 16) {
    v128.store(out, v128.load(from));
    for (let k: usize = 16; k < length; k += 16) v128.store(out + k, v128.load(from + k));
  } else if (distance >= 8) {
    for (let k: usize = 0; k < length; k += 8) store<u64>(out + k, load<u64>(from + k));
  } else {
    const bytes = v128.swizzle(v128.load(from), v128.load(REPEATS + (distance << 4)));
    const step = 16 - (16 % distance);
    for (let k: usize = 0; k < length; k += step) v128.store(out + k, bytes);
  }
}

/** Begins to unpack what lies from `at` on to `out`. Returns the bytes it says it will have; -1: damaged. */
export function beginSnappy(state: usize, at: usize, end: usize, out: usize): i32 {
  if (!areRepeatsMade) makeRepeats();
  let size: u32 = 0;
  let shift: u32 = 0;
  let byte: u32;
  do {
    if (at >= end || shift > 28) return -1;
    byte = load<u8>(at++);
    size |= (byte & 127) << shift;
    shift += 7;
  } while (byte > 127);
  store<u32>(state, <u32>at, IN);
  store<u32>(state, <u32>out, OUT);
  store<u32>(state, 0, LITERAL);
  return <i32>size;
}

/**
 * Unpacks on until `last` is reached, or passed by less than 64 bytes, or what lies before `end` is used up: if that
 * `isEnd`, to its last byte, else up to a head that may be cut. What it may refer to begins at `first`. False: damaged.
 */
export function snappy(state: usize, end: usize, isEnd: bool, first: usize, last: usize): bool {
  let at = <usize>load<u32>(state, IN);
  let out = <usize>load<u32>(state, OUT);
  let literal = <usize>load<u32>(state, LITERAL);
  const stop = isEnd ? end : max(at, end - HEAD);
  while (out < last) {
    if (literal !== 0) {
      const some = min(min(literal, end - at), last - out);
      memory.copy(out, at, some);
      at += some;
      out += some;
      literal -= some;
      if (literal !== 0) break;
      continue;
    }
    if (at >= stop) break;
    const tag = <u32>load<u8>(at++);
    if ((tag & 3) === 0) {
      let length = <usize>(tag >> 2);
      if (length >= 60) {
        const bytes = length - 59;
        if (at + bytes > end) return false;
        length = load<u32>(at);
        if (bytes < 4) length &= (1 << (bytes << 3)) - 1;
        at += bytes;
      }
      length++;
      if (length === 0) return false;
      // A short one by one copy of 16 bytes: what is written too much is written again, or is slack.
      if (length <= 16 && at + length <= end && out + length <= last) {
        v128.store(out, v128.load(at));
        at += length;
        out += length;
      } else literal = length;
      continue;
    }
    let length: usize;
    let distance: usize;
    if ((tag & 3) === 1) {
      length = 4 + ((tag >> 2) & 7);
      distance = ((tag >> 5) << 8) | load<u8>(at++);
    } else {
      length = 1 + (tag >> 2);
      const isShort = (tag & 3) === 2;
      distance = isShort ? load<u16>(at) : load<u32>(at);
      at += isShort ? 2 : 4;
    }
    if (at > end || distance === 0 || distance > out - first) return false;
    again(out, distance, length);
    out += length;
  }
  store<u32>(state, <u32>at, IN);
  store<u32>(state, <u32>out, OUT);
  store<u32>(state, <u32>literal, LITERAL);
  return true;
}

/** Where unpacking goes on: what is before it in the input was used. */
export function snappyIn(state: usize): usize {
  return load<u32>(state, IN);
}

/** Up to where it has unpacked. */
export function snappyOut(state: usize): usize {
  return load<u32>(state, OUT);
}

/** Input and output were moved. */
export function moveSnappy(state: usize, at: usize, out: usize): void {
  store<u32>(state, <u32>at, IN);
  store<u32>(state, <u32>out, OUT);
}

/**
 * Unpacks a block of LZ4, [at, end), to `out`, at most up to `last`; what it may refer to begins at `first`. Returns
 * where it ends; 0: damaged. (lz4_Block_format.md)
 */
export function lz4(at: usize, end: usize, first: usize, out: usize, last: usize): usize {
  if (!areRepeatsMade) makeRepeats();
  while (at < end) {
    const token = <u32>load<u8>(at++);
    let literals = <usize>(token >> 4);
    if (literals === 15) {
      let more: usize;
      do {
        if (at >= end) return 0;
        more = load<u8>(at++);
        literals += more;
      } while (more === 255);
    }
    if (literals > end - at || literals > last - out) return 0;
    if (literals <= 16) v128.store(out, v128.load(at));
    else memory.copy(out, at, literals);
    at += literals;
    out += literals;
    // The last of a block has no more than literals.
    if (at === end) return out;
    if (end - at < 2) return 0;
    const distance = <usize>load<u16>(at);
    at += 2;
    let length = <usize>((token & 15) + 4);
    if (length === 19) {
      let more: usize;
      do {
        if (at >= end) return 0;
        more = load<u8>(at++);
        length += more;
      } while (more === 255);
    }
    if (distance === 0 || distance > out - first || length > last - out) return 0;
    again(out, distance, length);
    out += length;
  }
  return out;
}
