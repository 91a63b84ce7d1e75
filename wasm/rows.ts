/**
 * The loops that see every record, in AssemblyScript: from bytes to columns, from a table's columns to those of bars, and
 * from columns to COPY's bytes.
 * Compiled by `npm run wasm` into `src/bars/rows_module.ts`; used through `src/bars/row_kernel.ts` alone.
 *
 * Why: on one core of an EPYC the same loops in TypeScript take 205 ns a record (scan) and 75 ns (encode), here 83 and
 * 44: sixteen bytes are classified at once, digits become a number by three multiplications, bytes are swapped by one
 * shuffle. Nothing is decided here that is not decided there too: what is not the most common kind of record is left
 * to the TypeScript, record by record, and both give the same bits.
 */

import { INDICATORS_END, setUpIndicators } from './indicators';

export { BARS, indicate, restore, STATE, settle } from './indicators';

// What lies where. The caller keeps to these, by the globals' names.
/** 10^0 … 10^22. */
const POWERS: usize = 0;
/** By position of the point and of the end, the shuffle that puts a number's digits at the end of 16 bytes. */
const SHUFFLES: usize = 256;
/** Two words a field: its code and the column its number goes to. */
export const FIELDS: usize = 5120;
/** Bounds of stamps and the interval, doubles; see {@link scan}. */
export const RULES: usize = 5632;
/** The last symbol's bytes, at most 64. */
export const SYMBOL: usize = 5760;
/** Addresses of columns: symbol, ts, open, high, low, close, volume, trades, line, offset. */
export const COLUMNS: usize = 5888;
/** Addresses of the columns to encode: ts, trades, then those of doubles in the order of COPY's fields; 0: all NULL. */
export const SOURCES: usize = 5952;
/** The series_id of each row of a call of {@link encode}. */
export const SERIES: usize = 6144;
export const SERIES_ROOM: u32 = 2048;
/** Bytes to scan; 32 more may be read (not used) behind their end. */
export const INPUT: usize = 14_336;
export const INPUT_ROOM: u32 = 65_536;
/** The symbols a call of {@link scan} has met: three words each, where in INPUT it lies, its length, its first row. */
export const MET: usize = (INDICATORS_END + 7) & ~7;
export const MET_ROOM: u32 = 1024;
/** First byte that is the caller's. */
export const FREE: usize = MET + <usize>MET_ROOM * 12;

/** Codes of fields, as in FIELDS. */
const NUMBER: u32 = 0;
const TIME: u32 = 1;
const IGNORED: u32 = 2;

const TS: usize = COLUMNS + 4;
const OPEN: usize = COLUMNS + 8;
const HIGH: usize = COLUMNS + 12;
const LOW: usize = COLUMNS + 16;
const CLOSE: usize = COLUMNS + 20;
const VOLUME: usize = COLUMNS + 24;
const TRADES: usize = COLUMNS + 28;
const LINE: usize = COLUMNS + 32;
const OFFSET: usize = COLUMNS + 36;

const UNIT_S: u32 = 0;
const UNIT_MS: u32 = 1;
const UNIT_US: u32 = 2;
const UNIT_NS: u32 = 3;
const UNIT_MAGNITUDE: u32 = 4;

const LF: u32 = 0x0a;
const CR: u32 = 0x0d;
const POINT: u32 = 0x2e;
const QUOTE: u32 = 0x22;

/** Rows {@link scan} has appended, and the symbols it has met. */
export let appended: u32 = 0;
export let met: u32 = 0;
/** Length of the symbol in SYMBOL. */
let symbolLength: i32 = 0;
/** A record may be of a symbol that sorts behind the last one; if the record just read is, where it begins and how long it is. */
let mayFollow: bool = false;
let nextSymbol: usize = 0;
let nextLength: usize = 0;
let stamp: f64 = 0;

/** Fills the tables; once an instance. */
export function setUp(): void {
  let power: f64 = 1;
  for (let i: usize = 0; i < 23; i++) {
    store<f64>(POWERS + i * 8, power);
    power *= 10;
  }
  for (let point: i32 = 0; point <= 16; point++) {
    for (let end: i32 = 0; end <= 16; end++) {
      const at = shuffleOf(point, end);
      memory.fill(at, 255, 16);
      let to: usize = 15;
      for (let from = end - 1; from >= 0; from--) {
        if (from !== point) store<u8>(at + to--, <u8>from);
      }
    }
  }
  setUpIndicators();
}

export function useSymbol(length: i32): void {
  symbolLength = length;
}

