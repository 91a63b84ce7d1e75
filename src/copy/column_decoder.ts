/**
 * Reads `COPY (SELECT …) TO STDOUT BINARY` of any columns of a few types into Arrow-shaped memory: a typed array (or
 * bytes and offsets) and a validity bitmap a column, a batch of rows at a time. Pure.
 *
 * Format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 */

import { BackhaulError } from '../faults/fault.ts';

/** What a column holds: `timestamp` is µs since 1970 UTC in an int64, `text` is UTF-8. */
export type ColumnKind = 'int32' | 'int64' | 'float64' | 'timestamp' | 'text';

/** One column of a batch; rows `0 … length-1` of the batch are in use. */
export interface DecodedColumn {
  readonly kind: ColumnKind;
  /** `Int32Array`, `BigInt64Array` or `Float64Array` by kind; for `text` the UTF-8 of all values, one behind another. */
  readonly values: Int32Array | BigInt64Array | Float64Array | Uint8Array;
  /** Where each text begins, one more than there are rows; empty for other kinds. */
  readonly offsets: Int32Array;
  /** A bit a row, least significant first, 1 where there is a value. */
  readonly validity: Uint8Array;
  readonly nullCount: number;
}

const HEADER_BYTES = 19;
const SIGNATURE = Uint8Array.of(0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00);
const TWO_32 = 2 ** 32;
/** µs from 1970-01-01 to 2000-01-01, PostgreSQL's epoch. */
const EPOCH_2000_US = 946_684_800_000_000;
/** A row longer than this is no row of bars. */
const MAX_ROW_BYTES = 1 << 24;

/** More than rows have, as a rule. */
const SEAM_BYTES = 1024;
const NOTHING = new Uint8Array(0);

const INT32 = 0;
const INT64 = 1;
const FLOAT64 = 2;
const TIMESTAMP = 3;
const TEXT = 4;
const CODES: Readonly<Record<ColumnKind, number>> = {
  int32: INT32,
  int64: INT64,
  float64: FLOAT64,
  timestamp: TIMESTAMP,
  text: TEXT,
};
/** Bytes of a value on the wire, by code; −1 for any. */
const WIRE_BYTES = [4, 8, 8, 8, -1];

class Column {
  readonly kind: ColumnKind;
  readonly validity: Uint8Array;
  readonly offsets: Int32Array;
  /** 64-bit values as two words, low first. */
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly ints: Int32Array;
  text: Uint8Array;
  nullCount = 0;

  constructor(kind: ColumnKind, capacity: number) {
    this.kind = kind;
    this.validity = new Uint8Array(Math.ceil(capacity / 8));
    this.offsets = new Int32Array(kind === 'text' ? capacity + 1 : 0);
    this.words = new Int32Array(kind === 'int64' || kind === 'timestamp' ? 2 * capacity : 0);
    this.floats = new Float64Array(kind === 'float64' ? capacity : 0);
    this.ints = new Int32Array(kind === 'int32' ? capacity : 0);
    this.text = new Uint8Array(kind === 'text' ? 16 * capacity : 0);
  }

  putText(piece: Uint8Array, at: number, length: number, row: number): void {
    const from = this.offsets[row]!;
    if (from + length > this.text.length) {
      const larger = new Uint8Array(Math.max(2 * this.text.length, from + length));
      larger.set(this.text);
      this.text = larger;
    }
    for (let i = 0; i < length; i++) this.text[from + i] = piece[at + i]!;
    this.offsets[row + 1] = from + length;
  }

  get values(): DecodedColumn['values'] {
    if (this.kind === 'float64') return this.floats;
    if (this.kind === 'int32') return this.ints;
    if (this.kind === 'text') return this.text;
    return new BigInt64Array(this.words.buffer);
  }
}

/** Collects rows of a stream until a batch is full. */
export class ColumnDecoder {
  readonly #columns: Column[];
  readonly #codes: Uint8Array;
  readonly #capacity: number;
  /** The most bytes a row has; infinite where it has texts. */
  readonly #mostBytes: number;
  #started = false;
  #finished = false;
  /** Rows in use. */
  length = 0;

