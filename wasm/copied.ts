/**
 * Rows that PostgreSQL sends, from the bytes of its connection into columns, in AssemblyScript. Compiled by
 * `npm run wasm` into `src/copy/copied_module.ts`; used through `src/copy/column_decoder.ts` alone.
 *
 * Why: a row is a message of its own, and each value is behind a length, in the other order of bytes. To be thrown away
 * behind `pg`'s parser, which makes two objects of each, a row of 24 columns took 0.46 µs of CPU; into columns it takes
 * 0.24 (`node bench/export_command.ts`).
 */

/** What lies where: of a field of the wire two words, its code and its first column. */
const FIELD_BYTES: usize = 8;
/** Of a column six words: where its values are, its bits for NULLs, how many are NULL; of texts the offsets, and their room. */
const COLUMN_BYTES: usize = 24;
const NULLS: usize = 4;
const COUNT: usize = 8;
const OFFSETS: usize = 12;
const ROOM: usize = 16;

/** Codes of fields; those of int64 and float64, 1 and 2, are the rest. */
const INT32: u32 = 0;
const TIMESTAMP: u32 = 3;
const TEXT: u32 = 4;
const FOUR: u32 = 5;

/** Why {@link take} has stopped. */
const MORE: u32 = 0;
const OTHER_MESSAGE: u32 = 1;
const NO_ROW: u32 = 2;
const STRANGE: u32 = 3;
const NO_ROOM: u32 = 4;

export let stopped: u32 = 0;
/** Rows in use behind {@link take}. */
export let rows: u32 = 0;
/** Where `STRANGE`, the field, and of `NO_ROOM` too; and its length. */
export let field: u32 = 0;
export let length: i32 = 0;

/** µs from 1970-01-01 to 2000-01-01, PostgreSQL's epoch. */
const EPOCH_2000_US: i64 = 946_684_800_000_000;
/** What stands for NULL in a field of four: the NaN whose sign is set, of which no bar is made. */
const NO_VALUE: u64 = 0xfff8_0000_0000_0000;

function swap8(from: usize): v128 {
  const order = i8x16(7, 6, 5, 4, 3, 2, 1, 0, -128, -128, -128, -128, -128, -128, -128, -128);
  return v128.swizzle(v128.load64_zero(from), order);
}