function shuffleOf(point: u32, end: u32): usize {
  return SHUFFLES + <usize>(point * 17 + end) * 16;
}

/** The number of 16 decimal digits (0 … 9 each), the first the highest. */
function numberOf(digits: v128): u64 {
  const tens = i16x8.splat(10);
  const pairs = i16x8.add(i16x8.mul(v128.and(digits, i16x8.splat(255)), tens), i16x8.shr_u(digits, 8));
  const quads = i32x4.dot_i16x8_s(pairs, i16x8(100, 1, 100, 1, 100, 1, 100, 1));
  const halves = i32x4.dot_i16x8_s(
    i16x8.narrow_i32x4_u(quads, quads),
    i16x8(10000, 1, 10000, 1, 10000, 1, 10000, 1),
  );
  return <u64>i32x4.extract_lane(halves, 0) * 100_000_000 + <u64>i32x4.extract_lane(halves, 1);
}

/** Which of 16 bytes, less 48, are no digits: one bit each. */
function noDigits(bytes: v128): u32 {
  return <u32>i8x16.bitmask(i8x16.gt_u(bytes, i8x16.splat(9)));
}

/** Longest symbol, in bytes. */
const MOST_SYMBOL: usize = 64;

/**
 * Reads the symbol at `p`: the last one, or, where it may follow, one that sorts behind it and is of printable ASCII
 * without blanks and quotes. Returns where it ends, 0 for any other.
 */
function readSymbol(p: usize, delimiter: u32): usize {
  const length = <usize>symbolLength;
  let k: usize = 0;
  while (k < length && load<u8>(p + k) === load<u8>(SYMBOL + k)) k++;
  if (k === length) {
    const behind = <u32>load<u8>(p + k);
    if (behind === delimiter || behind === LF || behind === CR) return p + k;
  }
  if (!mayFollow) return 0;
  let end = p + k;
  let byte = <u32>load<u8>(end);
  while (byte - 0x21 < 0x5e && byte !== delimiter && byte !== QUOTE) byte = <u32>load<u8>(++end);
  if (byte !== delimiter && byte !== LF && byte !== CR) return 0;
  const found = end - p;
  if (found > MOST_SYMBOL || found === k || (k < length && load<u8>(p + k) < load<u8>(SYMBOL + k))) return 0;
  nextSymbol = p;
  nextLength = found;
  return end;
}

/**
 * Reads the fields of the record at `p` into row `at / 8`; returns where the last one ends, 0 for a record that is
 * not of the common kind: an exponent, a sign, more than 15 digits, a symbol that does not follow, a quote.
 */
function readFields(p: usize, at: usize, fieldsEnd: usize, delimiter: u32, unit: u32): usize {
  let field = FIELDS;
  while (true) {
    const code = load<u32>(field);
    if (code === NUMBER || code === TIME) {
      const digits = i8x16.sub(v128.load(p), i8x16.splat(48));
      let others = noDigits(digits);
      const first = ctz(others);
      if (code === TIME) {
        p = readStamp(p, digits, first, unit);
        if (p === 0) return 0;
      } else if (load<u8>(p + first) === POINT) {
        others &= others - 1;
        const end = ctz(others);
        if (end - 2 >= 14) return 0;
        const mantissa = numberOf(v128.swizzle(digits, v128.load(shuffleOf(first, end))));
        const divisor = load<f64>(POWERS + <usize>(end - first - 1) * 8);
        store<f64>(<usize>load<u32>(field + 4) + at, <f64>mantissa / divisor);
        p += end;
      } else {
        if (first - 1 >= 15) return 0;
        const value = numberOf(v128.swizzle(digits, v128.load(shuffleOf(16, first))));
        store<f64>(<usize>load<u32>(field + 4) + at, <f64>value);
        p += first;
      }
    } else if (code === IGNORED) {
      let byte = <u32>load<u8>(p);
      while (byte > 0x22 && byte !== delimiter) byte = <u32>load<u8>(++p);
    } else {
      p = readSymbol(p, delimiter);
      if (p === 0) return 0;
    }
    field += 8;
    if (field === fieldsEnd) return p;
    if (load<u8>(p++) !== delimiter) return 0;
  }
}

