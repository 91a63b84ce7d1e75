/**
 * Inflate (RFC 1951) in AssemblyScript: from compressed bytes to bytes, in pieces, out of and into fixed buffers.
 * Compiled by `npm run wasm` into `src/producer/archive/inflate_module.ts`; used through `src/producer/archive/inflater.ts` alone.
 *
 * Why not zlib: a stream of Node's allocates a buffer a piece, which the garbage collector has to be told of, and hands
 * every piece from thread to thread. Bits are read 64 at a time and symbols looked up in tables whose entries hold
 * all there is to know (the way of libdeflate), so that a symbol costs a load, two shifts and a store. Sums are the
 * caller's to check.
 */

// What lies where. The caller keeps to these, by the globals' names.
/** Of each symbol its length in bits: first those of literals and lengths, then those of distances. */
const LENGTHS: usize = 1024;
/** Symbols by length, then by value. */
const SORTED: usize = 1536;
/** What a symbol means, without its length in bits: by symbol, a word each. */
const LITERAL_MEANING: usize = 3072;
const DISTANCE_MEANING: usize = 4352;
const ORDER: usize = 4608;
const PRECODE_TABLE: usize = 5120;
const LITERAL_TABLE: usize = 8192;
const DISTANCE_TABLE: usize = 20_480;
/** Compressed bytes; behind them 64 more may be read. */
export const INPUT: usize = 24_576;
export const INPUT_ROOM: u32 = 131_072;
/** Inflated bytes, with the last 32 KiB of what came before; some 300 more may be written behind. */
export const OUTPUT: usize = 155_712;
export const OUTPUT_ROOM: u32 = 294_912;
export const WINDOW: u32 = 32_768;
export const MEMORY: u32 = 458_752;

const LITERAL_BITS: u32 = 11;
const DISTANCE_BITS: u32 = 8;
const PRECODE_BITS: u32 = 7;

// An entry: bits to take in the low byte; for lengths and distances the bits of the code alone in the next four bits,
// so that what lies above them is the extra bits' value; what it stands for in the upper half.
const LITERAL: u32 = 0x8000_0000;
const EXCEPTIONAL: u32 = 0x8000;
const SUBTABLE: u32 = 0x4000;
const END_OF_BLOCK: u32 = 0x2000;
const INVALID: u32 = 0x1000;

/** States between calls. */
const HEADER: u32 = 0;
const STORED: u32 = 1;
const SYMBOLS: u32 = 2;
const DONE: u32 = 3;

/** What a call ends with. */
export const NEEDS_INPUT: u32 = 0;
export const OUTPUT_FULL: u32 = 1;
export const ENDED: u32 = 2;
export const TRUNCATED: u32 = 3;
export const CORRUPT: u32 = 4;

/** A block's header is read only when this many bytes are there, or all there will ever be. */
const HEADER_ROOM: usize = 1024;
/** Bytes an iteration of the symbol loop may load beyond where it stands. */
const SYMBOL_ROOM: usize = 32;

let state: u32 = 0;
let isLast: bool = false;
let storedLeft: u32 = 0;
let hasFixed: bool = false;
let bits: u64 = 0;
let count: u32 = 0;

/** Where the next byte of INPUT is read, and where the next inflated one is written. */
export let position: u32 = 0;
export let written: u32 = 0;
/** What is wrong, for {@link CORRUPT}. */
export let reason: u32 = 0;
export const BAD_BLOCK: u32 = 1;
export const BAD_STORED: u32 = 2;
export const BAD_CODES: u32 = 3;
export const BAD_SYMBOL: u32 = 4;
export const BAD_DISTANCE: u32 = 5;