function swap16(from: usize): v128 {
  return v128.swizzle(v128.load(from), i8x16(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
}

function putNull(column: usize, row: usize): void {
  const at = <usize>load<u32>(column, NULLS) + (row >> 3);
  store<u8>(at, load<u8>(at) | (1 << (<u8>row & 7)));
  store<u32>(column, load<u32>(column, COUNT) + 1, COUNT);
}

/** One of the doubles of a field of four, in a row where some are NaN. */
function putOne(column: usize, row: usize, bits: u64): void {
  if (bits === NO_VALUE) {
    putNull(column, row);
    bits = 0;
  }
  store<u64>(<usize>load<u32>(column) + row * 8, bits);
}

/**
 * Takes the messages between `from` and `end` that are rows of COPY, of the fields at `fields … fieldsEnd-1`, into the
 * columns, from `row` on and below `capacity`. Returns where it stopped: at the end, or at a message that is not whole
 * (`MORE`), is none of data (`OTHER_MESSAGE`), has another number of fields (`NO_ROW`), other lengths (`STRANGE`), or a
 * text that finds no room (`NO_ROOM`). What a row that is not taken has left is written over; its NULLs are taken back.
 * 48 bytes a field are read (not used) behind `end`.
 */
export function take(
  fields: usize,
  fieldsEnd: usize,
  from: usize,
  end: usize,
  firstRow: u32,
  capacity: u32,
): usize {
  const count = bswap<u16>(<u16>((fieldsEnd - fields) / FIELD_BYTES));
  let row = <usize>firstRow;
  let p = from;
  stopped = MORE;
  while (row < <usize>capacity && p + 5 <= end) {
    if (load<u8>(p) !== 0x64) {
      stopped = OTHER_MESSAGE;
      break;
    }
    const behind = p + 1 + <usize>bswap<u32>(load<u32>(p + 1));
    if (behind > end) break;
    if (behind < p + 7 || load<u16>(p + 5) !== count) {
      stopped = NO_ROW;
      break;
    }
    let q = p + 7;
    let at = fields;
    for (; at < fieldsEnd; at += FIELD_BYTES) {
      const code = load<u32>(at);
      const column = <usize>load<u32>(at, 4);
      const size = load<u32>(q);
      q += 4;
      if (code === FOUR) {
        if (size !== 0x2000_0000) break;
        const low = swap16(q);
        const high = swap16(q + 16);
        q += 32;
        const second = column + COLUMN_BYTES;
        const third = second + COLUMN_BYTES;
        const fourth = third + COLUMN_BYTES;
        if (v128.any_true(v128.or(f64x2.ne(low, low), f64x2.ne(high, high)))) {
          putOne(column, row, i64x2.extract_lane(low, 0));
          putOne(second, row, i64x2.extract_lane(low, 1));
          putOne(third, row, i64x2.extract_lane(high, 0));
          putOne(fourth, row, i64x2.extract_lane(high, 1));
          continue;
        }
        v128.store64_lane(<usize>load<u32>(column) + row * 8, low, 0);
        v128.store64_lane(<usize>load<u32>(second) + row * 8, low, 1);
        v128.store64_lane(<usize>load<u32>(third) + row * 8, high, 0);
        v128.store64_lane(<usize>load<u32>(fourth) + row * 8, high, 1);
      } else if (code === TEXT) {
        const offsets = <usize>load<u32>(column, OFFSETS) + row * 4;
        const offset = load<u32>(offsets);
        if (size === 0xffff_ffff) {
          putNull(column, row);
          store<u32>(offsets, offset, 4);
          continue;
        }
        const bytes = bswap<u32>(size);
        if (<i32>bytes < 0 || q + <usize>bytes > behind) break;
        if (bytes > load<u32>(column, ROOM) - offset) {
          stopped = NO_ROOM;
          break;
        }
        memory.copy(<usize>load<u32>(column) + <usize>offset, q, <usize>bytes);
        store<u32>(offsets, offset + bytes, 4);
        q += <usize>bytes;
      } else if (size === 0xffff_ffff) {
        putNull(column, row);
        if (code === INT32) store<u32>(<usize>load<u32>(column) + row * 4, 0);
        else store<u64>(<usize>load<u32>(column) + row * 8, 0);
      } else if (code === INT32) {
        if (size !== 0x0400_0000) break;
        store<u32>(<usize>load<u32>(column) + row * 4, bswap<u32>(load<u32>(q)));
        q += 4;
      } else {
        if (size !== 0x0800_0000) break;
        const value = swap8(q);
        q += 8;
        if (code === TIMESTAMP)
          store<i64>(<usize>load<u32>(column) + row * 8, i64x2.extract_lane(value, 0) + EPOCH_2000_US);
        else v128.store64_lane(<usize>load<u32>(column) + row * 8, value, 0);
      }
    }
    if (at !== fieldsEnd || q !== behind) {
      if (stopped === MORE) stopped = STRANGE;
      field = <u32>((at - fields) / FIELD_BYTES);
      length = <i32>bswap<u32>(load<u32>(q - 4));
      takeBack(fields, at, row);
      break;
    }
    row++;
    p = behind;
  }
  rows = <u32>row;
  return p;
}

/** The NULLs of a row that is not taken, of the fields before `fieldsEnd`. */
function takeBack(fields: usize, fieldsEnd: usize, row: usize): void {
  const bit: u8 = 1 << (<u8>row & 7);
  for (let at = fields; at < fieldsEnd; at += FIELD_BYTES) {
    let column = <usize>load<u32>(at, 4);
    for (let k = load<u32>(at) === FOUR ? 4 : 1; k > 0; k--, column += COLUMN_BYTES) {
      const byte = <usize>load<u32>(column, NULLS) + (row >> 3);
      const bits = load<u8>(byte);
      if ((bits & bit) === 0) continue;
      store<u8>(byte, bits & ~bit);
      store<u32>(column, load<u32>(column, COUNT) - 1, COUNT);
    }
  }
}