/** Reads a stamp of `count` digits, or of 19, into `stamp`, µs; returns where it ends, 0 when it is another kind. */
function readStamp(p: usize, digits: v128, count: u32, unit: u32): usize {
  if (count < 16) {
    if (count === 0) return 0;
    let scale = unit;
    if (unit === UNIT_MAGNITUDE) {
      if (load<u8>(p) === 48) return 0;
      scale = count <= 11 ? UNIT_S : count <= 14 ? UNIT_MS : UNIT_US;
    } else if (unit === UNIT_NS) return 0;
    stamp = <f64>numberOf(v128.swizzle(digits, v128.load(shuffleOf(16, count))));
    if (scale === UNIT_S) stamp *= 1_000_000;
    else if (scale === UNIT_MS) stamp *= 1000;
    return p + count;
  }
  if (unit !== UNIT_NS && unit !== UNIT_MAGNITUDE) return 0;
  // Nanoseconds: 16 digits are the µs; three more, and no fourth.
  const rest = noDigits(i8x16.sub(v128.load(p + 16), i8x16.splat(48)));
  if (ctz(rest) !== 3 || (unit === UNIT_MAGNITUDE && load<u8>(p) === 48)) return 0;
  stamp = <f64>numberOf(digits);
  return p + 19;
}

/**
 * Scans the records of INPUT from `start` to `end`, behind a newline, into rows `row` … `capacity - 1` of the columns;
 * returns where it stopped: at the end, at a record that is not of the common kind, or because rows or MET are full.
 * Rows of the symbol in SYMBOL get its `ordinal`, lines go on from `line`, offsets from `base` for the first byte of
 * INPUT. With a `next` that is not negative the file is sorted by symbol, and those that follow get ordinals from `next`
 * on; they are told in MET, and the last of them is in SYMBOL afterwards.
 * RULES: least and greatest stamp, those wanted from and below, those of the file from and below, the interval of the
 * grid (0: none) and the stamp before (-Infinity: none; NaN: stamps need not ascend).
 */
export function scan(
  start: u32,
  end: u32,
  fields: u32,
  delimiter: u32,
  unit: u32,
  row: u32,
  capacity: u32,
  ordinal: i32,
  next: i32,
  line: f64,
  base: f64,
  maxRecordBytes: u32,
  hasTrades: bool,
): u32 {
  const earliest = max(load<f64>(RULES), max(load<f64>(RULES + 16), load<f64>(RULES + 32)));
  const latest = load<f64>(RULES + 8);
  const below = min(load<f64>(RULES + 24), load<f64>(RULES + 40));
  const interval = load<f64>(RULES + 48);
  let before = load<f64>(RULES + 56);
  const symbols = <usize>load<u32>(COLUMNS);
  const ts = <usize>load<u32>(TS);
  const opens = <usize>load<u32>(OPEN);
  const highs = <usize>load<u32>(HIGH);
  const lows = <usize>load<u32>(LOW);
  const closes = <usize>load<u32>(CLOSE);
  const trades = <usize>load<u32>(TRADES);
  const lines = <usize>load<u32>(LINE);
  const offsets = <usize>load<u32>(OFFSET);
  const fieldsEnd = FIELDS + <usize>fields * 8;
  const firstRow = row;
  const stop = INPUT + <usize>end;
  mayFollow = next >= 0;
  met = 0;
  let p = INPUT + <usize>start;
  while (p < stop && row < capacity) {
    const at = <usize>row * 8;
    nextLength = 0;
    let behind = readFields(p, at, fieldsEnd, delimiter, unit);
    if (behind === 0) break;
    let byte = <u32>load<u8>(behind);
    if (byte === CR) byte = <u32>load<u8>(++behind);
    if (byte !== LF || <u32>(behind - p) > maxRecordBytes) break;
    if (!(stamp >= earliest && stamp <= latest && stamp < below)) break;
    if (nextLength === 0 && stamp <= before) break;
    if (interval !== 0 && Math.floor(stamp / interval) * interval !== stamp) break;
    const low = load<f64>(lows + at);
    const high = load<f64>(highs + at);
    const open = load<f64>(opens + at);
    const close = load<f64>(closes + at);
    if (!(low > 0 && low <= open && low <= close && high >= open && high >= close)) break;
    if (hasTrades) {
      const count = load<f64>(trades + at);
      if (Math.floor(count) !== count) break;
    } else store<f64>(trades + at, NaN);
    if (nextLength !== 0) {
      if (met === MET_ROOM) break;
      const entry = MET + <usize>met * 12;
      store<u32>(entry, <u32>(nextSymbol - INPUT));
      store<u32>(entry + 4, <u32>nextLength);
      store<u32>(entry + 8, row);
      memory.copy(SYMBOL, nextSymbol, nextLength);
      symbolLength = <i32>nextLength;
      ordinal = next + <i32>met;
      met++;
    }
    // NaN stays NaN: then no stamp is held against the one before.
    if (!F64.isNaN(before)) before = stamp;
    store<i32>(symbols + <usize>row * 4, ordinal);
    store<f64>(ts + at, stamp);
    store<f64>(lines + at, line);
    store<f64>(offsets + at, base + <f64>(p - INPUT));
    line += 1;
    row++;
    p = behind + 1;
  }
  appended = row - firstRow;
  return <u32>(p - INPUT);
}