/** Fills the tables of meanings; once an instance. */
export function setUp(): void {
  for (let symbol: u32 = 0; symbol < 256; symbol++)
    meaning(LITERAL_MEANING, symbol, LITERAL | (symbol << 16));
  meaning(LITERAL_MEANING, 256, EXCEPTIONAL | END_OF_BLOCK);
  let base: u32 = 3;
  for (let symbol: u32 = 257; symbol < 285; symbol++) {
    const extra: u32 = symbol < 265 ? 0 : (symbol - 261) >> 2;
    meaning(LITERAL_MEANING, symbol, (base << 16) | extra);
    base += 1 << extra;
  }
  meaning(LITERAL_MEANING, 285, 258 << 16);
  meaning(LITERAL_MEANING, 286, EXCEPTIONAL | INVALID);
  meaning(LITERAL_MEANING, 287, EXCEPTIONAL | INVALID);
  base = 1;
  for (let symbol: u32 = 0; symbol < 30; symbol++) {
    const extra: u32 = symbol < 4 ? 0 : (symbol - 2) >> 1;
    meaning(DISTANCE_MEANING, symbol, (base << 16) | extra);
    base += 1 << extra;
  }
  meaning(DISTANCE_MEANING, 30, EXCEPTIONAL | INVALID);
  meaning(DISTANCE_MEANING, 31, EXCEPTIONAL | INVALID);
  // The order in which a block's header lists the lengths of the code of lengths.
  store<u32>(ORDER, 0x0012_1110);
  store<u32>(ORDER + 4, 0x0609_0708);
  store<u32>(ORDER + 8, 0x040b_050a);
  store<u32>(ORDER + 12, 0x020d_030c);
  store<u32>(ORDER + 16, 0x000f_010e);
}

function meaning(table: usize, symbol: u32, value: u32): void {
  store<u32>(table + <usize>symbol * 4, value);
}

/** Begins a stream: the next byte of INPUT is its first. */
export function begin(): void {
  state = HEADER;
  isLast = false;
  bits = 0;
  count = 0;
  written = 0;
  hasFixed = false;
}

/** Makes room in OUTPUT: keeps the last WINDOW bytes, and says by `written` where the next ones will be. */
export function slide(): void {
  const excess: i32 = <i32>written - <i32>WINDOW;
  if (excess <= 0) return;
  memory.copy(OUTPUT, OUTPUT + excess, WINDOW);
  written = WINDOW;
}

/**
 * Inflates INPUT[position … end-1] to OUTPUT from `written` on, as far as both go. `isAll`: no more input will come.
 * Returns how it ended. After {@link NEEDS_INPUT} the bytes from `position` on must come first in INPUT again.
 */
export function inflate(end: u32, isAll: bool): u32 {
  const last = INPUT + end;
  // What a look ahead finds behind the end are zeros.
  if (isAll) memory.fill(last, 0, 64);
  while (true) {
    if (state === SYMBOLS) {
      const how = symbols(last, isAll);
      if (how !== DONE_BLOCK) return how;
      state = isLast ? DONE : HEADER;
    } else if (state === HEADER) {
      if (!isAll && last - (INPUT + position) < HEADER_ROOM) return NEEDS_INPUT;
      const how = header(last);
      if (how !== 0) return how;
    } else if (state === STORED) {
      const from = INPUT + position;
      const room = OUTPUT_ROOM - written;
      let length: u32 = storedLeft;
      if (length > room) length = room;
      if (<usize>length > last - from) length = <u32>(last - from);
      memory.copy(OUTPUT + written, from, length);
      position += length;
      written += length;
      storedLeft -= length;
      if (storedLeft > 0) {
        if (written === OUTPUT_ROOM) return OUTPUT_FULL;
        return isAll ? TRUNCATED : NEEDS_INPUT;
      }
      state = isLast ? DONE : HEADER;
    } else {
      // Whole bytes that were looked ahead go back.
      position -= count >> 3;
      bits = 0;
      count = 0;
      return ENDED;
    }
  }
}

/** Bits `bits` holds are taken from INPUT until there are 56 at least; what is behind the end counts as zeros. */
function refilled(p: usize): usize {
  bits |= load<u64>(p) << count;
  const taken = (63 - count) >> 3;
  count |= 56;
  return p + taken;
}

function take(n: u32): u32 {
  const value = <u32>bits & ((1 << n) - 1);
  bits >>= n;
  count -= n;
  return value;
}

