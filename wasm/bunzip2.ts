/**
 * bzip2 in AssemblyScript: a block of compressed bytes at a time into a fixed buffer. Compiled by `npm run wasm` into
 * `src/producer/archive/bunzip2_module.ts`; used through `src/producer/archive/bunzip2.ts` alone.
 *
 * Why of our own: what unpacks bzip2 as a stream in npm is JavaScript (2 MB a second), and what is compiled takes
 * a whole file in one piece. Format: Joe Tsai, "BZIP2: Format Specification" (2016), and bzip2 1.0.8's own decompress.c.
 * A block is decoded where all of its bytes are there; where they are not, nothing has happened, and it is begun again.
 */

// What lies where. The caller keeps to these, by the globals' names.
const SUMS: usize = 1024;
/** How often each byte is in the block; then where the next one of it stands among the sorted. */
const COUNTS: usize = 2048;
/** Bytes of the block, those met last first. */
const RECENT: usize = 3072;
const SELECTORS: usize = 4096;
const MOST_SELECTORS: u32 = 18_002;
/** Of the symbols of one table, their lengths in bits. */
const LENGTHS: usize = 22_528;
/** Per table, by the next ten bits: a symbol and, in the low five bits, its length; 0 for longer ones. */
const QUICK: usize = 24_576;
const QUICK_BITS: u32 = 10;
/** Per table and length: what the next twenty bits are less than; what is added to a code for its place in SORTED. */
const LIMITS: usize = 36_864;
const OFFSETS: usize = 37_440;
const OF_LENGTHS: u32 = 96;
const SORTED: usize = 38_016;
const OF_SORTED: u32 = 520;
const MOST_BITS: u32 = 20;
/** Blocks, LANES side by side: bytes in the low eight bits, what follows them above. */
const BLOCKS: usize = 45_056;
const OF_BLOCK: u32 = 3_600_064;
export const LANES: u32 = 4;
/** Their texts, in which runs are still told by a number. */
const TEXTS: usize = 14_446_592;
const OF_TEXT: u32 = 900_096;
/** Bytes that are made. */
export const OUTPUT: usize = 18_046_976;
export const OUTPUT_ROOM: u32 = 131_072;
/** Compressed bytes; a block is never longer. Behind them 256 more may be read. */
export const INPUT: usize = 18_178_048;
export const INPUT_ROOM: u32 = 2_621_440;
export const MEMORY: u32 = 20_840_448;

/** What a call ends with. */
export const NEEDS_INPUT: u32 = 0;
export const IS_BLOCK: u32 = 1;
export const IS_END: u32 = 2;
export const CORRUPT: u32 = 3;

/** Where the next block begins, in bits of INPUT. */
export let position: u32 = 0;
let most: u32 = 0;
let streamSum: u32 = 0;

// Of each lane's block: where its text begins among the sorted, its bytes, its sum. Sixteen bytes a lane.
const BLOCK_FACTS: usize = 41_216;
const FIRST: usize = 0;
const LENGTH: usize = 4;
const SUM: usize = 8;

/** The block that is read into. */
let block: usize = 0;

// The text that is made into bytes.
let text: usize = 0;
let left: u32 = 0;
let run: u32 = 0;
let last: u32 = 256;
let repeats: u32 = 0;
let sum: u32 = 0;
let expectedSum: u32 = 0;

// Bits that are read, the next one the highest.
let at: usize = 0;
let end: usize = 0;
let bits: u64 = 0;
let count: u32 = 0;

/** Fills what is the same for every file; once an instance. */
export function setUp(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let value = byte << 24;
    for (let k = 0; k < 8; k++) value = (value << 1) ^ (<i32>value < 0 ? 0x04c1_1db7 : 0);
    store<u32>(SUMS + (byte << 2), value);
  }
}

/** A stream begins, of blocks of so many times 100,000 bytes. */
export function begin(level: u32): void {
  most = 100_000 * level;
  streamSum = 0;
}

/** Sees that 20 bits are there. */
function refill(): void {
  if (count < MOST_BITS) {
    bits |= (<u64>bswap<u32>(load<u32>(at))) << (32 - count);
    at += 4;
    count += 32;
  }
}

/** The next `size` bits, 1 to 20. */
function take(size: u32): u32 {
  refill();
  const value = <u32>(bits >> (64 - size));
  bits <<= size;
  count -= size;
  return value;
}

/** More was read than there is. */
function isOver(): bool {
  return at - (count >> 3) > end;
}