/** Makes doubles of whole numbers by their bits: 2^52 + 2^51 in the lowest bits of a mantissa. */
const WHOLE_BITS: i64 = 0x4338_0000_0000_0000;
const WHOLE: f64 = 6_755_399_441_055_744;
const MOST_WHOLE: i64 = 0x1f_ffff_ffff_ffff;

/**
 * Makes of `count` signed 64-bit numbers at `at` doubles, times `factor`, in place; NaN of those beyond 2^53, where
 * doubles leave some out. `divisor`: what whole numbers are divided by before, cut off towards 0; only 1 or 1000.
 */
export function wholes(at: usize, count: u32, divisor: u32, factor: f64): void {
  const end = at + ((<usize>count) << 3);
  if (divisor === 1000) {
    for (; at < end; at += 8) store<f64>(at, <f64>(load<i64>(at) / 1000) * factor);
    return;
  }
  const factors = f64x2.splat(factor);
  for (; at + 16 <= end; at += 16) {
    const values = v128.load(at);
    if (v128.any_true(i64x2.shr_u(i64x2.add(values, i64x2.splat(1 << 51)), 52))) {
      whole(at, factor);
      whole(at + 8, factor);
    } else {
      const doubles = f64x2.sub(i64x2.add(values, i64x2.splat(WHOLE_BITS)), f64x2.splat(WHOLE));
      v128.store(at, f64x2.mul(doubles, factors));
    }
  }
  if (at < end) whole(at, factor);
}

function whole(at: usize, factor: f64): void {
  const value = load<i64>(at);
  store<f64>(at, value <= MOST_WHOLE && value >= -MOST_WHOLE ? <f64>value * factor : NaN);
}

/** Bits of what {@link goodRun} is told of columns: there is one, and it may lack values (NaN). */
const HAS_VOLUME: u32 = 1;
const LACKS_VOLUME: u32 = 2;
const HAS_TRADES: u32 = 4;
const LACKS_TRADES: u32 = 8;

/**
 * Where a run of rows of the columns from `row` on, behind another, ends that are bars: stamps ascend, lie from `first`
 * to `last` and are multiples of `interval`, prices are above `floor` and agree, the symbol is `ordinal`, volumes and
 * trades are numbers that can be. It may end one or two rows early: the caller judges those by themselves. Rows of the
 * run get their lines, from `line` on, offsets of 0, and 0 for -0.
 */