/** Reads a block's header and makes its tables. Returns 0, or how the call ends. */
function header(last: usize): u32 {
  let p = refilled(INPUT + position);
  isLast = take(1) !== 0;
  const kind = take(2);
  if (kind === 0) {
    const odd = count & 7;
    bits >>= odd;
    count -= odd;
    p -= count >> 3;
    bits = 0;
    count = 0;
    if (p + 4 > last) return TRUNCATED;
    storedLeft = load<u16>(p);
    if ((storedLeft ^ <u32>load<u16>(p + 2)) !== 0xffff) return corrupt(BAD_STORED, p, count, last);
    position = <u32>(p + 4 - INPUT);
    state = STORED;
    return 0;
  }
  if (kind === 1) {
    if (!hasFixed) {
      memory.fill(LENGTHS, 8, 144);
      memory.fill(LENGTHS + 144, 9, 112);
      memory.fill(LENGTHS + 256, 7, 24);
      memory.fill(LENGTHS + 280, 8, 8);
      memory.fill(LENGTHS + 288, 5, 32);
      build(LITERAL_TABLE, LITERAL_BITS, LENGTHS, 288, LITERAL_MEANING, false);
      build(DISTANCE_TABLE, DISTANCE_BITS, LENGTHS + 288, 32, DISTANCE_MEANING, true);
      hasFixed = true;
    }
  } else if (kind === 2) {
    hasFixed = false;
    const literals = take(5) + 257;
    const distances = take(5) + 1;
    const precodes = take(4) + 4;
    if (literals > 286 || distances > 30) return corrupt(BAD_CODES, p, count, last);
    memory.fill(LENGTHS, 0, 19);
    for (let i: u32 = 0; i < precodes; i++) {
      if (count < 3) p = refilled(p);
      store<u8>(LENGTHS + <usize>load<u8>(ORDER + i), <u8>take(3));
    }
    if (!build(PRECODE_TABLE, PRECODE_BITS, LENGTHS, 19, 0, false)) return corrupt(BAD_CODES, p, count, last);
    const total = literals + distances;
    let i: u32 = 0;
    while (i < total) {
      p = refilled(p);
      const entry = load<u32>(PRECODE_TABLE + <usize>(<u32>bits & 127) * 4);
      take(entry & 0xff);
      const symbol = entry >> 16;
      if (symbol < 16) {
        store<u8>(LENGTHS + i++, <u8>symbol);
        continue;
      }
      let value: u8 = 0;
      let times: u32 = 0;
      if (symbol === 16) {
        if (i === 0) return corrupt(BAD_CODES, p, count, last);
        value = load<u8>(LENGTHS + i - 1);
        times = 3 + take(2);
      } else if (symbol === 17) times = 3 + take(3);
      else times = 11 + take(7);
      if (i + times > total) return corrupt(BAD_CODES, p, count, last);
      memory.fill(LENGTHS + i, value, times);
      i += times;
    }
    if (overrun(p, last)) return TRUNCATED;
    if (load<u8>(LENGTHS + 256) === 0) return corrupt(BAD_CODES, p, count, last);
    // Tables are made of one list: that of distances lies behind that of literals.
    if (
      !build(DISTANCE_TABLE, DISTANCE_BITS, LENGTHS + literals, distances, DISTANCE_MEANING, true) ||
      !build(LITERAL_TABLE, LITERAL_BITS, LENGTHS, literals, LITERAL_MEANING, true)
    )
      return corrupt(BAD_CODES, p, count, last);
  } else return corrupt(BAD_BLOCK, p, count, last);
  if (overrun(p, last)) return TRUNCATED;
  position = <u32>(p - INPUT);
  state = SYMBOLS;
  return 0;
}

/** Whether more bits were used than there are. */
function overrun(p: usize, last: usize): bool {
  return p - (count >> 3) > last;
}

/** What cannot be is the fault of zeros behind the end where bits of them were used. */
function corrupt(why: u32, p: usize, n: u32, last: usize): u32 {
  if (p - (n >> 3) > last) return TRUNCATED;
  reason = why;
  return CORRUPT;
}

/**
 * Makes the table of a canonical code: entries for all values of the next `tableBits` bits, and behind them those of
 * longer codes. False for lengths that are no code. `maySingle`: a code of one symbol, or of none, is one, too.
 */
