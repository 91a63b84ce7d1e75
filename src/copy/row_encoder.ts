/** Rows of the side tables, field by field, to the bytes of binary COPY. Pure. */

import { BackhaulError } from '../faults/fault.ts';
import { storable } from '../faults/safe_text.ts';
import { EPOCH_2000_US, setInt64 } from './wire.ts';

const utf8 = new TextEncoder();

// Flags of a range's binary form (rangetypes.h).
const RANGE_EMPTY = 0x01;
const RANGE_LOWER_INCLUSIVE = 0x02;
const RANGE_LOWER_INFINITE = 0x08;
const RANGE_UPPER_INFINITE = 0x10;

/** Memory of rows that were sent, for the next ones of this thread. */
let spare: Uint8Array | null = null;
const MOST_SPARE = 8 << 20;
const NO_BYTES = new Uint8Array(0);

/**
 * Encodes rows of the side tables, field by field, into a buffer that grows. Every field method takes null for NULL
 * and returns the encoder. A row with another number of fields than `columns`, or a value its type cannot hold, is a
 * broken invariant: a RangeError.
 */
export class RowEncoder {
  readonly #columns: number;
  readonly #limit: number;
  #bytes: Uint8Array;
  #view: DataView;
  #pos = 0;
  #fields: number;

  /**
   * `columns`: fields a row. `limitBytes`: a row that takes the buffer beyond throws a Fault of kind `limit`.
   * `startBytes`: what the rows will take, if that is known.
   */
  constructor(columns: number, limitBytes = 1 << 28, startBytes = 4096, bytes?: Uint8Array) {
    this.#columns = columns;
    this.#limit = limitBytes;
    this.#bytes = bytes ?? new Uint8Array(Math.min(startBytes, limitBytes));
    this.#view = new DataView(this.#bytes.buffer);
    this.#fields = columns;
  }

  /**
   * One in memory that another has given back, where that is about as large: a file of many series after the other would
   * have some megabytes made, and collected, for each.
   */
  static lent(columns: number, limitBytes: number, startBytes: number): RowEncoder {
    const bytes = spare;
    const isFit = bytes !== null && bytes.length >= startBytes && bytes.length <= 4 * startBytes;
    if (isFit) spare = null;
    return new RowEncoder(columns, limitBytes, startBytes, isFit ? bytes : undefined);
  }