export function goodRun(
  row: u32,
  end: u32,
  ordinal: i32,
  has: u32,
  first: f64,
  last: f64,
  interval: f64,
  floor: f64,
  line: f64,
): u32 {
  let symbol = <usize>load<u32>(COLUMNS) + ((<usize>row) << 2);
  const at = (<usize>row) << 3;
  const ts = <usize>load<u32>(TS);
  const opens = <usize>load<u32>(OPEN);
  const highs = <usize>load<u32>(HIGH);
  const lows = <usize>load<u32>(LOW);
  const closes = <usize>load<u32>(CLOSE);
  const volumes = <usize>load<u32>(VOLUME);
  const trades = <usize>load<u32>(TRADES);
  const lines = <usize>load<u32>(LINE);
  const offsets = <usize>load<u32>(OFFSET);
  const symbols = ((<u64>(<u32>ordinal)) << 32) | <u64>(<u32>ordinal);
  const zero = f64x2.splat(0);
  const infinity = f64x2.splat(Infinity);
  const firsts = f64x2.splat(first);
  const lasts = f64x2.splat(last);
  const floors = f64x2.splat(floor);
  const intervals = f64x2.splat(interval);
  const lackVolume = i64x2.splat((has & LACKS_VOLUME) !== 0 ? -1 : 0);
  const lackTrades = i64x2.splat((has & LACKS_TRADES) !== 0 ? -1 : 0);
  const hasVolume = (has & HAS_VOLUME) !== 0;
  const hasTrades = (has & HAS_TRADES) !== 0;
  let two = f64x2(line, line + 1);
  const most = at + ((<usize>(end - row)) << 3);
  let k = at;
  for (; k + 16 <= most; k += 16) {
    const us = v128.load(ts + k);
    const before = v128.load(ts + k - 8);
    const low = v128.load(lows + k);
    const high = v128.load(highs + k);
    const open = v128.load(opens + k);
    const close = v128.load(closes + k);
    let good = v128.and(f64x2.gt(us, before), v128.and(f64x2.ge(us, firsts), f64x2.le(us, lasts)));
    // With the low above the least and not above the others, none of them is below it.
    good = v128.and(good, v128.and(f64x2.gt(low, floors), f64x2.lt(high, infinity)));
    good = v128.and(good, v128.and(f64x2.le(low, open), f64x2.le(low, close)));
    good = v128.and(good, v128.and(f64x2.ge(high, open), f64x2.ge(high, close)));
    // One step behind a stamp of the grid is one.
    if (!i64x2.all_true(f64x2.eq(f64x2.sub(us, before), intervals)))
      good = v128.and(good, f64x2.eq(f64x2.mul(f64x2.floor(f64x2.div(us, intervals)), intervals), us));
    if (hasVolume) {
      const volume = v128.load(volumes + k);
      const is = v128.and(f64x2.ge(volume, zero), f64x2.lt(volume, infinity));
      good = v128.and(good, v128.or(is, v128.and(lackVolume, f64x2.ne(volume, volume))));
      v128.store(volumes + k, f64x2.add(volume, zero));
    }
    if (hasTrades) {
      const count = v128.load(trades + k);
      const is = v128.and(f64x2.ge(count, zero), f64x2.le(count, f64x2.splat(<f64>MOST_WHOLE)));
      const isWhole = v128.and(is, f64x2.eq(f64x2.floor(count), count));
      good = v128.and(good, v128.or(isWhole, v128.and(lackTrades, f64x2.ne(count, count))));
      v128.store(trades + k, f64x2.add(count, zero));
    }
    if (!i64x2.all_true(good) || load<u64>(symbol) !== symbols) break;
    v128.store(lines + k, two);
    v128.store(offsets + k, zero);
    two = f64x2.add(two, f64x2.splat(2));
    symbol += 8;
  }
  return row + <u32>((k - at) >> 3);
}

/** PostgreSQL counts microseconds from 2000-01-01. */
const EPOCH_2000_US: i64 = 946_684_800_000_000;

/** A NULL at `p`. Returns where it ends. */
function putNull(p: usize): usize {
  store<u32>(p, 0xffff_ffff);
  return p + 4;
}

/** The double at `from` as a field at `p`, NULL for NaN; writes 16 bytes. Returns where the field ends. */
function putDouble(p: usize, from: usize): usize {
  if (F64.isNaN(load<f64>(from))) return putNull(p);
  const swap = i8x16(-128, -128, -128, -128, 7, 6, 5, 4, 3, 2, 1, 0, -128, -128, -128, -128);
  const length = i8x16(0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  v128.store(p, v128.or(v128.swizzle(v128.load64_zero(from), swap), length));
  return p + 12;
}

/**
 * Encodes rows `from` … `to - 1` for COPY to `out`, at most SERIES_ROOM of them; returns the address behind the last.
 * `doubles` columns follow series_id and ts, with `trades` behind the fifth of them. 16 bytes behind the last row are
 * written to as well.
 */
export function encode(from: u32, to: u32, doubles: u32, out: usize): usize {
  const ts = <usize>load<u32>(SOURCES);
  const trades = <usize>load<u32>(SOURCES + 4);
  const first = SOURCES + 8;
  const afterVolume = first + 20;
  const last = first + <usize>doubles * 4;
  const fields = bswap<u16>(<u16>(doubles + 3));
  let p = out;
  for (let row: usize = from; row < to; row++) {
    const at = row * 8;
    store<u16>(p, fields);
    store<u32>(p + 2, 0x0400_0000);
    store<u32>(p + 6, bswap<u32>(load<u32>(SERIES + (row - from) * 4)));
    store<u32>(p + 10, 0x0800_0000);
    store<u64>(p + 14, bswap<u64>(<u64>(<i64>load<f64>(ts + at) - EPOCH_2000_US)));
    p += 22;
    let source = first;
    for (; source < afterVolume; source += 4) p = putDouble(p, <usize>load<u32>(source) + at);
    const count = load<f64>(trades + at);
    if (F64.isNaN(count)) p = putNull(p);
    else {
      store<u32>(p, 0x0800_0000);
      store<u64>(p + 4, bswap<u64>(<u64>(<i64>count)));
      p += 12;
    }
    for (; source < last; source += 4) {
      const column = <usize>load<u32>(source);
      p = column === 0 ? putNull(p) : putDouble(p, column + at);
    }
  }
  return p;
}