function build(
  table: usize,
  tableBits: u32,
  lengths: usize,
  symbols: u32,
  meanings: usize,
  maySingle: bool,
): bool {
  // By length: how many, and where they begin in SORTED; below LENGTHS.
  const counts: usize = 64;
  const offsets: usize = 128;
  memory.fill(counts, 0, 64);
  for (let i: u32 = 0; i < symbols; i++) {
    const at = counts + <usize>load<u8>(lengths + i) * 4;
    store<u32>(at, load<u32>(at) + 1);
  }
  const none = load<u32>(counts);
  store<u32>(counts, 0);
  let left: i32 = 1;
  let offset: u32 = 0;
  for (let length: u32 = 1; length <= 15; length++) {
    const n = load<u32>(counts + length * 4);
    left = (left << 1) - <i32>n;
    if (left < 0) return false;
    store<u32>(offsets + length * 4, offset);
    offset += n;
  }
  const size: u32 = 1 << tableBits;
  if (left > 0) {
    // Not all values have a meaning: allowed for a code of one symbol of one bit, and for one never used.
    if (!maySingle || symbols - none > 1 || (symbols - none === 1 && load<u32>(counts + 4) !== 1))
      return false;
    for (let i: u32 = 0; i < size; i++) store<u32>(table + i * 4, EXCEPTIONAL | INVALID | 1);
  }
  for (let i: u32 = 0; i < symbols; i++) {
    const length = <usize>load<u8>(lengths + i);
    if (length === 0) continue;
    const at = offsets + length * 4;
    const to = load<u32>(at);
    store<u16>(SORTED + to * 2, <u16>i);
    store<u32>(at, to + 1);
  }
  let sorted: usize = SORTED;
  /** The code, its first bit lowest. */
  let code: u32 = 0;
  let length: u32 = 1;
  let subtable: u32 = 0;
  let prefix: u32 = 0xffff_ffff;
  let next: u32 = size;
  let subBits: u32 = 0;
  for (let done: u32 = symbols - none; done > 0; done--) {
    while (load<u32>(counts + length * 4) === 0) length++;
    const symbol = <u32>load<u16>(sorted);
    sorted += 2;
    const what = meanings === 0 ? symbol << 16 : load<u32>(meanings + <usize>symbol * 4);
    if (length <= tableBits) {
      const entry = what + (length << 8) + length;
      const step: u32 = 1 << length;
      for (let at = code; at < size; at += step) store<u32>(table + <usize>at * 4, entry);
    } else {
      if ((code & (size - 1)) !== prefix) {
        prefix = code & (size - 1);
        subtable = next;
        // As many bits as the longest code that begins so needs.
        subBits = length - tableBits;
        let space = load<u32>(counts + length * 4);
        while (space < <u32>(1 << subBits) && tableBits + subBits < 15) {
          subBits++;
          space = (space << 1) + load<u32>(counts + (tableBits + subBits) * 4);
        }
        next += 1 << subBits;
        store<u32>(
          table + <usize>prefix * 4,
          EXCEPTIONAL | SUBTABLE | (subtable << 16) | (subBits << 8) | tableBits,
        );
      }
      const rest = length - tableBits;
      const entry = what + (rest << 8) + rest;
      const step: u32 = 1 << rest;
      const subSize: u32 = 1 << subBits;
      for (let at = code >> tableBits; at < subSize; at += step)
        store<u32>(table + <usize>(subtable + at) * 4, entry);
    }
    const remaining = load<u32>(counts + length * 4) - 1;
    store<u32>(counts + length * 4, remaining);
    // The next code of this length, as bits in reverse: the highest zero becomes one, the ones above it zeros.
    let bit: u32 = 1 << (length - 1);
    while ((code & bit) !== 0) bit >>= 1;
    code = bit === 0 ? 0 : (code & (bit - 1)) | bit;
  }
  return true;
}

const DONE_BLOCK: u32 = 9;
const FULL: usize = OUTPUT + OUTPUT_ROOM - 320;