  /** Its rows have been sent, all of them: their memory may be another's. */
  giveBack(): void {
    if (this.#bytes.length <= MOST_SPARE && this.#bytes.length > (spare?.length ?? 0)) spare = this.#bytes;
    this.#bytes = NO_BYTES;
    this.#view = new DataView(NO_BYTES.buffer);
    this.#pos = 0;
  }

  /** Begins a row; the one before must be whole. */
  row(): this {
    this.#whole();
    this.#room(2);
    this.#view.setInt16(this.#pos, this.#columns);
    this.#pos += 2;
    this.#fields = 0;
    return this;
  }

  /** The rows so far, without header or trailer; a view that holds until the next row. */
  bytes(): Uint8Array {
    this.#whole();
    return this.#bytes.subarray(0, this.#pos);
  }

  null(): this {
    this.#field(0, -1);
    return this;
  }

  int4(value: number | null): this {
    if (value === null) return this.null();
    requireInteger(value, -2_147_483_648, 2_147_483_647);
    const at = this.#field(4);
    this.#view.setInt32(at, value);
    return this;
  }

  int8(value: number | null): this {
    if (value === null) return this.null();
    requireInteger(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const at = this.#field(8);
    setInt64(this.#view, at, value);
    return this;
  }

  /** NaN is a value here, not NULL. */
  float8(value: number | null): this {
    if (value === null) return this.null();
    const at = this.#field(8);
    this.#view.setFloat64(at, value);
    return this;
  }

  /** U+0000 is written as U+2400, an unpaired surrogate as U+FFFD: PostgreSQL's text holds neither. */
  text(value: string | null): this {
    return value === null ? this.null() : this.bytea(utf8.encode(storable(value)));
  }

  bytea(value: Uint8Array | null): this {
    if (value === null) return this.null();
    const at = this.#field(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** µs since 1970; ±Infinity are PostgreSQL's `infinity` and `-infinity`. */
  timestamptz(us: number | null): this {
    if (us === null) return this.null();
    requireStamp(us);
    const at = this.#field(8);
    setStamp(this.#view, at, us);
    return this;
  }

  /** `[fromUs, toUs)` in µs since 1970; an infinite end is unbounded, equal ends are the empty range. */
  tstzrange(fromUs: number | null, toUs: number | null): this {
    if (fromUs === null || toUs === null) return this.null();
    requireStamp(fromUs);
    requireStamp(toUs);
    if (fromUs > toUs) throw new RangeError(`a range from ${fromUs} to ${toUs}`);
    if (fromUs === toUs) {
      const at = this.#field(1);
      this.#view.setUint8(at, RANGE_EMPTY);
      return this;
    }
    const lower = fromUs > Number.NEGATIVE_INFINITY;
    const upper = toUs < Number.POSITIVE_INFINITY;
    let at = this.#field(1 + (lower ? 12 : 0) + (upper ? 12 : 0));
    this.#view.setUint8(
      at++,
      (lower ? RANGE_LOWER_INCLUSIVE : RANGE_LOWER_INFINITE) | (upper ? 0 : RANGE_UPPER_INFINITE),
    );
    if (lower) at = this.#bound(at, fromUs);
    if (upper) this.#bound(at, toUs);
    return this;
  }

  /** The value as JSON, its strings treated as those of {@link text}; undefined members are left out. */
  jsonb(value: unknown): this {
    if (value === null || value === undefined) return this.null();
    const json = JSON.stringify(value, (_, member) =>
      typeof member === 'string' ? storable(member) : member,
    );
    const bytes = utf8.encode(json);
    const at = this.#field(1 + bytes.length);
    this.#view.setUint8(at, 1);
    this.#bytes.set(bytes, at + 1);
    return this;
  }

  #bound(at: number, us: number): number {
    this.#view.setInt32(at, 8);
    setStamp(this.#view, at + 4, us);
    return at + 12;
  }

  /** Writes a length word and returns where its bytes go. */
  #field(length: number, word = length): number {
    if (this.#fields === this.#columns) throw new RangeError(`a field beyond the row's ${this.#columns}`);
    this.#room(4 + length);
    this.#view.setInt32(this.#pos, word);
    const at = this.#pos + 4;
    this.#pos = at + length;
    this.#fields++;
    return at;
  }

  #whole(): void {
    if (this.#fields !== this.#columns) {
      throw new RangeError(`a row of ${this.#fields} fields instead of ${this.#columns}`);
    }
  }

  #room(more: number): void {
    const need = this.#pos + more;
    if (need <= this.#bytes.length) return;
    if (need > this.#limit) {
      throw new BackhaulError({
        kind: 'limit',
        message: 'too much to write in one go',
        expected: `at most ${this.#limit} bytes`,
        found: `${need} bytes`,
      });
    }
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(need, 2 * this.#bytes.length)));
    grown.set(this.#bytes.subarray(0, this.#pos));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function requireInteger(value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${value} is no integer from ${least} to ${most}`);
  }
}

function requireStamp(us: number): void {
  if (Number.isSafeInteger(us) || Math.abs(us) === Number.POSITIVE_INFINITY) return;
  throw new RangeError(`${us} is no stamp in whole microseconds`);
}

/** A timestamptz; the two ends of int64 stand for the infinities. */
function setStamp(view: DataView, at: number, us: number): void {
  if (Number.isFinite(us)) setInt64(view, at, us - EPOCH_2000_US);
  else view.setBigInt64(at, us > 0 ? 0x7fff_ffff_ffff_ffffn : -0x8000_0000_0000_0000n);
}