/** Reads the next block of `INPUT[0,size)` into a lane, or the end of the stream. */
export function read(size: u32, lane: u32): u32 {
  at = INPUT + (position >> 3);
  end = INPUT + size;
  bits = 0;
  count = 0;
  if (at + 10 > end) return NEEDS_INPUT;
  if ((position & 7) > 0) take(position & 7);
  const first = take(16);
  const second = take(16);
  const third = take(16);
  const told = (take(16) << 16) | take(16);
  if (first === 0x1772 && second === 0x4538 && third === 0x5090) {
    if (isOver()) return NEEDS_INPUT;
    take(count & 7);
    position = ((<u32>(at - INPUT)) << 3) - count;
    return told === streamSum ? IS_END : CORRUPT;
  }
  if (first !== 0x3141 || second !== 0x5926 || third !== 0x5359) return CORRUPT;
  block = BLOCKS + lane * OF_BLOCK;
  const how = readBlock(BLOCK_FACTS + (lane << 4));
  if (how !== IS_BLOCK) return isOver() ? NEEDS_INPUT : how;
  position = ((<u32>(at - INPUT)) << 3) - count;
  store<u32>(BLOCK_FACTS + (lane << 4), told, SUM);
  streamSum = ((streamSum << 1) | (streamSum >> 31)) ^ told;
  return IS_BLOCK;
}

function readBlock(facts: usize): u32 {
  // A bit that only versions before 0.9.5 have set, whose blocks were mixed with random numbers.
  if (take(1) !== 0) return CORRUPT;
  const origin = (take(12) << 12) | take(12);
  const bytes = readBytes();
  if (bytes === 0) return CORRUPT;
  const symbols = bytes + 2;
  const tables = take(3);
  const selectors = take(15);
  if (tables < 2 || tables > 6 || selectors === 0) return CORRUPT;
  if (!readSelectors(tables, selectors)) return isOver() ? NEEDS_INPUT : CORRUPT;
  for (let table: u32 = 0; table < tables; table++)
    if (!readTable(table, symbols)) return isOver() ? NEEDS_INPUT : CORRUPT;
  const length = readSymbols(symbols - 1, min(selectors, MOST_SELECTORS));
  if (isOver()) return NEEDS_INPUT;
  if (origin >= length) return CORRUPT;
  sort(length);
  store<u32>(facts, load<u32>(block + (origin << 2)) >> 8, FIRST);
  store<u32>(facts, length, LENGTH);
  return IS_BLOCK;
}

/** Which bytes the block has, into RECENT, in their order; how many. */
function readBytes(): u32 {
  let bytes: u32 = 0;
  const groups = take(16);
  for (let group: u32 = 0; group < 16; group++) {
    if (((groups >> (15 - group)) & 1) === 0) continue;
    const has = take(16);
    for (let k: u32 = 0; k < 16; k++)
      if (((has >> (15 - k)) & 1) !== 0) store<u8>(RECENT + bytes++, <u8>((group << 4) | k));
  }
  return bytes;
}

/** Which table each fifty symbols are read by. */
function readSelectors(tables: u32, selectors: u32): bool {
  // The six tables, those used last first, four bits each.
  let order: u32 = 0x54_3210;
  for (let i: u32 = 0; i < selectors; i++) {
    let place: u32 = 0;
    while (take(1) !== 0) if (++place >= tables) return false;
    if (isOver()) return false;
    const shift = place << 2;
    const table = (order >> shift) & 15;
    const before = order & ((1 << shift) - 1);
    order = (order & ~((1 << (shift + 4)) - 1)) | (before << 4) | table;
    // As bzip2 since 1.0.8: there may be more than are ever used.
    if (i < MOST_SELECTORS) store<u8>(SELECTORS + i, <u8>table);
  }
  return true;
}