/** Inflates symbols until the block ends, or bytes do. */
function symbols(last: usize, isAll: bool): u32 {
  let p: usize = INPUT + position;
  let out: usize = OUTPUT + written;
  let b = bits;
  let n = count;
  let result: u32 = 0;
  // Behind the end there are zeros, and 8 bytes may lie in `b`: further on, more was used than there is.
  const limit: usize = isAll ? last + 9 : last - SYMBOL_ROOM;
  if (!isAll && last < INPUT + position + SYMBOL_ROOM) return NEEDS_INPUT;
  while (true) {
    if (p >= limit) {
      result = isAll ? TRUNCATED : NEEDS_INPUT;
      break;
    }
    if (out >= FULL) {
      result = OUTPUT_FULL;
      break;
    }
    b |= load<u64>(p) << n;
    p += (63 - n) >> 3;
    n |= 56;
    let entry = load<u32>(LITERAL_TABLE + <usize>(<u32>b & 0x7ff) * 4);
    // Three literals of a table entry each take 33 bits at most: a length's code, 15 more, still fits.
    if ((entry & LITERAL) !== 0) {
      b >>= entry & 63;
      n -= entry & 63;
      store<u8>(out++, <u8>(entry >> 16));
      entry = load<u32>(LITERAL_TABLE + <usize>(<u32>b & 0x7ff) * 4);
      if ((entry & LITERAL) !== 0) {
        b >>= entry & 63;
        n -= entry & 63;
        store<u8>(out++, <u8>(entry >> 16));
        entry = load<u32>(LITERAL_TABLE + <usize>(<u32>b & 0x7ff) * 4);
        if ((entry & LITERAL) !== 0) {
          b >>= entry & 63;
          n -= entry & 63;
          store<u8>(out++, <u8>(entry >> 16));
          continue;
        }
      }
    }
    if ((entry & EXCEPTIONAL) !== 0) {
      if ((entry & SUBTABLE) !== 0) {
        b >>= LITERAL_BITS;
        n -= LITERAL_BITS;
        entry = load<u32>(
          LITERAL_TABLE +
            <usize>((entry >> 16) & 0x7fff) * 4 +
            <usize>(<u32>b & ((1 << ((entry >> 8) & 15)) - 1)) * 4,
        );
        if ((entry & LITERAL) !== 0) {
          b >>= entry & 63;
          n -= entry & 63;
          store<u8>(out++, <u8>(entry >> 16));
          continue;
        }
      }
      if ((entry & EXCEPTIONAL) !== 0) {
        if ((entry & END_OF_BLOCK) !== 0) {
          b >>= entry & 63;
          n -= entry & 63;
          result = p - (n >> 3) > last ? TRUNCATED : DONE_BLOCK;
          break;
        }
        result = corrupt(BAD_SYMBOL, p, n, last);
        break;
      }
    }
    const length = (entry >> 16) + ((<u32>b & ((1 << (entry & 63)) - 1)) >> ((entry >> 8) & 15));
    b >>= entry & 63;
    n -= entry & 63;
    b |= load<u64>(p) << n;
    p += (63 - n) >> 3;
    n |= 56;
    entry = load<u32>(DISTANCE_TABLE + <usize>(<u32>b & 0xff) * 4);
    if ((entry & EXCEPTIONAL) !== 0) {
      if ((entry & SUBTABLE) !== 0) {
        b >>= DISTANCE_BITS;
        n -= DISTANCE_BITS;
        entry = load<u32>(
          DISTANCE_TABLE +
            <usize>((entry >> 16) & 0x7fff) * 4 +
            <usize>(<u32>b & ((1 << ((entry >> 8) & 15)) - 1)) * 4,
        );
      }
      if ((entry & EXCEPTIONAL) !== 0) {
        result = corrupt(BAD_SYMBOL, p, n, last);
        break;
      }
    }
    const distance = (entry >> 16) + ((<u32>b & ((1 << (entry & 63)) - 1)) >> ((entry >> 8) & 15));
    b >>= entry & 63;
    n -= entry & 63;
    let from = out - <usize>distance;
    if (from < OUTPUT) {
      result = corrupt(BAD_DISTANCE, p, n, last);
      break;
    }
    const end = out + <usize>length;
    if (distance >= 16) {
      do {
        v128.store(out, v128.load(from));
        out += 16;
        from += 16;
      } while (out < end);
    } else if (distance === 1) {
      const byte = i8x16.splat(load<u8>(from));
      do {
        v128.store(out, byte);
        out += 16;
      } while (out < end);
    } else {
      // Of eight bytes stored, as many are right as the distance is long; the next store mends the rest.
      const step: usize = distance < 8 ? <usize>distance : 8;
      do {
        store<u64>(out, load<u64>(from));
        out += step;
        from += step;
      } while (out < end);
    }
    out = end;
  }
  bits = b;
  count = n;
  position = <u32>(p - INPUT);
  written = <u32>(out - OUTPUT);
  return result;
}