  /** `capacity`: rows of a batch. */
  constructor(kinds: readonly ColumnKind[], capacity: number) {
    this.#columns = kinds.map((kind) => new Column(kind, capacity));
    this.#codes = Uint8Array.from(kinds, (kind) => CODES[kind]);
    this.#capacity = capacity;
    this.#mostBytes = kinds.reduce((sum, kind) => {
      const bytes = WIRE_BYTES[CODES[kind]]!;
      return sum + (bytes === -1 ? Number.POSITIVE_INFINITY : 4 + bytes);
    }, 2);
  }

  /** The columns of the batch, over memory that {@link clear} gives up for the next. */
  get columns(): readonly DecodedColumn[] {
    return this.#columns;
  }

  get full(): boolean {
    return this.length === this.#capacity;
  }

  /** Begins the next batch. What was taken from the last is overwritten. */
  clear(): void {
    this.length = 0;
    for (const column of this.#columns) {
      column.validity.fill(0);
      column.nullCount = 0;
    }
  }

  /**
   * Takes rows from `piece[from …]` until the batch is full or no whole row is left; returns where it stopped. What is
   * left of a piece then belongs in front of the next one.
   * @throws BackhaulError `database` for other bytes
   */
  push(piece: Uint8Array, from: number): number {
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    let at = from;
    if (!this.#started) {
      if (piece.length - at < HEADER_BYTES) return at;
      for (let i = 0; i < SIGNATURE.length; i++)
        if (piece[at + i] !== SIGNATURE[i])
          throw strange('the header of binary COPY', `byte ${piece[at + i]}`);
      at += HEADER_BYTES + view.getInt32(at + HEADER_BYTES - 4);
      this.#started = true;
    }
    // As long as the next row cannot but be whole, its fields are looked at once.
    const count = this.#codes.length;
    const last = piece.length - this.#mostBytes;
    while (at <= last && this.length < this.#capacity && view.getInt16(at) === count)
      at = this.#take(piece, view, at + 2);
    while (this.length < this.#capacity && !this.#finished) {
      const next = this.#row(piece, view, at);
      if (next === at) break;
      at = next;
    }
    if (this.#finished && at < piece.length)
      throw strange('nothing behind the trailer', `${piece.length - at} bytes`);
    return at;
  }

  /** Call at the end of the stream: throws a Fault of kind `database` when the trailer has not come. */
  end(): void {
    if (!this.#finished) throw strange('the trailer of binary COPY', 'the end of the stream');
  }

  /** One row, or the trailer, at `at`; returns the position behind it, `at` where it is not whole. */
  #row(piece: Uint8Array, view: DataView, at: number): number {
    const end = piece.length;
    if (end - at < 2) return at;
    const fields = view.getInt16(at);
    if (fields === -1) {
      this.#finished = true;
      return at + 2;
    }
    const count = this.#codes.length;
    if (fields !== count) throw strange(`${count} fields`, `${fields}`);
    let pos = at + 2;
    for (let k = 0; k < count; k++) {
      if (pos + 4 > end) return this.#unfinished(at, end);
      const length = view.getInt32(pos);
      const expected = WIRE_BYTES[this.#codes[k]!]!;
      if (length !== -1 && (length < 0 || (expected !== -1 && length !== expected)))
        throw strange(`${expected} bytes in field ${k + 1}`, `${length}`);
      pos += 4 + (length === -1 ? 0 : length);
    }
    if (pos > end) return this.#unfinished(at, end);
    return this.#take(piece, view, at + 2);
  }

  #unfinished(at: number, end: number): number {
    if (end - at > MAX_ROW_BYTES)
      throw strange(`a row of at most ${MAX_ROW_BYTES} bytes`, `${end - at} and more`);
    return at;
  }

  /** The fields of a row that is whole, from `from` on; returns the position behind it. */
  #take(piece: Uint8Array, view: DataView, from: number): number {
    const row = this.length;
    const columns = this.#columns;
    const codes = this.#codes;
    const byte = row >> 3;
    const bit = 1 << (row & 7);
    let pos = from;
    for (let k = 0; k < columns.length; k++) {
      const column = columns[k]!;
      const code = codes[k]!;
      const length = view.getInt32(pos);
      pos += 4;
      if (length === -1) {
        column.nullCount++;
        if (code === TEXT) column.offsets[row + 1] = column.offsets[row]!;
        else if (code === FLOAT64) column.floats[row] = 0;
        continue;
      }
      if (length !== WIRE_BYTES[code] && (code !== TEXT || length < 0))
        throw strange(`${WIRE_BYTES[code]} bytes in field ${k + 1}`, `${length}`);
      column.validity[byte]! |= bit;
      if (code === FLOAT64) column.floats[row] = view.getFloat64(pos);
      else if (code === INT32) column.ints[row] = view.getInt32(pos);
      else if (code === INT64) {
        column.words[2 * row] = view.getInt32(pos + 4);
        column.words[2 * row + 1] = view.getInt32(pos);
      } else if (code === TIMESTAMP) {
        const us = view.getInt32(pos) * TWO_32 + view.getUint32(pos + 4) + EPOCH_2000_US;
        const high = Math.floor(us / TWO_32);
        column.words[2 * row] = us - high * TWO_32;
        column.words[2 * row + 1] = high;
      } else column.putText(piece, pos, length, row);
      pos += length;
    }
    this.length = row + 1;
    return pos;
  }
}

function strange(expected: string, found: string): BackhaulError {
  return new BackhaulError({
    kind: 'database',
    message: 'the database sent something else than the rows asked for',
    expected,
    found,
  });
}

/**
 * The batches of a whole stream: yields the number of rows whenever the decoder is full, and at the end with what is
 * left. The consumer is done with the columns when it asks for more.
 */
export async function* decodeColumns(
  pieces: AsyncIterable<Uint8Array>,
  decoder: ColumnDecoder,
): AsyncGenerator<number> {
  let rest: Uint8Array = NOTHING;
  decoder.clear();
  for await (const more of pieces) {
    let at = 0;
    // What is left of a piece is no whole row: it is completed by the beginning of the next one, and no more is copied.
    for (let seam = SEAM_BYTES; rest.length > 0; seam *= 4) {
      const both = Buffer.concat([rest, more.subarray(0, seam)]);
      let taken = decoder.push(both, 0);
      while (decoder.full) {
        yield decoder.length;
        decoder.clear();
        taken = decoder.push(both, taken);
      }
      if (taken < rest.length && seam < more.length) continue;
      at = Math.min(more.length, Math.max(0, taken - rest.length));
      if (taken >= rest.length) rest = NOTHING;
      else {
        rest = both.subarray(taken);
        at = more.length;
        break;
      }
    }
    if (at === more.length) continue;
    at = decoder.push(more, at);
    while (decoder.full) {
      yield decoder.length;
      decoder.clear();
      at = decoder.push(more, at);
    }
    rest = more.subarray(at);
  }
  decoder.end();
  if (decoder.length > 0) yield decoder.length;
}