function readTable(table: u32, symbols: u32): bool {
  let length = take(5);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    for (;;) {
      if (length < 1 || length > MOST_BITS || isOver()) return false;
      if (take(1) === 0) break;
      length = take(1) === 0 ? length + 1 : length - 1;
    }
    store<u8>(LENGTHS + symbol, <u8>length);
  }
  const quick = QUICK + table * (2 << QUICK_BITS);
  const limits = LIMITS + table * OF_LENGTHS;
  const offsets = OFFSETS + table * OF_LENGTHS;
  const sorted = SORTED + table * OF_SORTED;
  memory.fill(quick, 0, 2 << QUICK_BITS);
  let code: u32 = 0;
  let place: u32 = 0;
  for (let size: u32 = 1; size <= MOST_BITS; size++) {
    store<u32>(offsets + (size << 2), place - code);
    for (let symbol: u32 = 0; symbol < symbols; symbol++) {
      if (load<u8>(LENGTHS + symbol) !== <u8>size) continue;
      if (code >= 1 << size) return false;
      store<u16>(sorted + (place++ << 1), <u16>symbol);
      if (size <= QUICK_BITS) {
        const free = QUICK_BITS - size;
        for (let k: u32 = 0; k < 1 << free; k++)
          store<u16>(quick + (((code << free) | k) << 1), <u16>((symbol << 5) | size));
      }
      code++;
    }
    store<u32>(limits + (size << 2), code << (MOST_BITS - size));
    code <<= 1;
  }
  return true;
}

/** The symbol of the longer code that twenty bits begin with, and its length in the low five bits; 0: there is none. */
function longSymbol(table: u32, code: u32): u32 {
  const limits = LIMITS + table * OF_LENGTHS;
  for (let size = QUICK_BITS + 1; size <= MOST_BITS; size++) {
    if (code >= load<u32>(limits + (size << 2))) continue;
    const place = (code >> (MOST_BITS - size)) + load<u32>(OFFSETS + table * OF_LENGTHS + (size << 2));
    return ((<u32>load<u16>(SORTED + table * OF_SORTED + (place << 1))) << 5) | size;
  }
  return 0;
}

/** Fills the block and COUNTS. How many bytes there are; 0: damaged, or not all there. */
function readSymbols(endSymbol: u32, selectors: u32): u32 {
  memory.fill(COUNTS, 0, 1024);
  let length: u32 = 0;
  let repeat: u32 = 0;
  let weight: u32 = 1;
  // Globals are memory; these are not.
  const to = block;
  let p = at;
  let word = bits;
  let left = count;
  for (let group: u32 = 0; group < selectors && p - (left >> 3) <= end; group++) {
    const table = <u32>load<u8>(SELECTORS + group);
    const quick = QUICK + table * (2 << QUICK_BITS);
    for (let k = 0; k < 50; k++) {
      if (left < MOST_BITS) {
        word |= (<u64>bswap<u32>(load<u32>(p))) << (32 - left);
        p += 4;
        left += 32;
      }
      let entry = <u32>load<u16>(quick + ((<u32>(word >> (64 - QUICK_BITS))) << 1));
      if (entry === 0) entry = longSymbol(table, <u32>(word >> (64 - MOST_BITS)));
      const size = entry & 31;
      word <<= size;
      left -= size;
      const symbol = entry >> 5;
      if (symbol < 2) {
        // Digits 1 and 2 of a number of two, the lowest first: how often the byte met last comes again.
        if (weight > most || entry === 0) return over(p, word, left, 0);
        repeat += weight << symbol;
        weight <<= 1;
        continue;
      }
      if (repeat > 0) {
        if (repeat > most - length) return over(p, word, left, 0);
        const byte = <u32>load<u8>(RECENT);
        const counter = COUNTS + (byte << 2);
        store<u32>(counter, load<u32>(counter) + repeat);
        for (const stop = length + repeat; length < stop; length++) store<u32>(to + (length << 2), byte);
        repeat = 0;
        weight = 1;
      }
      if (symbol === endSymbol) return over(p, word, left, length);
      if (length >= most) return over(p, word, left, 0);
      let place = symbol - 1;
      const byte = <u32>load<u8>(RECENT + place);
      for (; place > 0; place--) store<u8>(RECENT + place, load<u8>(RECENT + place - 1));
      store<u8>(RECENT, <u8>byte);
      const counter = COUNTS + (byte << 2);
      store<u32>(counter, load<u32>(counter) + 1);
      store<u32>(to + (length << 2), byte);
      length++;
    }
  }
  return over(p, word, left, 0);
}

/** The bits are read up to here. */
function over(p: usize, word: u64, left: u32, length: u32): u32 {
  at = p;
  bits = word;
  count = left;
  return length;
}

/** Puts above each byte of the sorted block which one follows it in the text. */
function sort(length: u32): void {
  const sorted = block;
  let before: u32 = 0;
  for (let byte: u32 = 0; byte < 256; byte++) {
    const counter = COUNTS + (byte << 2);
    const times = load<u32>(counter);
    store<u32>(counter, before);
    before += times;
  }
  for (let i: u32 = 0; i < length; i++) {
    const counter = COUNTS + ((<u32>load<u8>(sorted + (i << 2))) << 2);
    const place = load<u32>(counter);
    store<u32>(counter, place + 1);
    const entry = sorted + (place << 2);
    store<u32>(entry, load<u32>(entry) | (i << 8));
  }
}

/**
 * Puts the texts of the blocks in the first `lanes` lanes in order. Each byte tells only where the next one lies, anywhere
 * in 3.6 MB: a core that waits for one load waits for those of four blocks at once, which takes a third of the time.
 */
export function order(lanes: u32): void {
  let lane: u32 = 0;
  if (lanes === 4) {
    lane = 4;
    orderFour();
  }
  for (; lane < lanes; lane++) orderOne(lane, 0, load<u32>(BLOCK_FACTS + (lane << 4), FIRST));
}

function orderOne(lane: u32, from: u32, next: u32): void {
  const sorted = BLOCKS + lane * OF_BLOCK;
  const out = TEXTS + lane * OF_TEXT;
  const length = load<u32>(BLOCK_FACTS + (lane << 4), LENGTH);
  for (let i = from; i < length; i++) {
    const entry = load<u32>(sorted + (next << 2));
    store<u8>(out + i, <u8>entry);
    next = entry >> 8;
  }
}

function orderFour(): void {
  let a = load<u32>(BLOCK_FACTS, FIRST);
  let b = load<u32>(BLOCK_FACTS + 16, FIRST);
  let c = load<u32>(BLOCK_FACTS + 32, FIRST);
  let d = load<u32>(BLOCK_FACTS + 48, FIRST);
  const least = min(
    min(load<u32>(BLOCK_FACTS, LENGTH), load<u32>(BLOCK_FACTS + 16, LENGTH)),
    min(load<u32>(BLOCK_FACTS + 32, LENGTH), load<u32>(BLOCK_FACTS + 48, LENGTH)),
  );
  for (let i: u32 = 0; i < least; i++) {
    a = load<u32>(BLOCKS + (a << 2));
    b = load<u32>(BLOCKS + OF_BLOCK + (b << 2));
    c = load<u32>(BLOCKS + 2 * OF_BLOCK + (c << 2));
    d = load<u32>(BLOCKS + 3 * OF_BLOCK + (d << 2));
    store<u8>(TEXTS + i, <u8>a);
    store<u8>(TEXTS + OF_TEXT + i, <u8>b);
    store<u8>(TEXTS + 2 * OF_TEXT + i, <u8>c);
    store<u8>(TEXTS + 3 * OF_TEXT + i, <u8>d);
    a >>= 8;
    b >>= 8;
    c >>= 8;
    d >>= 8;
  }
  orderOne(0, least, a);
  orderOne(1, least, b);
  orderOne(2, least, c);
  orderOne(3, least, d);
}

/** The block of a lane, in order, is to be made into bytes. */
export function choose(lane: u32): void {
  text = TEXTS + lane * OF_TEXT;
  left = load<u32>(BLOCK_FACTS + (lane << 4), LENGTH);
  expectedSum = load<u32>(BLOCK_FACTS + (lane << 4), SUM);
  run = 0;
  last = 256;
  repeats = 0;
  sum = 0xffff_ffff;
}

/** Makes bytes of its text, as many as there is room for; 0 at its end; -1: its sum is another. */
export function make(): i32 {
  let out = OUTPUT;
  const stop = OUTPUT + OUTPUT_ROOM;
  while (out < stop) {
    if (repeats > 0) {
      const some = min(repeats, <u32>(stop - out));
      memory.fill(out, <u8>last, some);
      out += some;
      repeats -= some;
      continue;
    }
    if (left === 0) break;
    const byte = <u32>load<u8>(text++);
    left--;
    if (run === 4) {
      // Behind four equal bytes: how many more there are.
      repeats = byte;
      run = 0;
      continue;
    }
    run = byte === last ? run + 1 : 1;
    last = byte;
    store<u8>(out++, <u8>byte);
  }
  let value = sum;
  for (let p = OUTPUT; p < out; p++)
    value = (value << 8) ^ load<u32>(SUMS + (((value >> 24) ^ load<u8>(p)) << 2));
  sum = value;
  if (out === OUTPUT && ~sum !== expectedSum) return -1;
  return <i32>(out - OUTPUT);
}
