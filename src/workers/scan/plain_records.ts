import type { BarColumns } from '../columns.ts';
import { isMultiple, isOnGrid } from './grid.ts';
import type { ColumnRoles } from './header.ts';
import { isBlank, joinParts, POWERS_OF_TEN, parseNumber } from './numbers.ts';
import type { ScanCounters } from './rejects.ts';
import { ROW_NEW, type RowOrder } from './row_order.ts';
import type { Role, ScanChecks, TimeUnit } from './shape.ts';
import { SYMBOL_INVALID, SYMBOL_NOT_ASKED, type SymbolTable } from './symbols.ts';
import { parseTextStamp } from './time.ts';
import type { Zone } from './zone.ts';

/**
 * The fast path: records of plain fields and plain numbers, all good, read where they lie in one pass. It says
 * nothing about any other record but where it starts; the judge decides on those, so every rule has one author.
 */

/** {@link PlainRecords.stop}: all records up to the last newline are done. */
export const STOP_END = 0;
/** The record at the position returned is for the judge. */
export const STOP_DOUBT = 1;
/** The batch is full. */
export const STOP_FULL = 2;

/** A block is done, and more may follow. */
const STOP_PAUSE = 3;

/**
 * Records a call of the hot function. The engine compiles a function well when it is called often; one that is
 * called once for a whole batch it compiles from inside its digit loops, again and again, at a third of the speed.
 */
const BLOCK_RECORDS = 128;

/** A constant of this module: one that is imported is looked up anew at every use. */
const POWERS = POWERS_OF_TEN;

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
// Bytes are looked at XOR 48, which makes digits 0 … 9 and everything else more.
const X_LF = LF ^ 48;
const X_CR = CR ^ 48;
const X_POINT = 0x2e ^ 48;
const X_LOWER_E = 0x65 ^ 48;
const X_UPPER_E = 0x45 ^ 48;
const X_PLUS = 0x2b ^ 48;
const X_MINUS = 0x2d ^ 48;

const FIELD_NUMBER = 0;
const FIELD_TIME = 1;
const FIELD_IGNORE = 2;
const FIELD_SYMBOL = 3;
const FIELD_TEXT_TIME = 4;

const UNIT_S = 0;
const UNIT_MS = 1;
const UNIT_US = 2;
const UNIT_NS = 3;
const UNIT_MAGNITUDE = 4;

export interface PlainContext {
  readonly columns: ColumnRoles;
  /** The delimiter's byte. */
  readonly delimiter: number;
  readonly unit: TimeUnit;
  /** Zone of text stamps. */
  readonly timeZone: Zone;
  readonly checks: ScanChecks;
  /** Zone of the `zone-day` grid. */
  readonly gridZone: Zone;
  readonly symbols: SymbolTable;
  readonly order: RowOrder;
  /** Rows are held against the row before them. */
  readonly isOrdered: boolean;
  readonly counters: ScanCounters;
}

export class PlainRecords {
  /** Why the last {@link scan} came back. */
  stop = STOP_END;
  /** Line of the record at the position returned. */
  line = 1;
  readonly #context: PlainContext;
  /** A FIELD_ code a column. */
  readonly #fields: Uint8Array;
  readonly #unit: number;
  readonly #hasTrades: boolean;
  /** Index of a trades column that may be empty, or -1. */
  readonly #optional: number;
  /** Bytes of the last symbol met; -1 bytes long before there is one. */
  readonly #symbol = new Uint8Array(64);
  #symbolLength = -1;
  #symbolOrdinal = 0;

  constructor(context: PlainContext) {
    const { roles, optional } = context.columns;
    this.#context = context;
    this.#fields = Uint8Array.from(roles, (role) => fieldCode(role, context.unit));
    this.#unit = ['s', 'ms', 'us', 'ns', 'magnitude', 'text'].indexOf(context.unit);
    this.#hasTrades = roles.includes('trades');
    this.#optional = optional.indexOf(true);
  }

  /**
   * Appends to `out` the good records of `bytes` from `start` on, up to the newline at `newline`, and returns where
   * it stopped. `origin` is the byte offset of `bytes[0]` in the file.
   */
  scan(bytes: Uint8Array, start: number, newline: number, origin: number, out: BarColumns): number {
    let p = start;
    do p = this.#scanBlock(bytes, p, newline, origin, out);
    while (this.stop === STOP_PAUSE);
    return p;
  }

  #scanBlock(bytes: Uint8Array, start: number, newline: number, origin: number, out: BarColumns): number {
    const { checks, counters, symbols, order, isOrdered, delimiter, timeZone, gridZone } = this.#context;
    const fields = this.#fields;
    const count = fields.length;
    const unit = this.#unit;
    const optional = this.#optional;
    const hasTrades = this.#hasTrades;
    const xDelimiter = delimiter ^ 48;
    const {
      earliestUs,
      latestUs,
      wantFromUs,
      wantToUs,
      fileFromUs,
      fileToUs,
      intervalUs,
      grid,
      maxRecordBytes,
    } = checks;
    const isEpochGrid = grid === 'epoch';
    const isAnyGrid = grid === 'none';
    const { capacity, symbol, ts, open, high, low, close, trades, line: lines, offset: offsets } = out;
    const targets = this.#context.columns.roles.map((role) => targetOf(role, out));
    const lastSymbol = this.#symbol;

    let line = this.line;
    let row = out.length;
    const firstRow = row;
    let outside = 0;
    let stop = STOP_END;
    let p = start;
    let first = p;

    let left = BLOCK_RECORDS;
    record: while (p <= newline) {
      if (row >= capacity) {
        stop = STOP_FULL;
        break;
      }
      if (left-- === 0) {
        stop = STOP_PAUSE;
        break;
      }
      first = p;
      let d = bytes[p]! ^ 48;
      if (d === X_LF) {
        line++;
        p++;
        continue;
      }
      let skip = false;
      let stamp = 0;
      let ordinal = 0;
      let i = 0;
      for (; i < count; i++) {
        const field = skip ? FIELD_IGNORE : fields[i]!;
        d = bytes[p]! ^ 48;
        if (field === FIELD_NUMBER) {
          const from = p;
          p = readNumber(bytes, p, targets[i]!, row);
          if (p <= from) {
            if (p < 0 || i !== optional) {
              stop = STOP_DOUBT;
              break record;
            }
            targets[i]![row] = Number.NaN;
          }
          d = bytes[p]! ^ 48;
        } else if (field === FIELD_IGNORE) {
          p = skipField(bytes, p, delimiter);
          if (p < 0) {
            stop = STOP_DOUBT;
            break record;
          }
          d = bytes[p]! ^ 48;
        } else if (field === FIELD_TIME) {
          p = readStamp(bytes, p, unit, ts, row);
          if (p < 0) {
            stop = STOP_DOUBT;
            break record;
          }
          d = bytes[p]! ^ 48;
          stamp = ts[row]!;
          if (!(stamp >= earliestUs && stamp <= latestUs)) {
            stop = STOP_DOUBT;
            break record;
          }
          skip = stamp < wantFromUs || stamp >= wantToUs;
        } else if (field === FIELD_SYMBOL) {
          const length = this.#symbolLength;
          let k = 0;
          while (k < length && bytes[p + k] === lastSymbol[k]) k++;
          if (k === length && bytes[p + k] === delimiter) {
            p += k;
          } else {
            const from = p;
            let byte = bytes[p]!;
            while (byte !== delimiter && byte !== LF) {
              if (byte === QUOTE || byte === 0) {
                stop = STOP_DOUBT;
                break record;
              }
              byte = bytes[++p]!;
            }
            let to = p;
            if (byte === LF && to > from && bytes[to - 1] === CR) to--;
            if (to > from && (isBlank(bytes[from]!) || isBlank(bytes[to - 1]!))) {
              stop = STOP_DOUBT;
              break record;
            }
            const found = symbols.ordinal(bytes, from, to);
            if (found === SYMBOL_INVALID) {
              stop = STOP_DOUBT;
              break record;
            }
            this.#symbolOrdinal = found;
            this.#symbolLength = to - from;
            for (let k = from; k < to; k++) lastSymbol[k - from] = bytes[k]!;
          }
          d = bytes[p]! ^ 48;
          ordinal = this.#symbolOrdinal;
          skip = ordinal === SYMBOL_NOT_ASKED;
        } else {
          const from = p;
          let byte = bytes[p]!;
          while (byte !== delimiter && byte !== LF && byte !== CR) byte = bytes[++p]!;
          stamp = parseTextStamp(bytes, from, p, timeZone);
          if (!(stamp >= earliestUs && stamp <= latestUs)) {
            stop = STOP_DOUBT;
            break record;
          }
          d = byte ^ 48;
          skip = stamp < wantFromUs || stamp >= wantToUs;
        }
        if (d !== xDelimiter) break;
        p++;
      }
      // Here either the last field ended at something that is no delimiter, or one delimiter trails behind it.
      if (i < count - 1) {
        stop = STOP_DOUBT;
        break;
      }
      let last = bytes[p]!;
      if (last === CR) last = bytes[++p]!;
      if (last !== LF) {
        stop = STOP_DOUBT;
        break;
      }
      p++;
      if (p - 1 - first > maxRecordBytes) {
        stop = STOP_DOUBT;
        break;
      }
      if (skip) {
        outside++;
        line++;
        continue;
      }
      const lowest = low[row]!;
      const highest = high[row]!;
      const opened = open[row]!;
      const closed = close[row]!;
      // With the low above 0 and not above the others, none of them is 0.
      const isBar =
        lowest > 0 && lowest <= opened && lowest <= closed && highest >= opened && highest >= closed;
      const isTime =
        stamp >= fileFromUs &&
        stamp < fileToUs &&
        (isEpochGrid
          ? isMultiple(stamp, intervalUs)
          : isAnyGrid || isOnGrid(stamp, grid, intervalUs, gridZone));
      if (!isBar || !isTime) {
        stop = STOP_DOUBT;
        break;
      }
      if (hasTrades) {
        const n = trades[row]!;
        if (n > Number.MAX_SAFE_INTEGER || Math.floor(n) < n) {
          stop = STOP_DOUBT;
          break;
        }
      } else trades[row] = Number.NaN;
      symbol[row] = ordinal;
      ts[row] = stamp;
      if (isOrdered && row > 0 && (ordinal !== symbol[row - 1] || stamp <= ts[row - 1]!)) {
        if (order.place(out, row) !== ROW_NEW) {
          stop = STOP_DOUBT;
          break;
        }
      }
      lines[row] = line;
      offsets[row] = origin + first;
      line++;
      row++;
    }
    this.line = line;
    this.stop = stop;
    out.length = row;
    counters.recordsRead += row - firstRow;
    counters.outside += outside;
    return stop === STOP_DOUBT ? first : p;
  }
}

/**
 * Reads the number at `bytes[p]`, digits first, into `column[row]`. Returns the position behind it; `p` when there is
 * none, -1 when it is one for the judge.
 */
function readNumber(bytes: Uint8Array, p: number, column: Float64Array, row: number): number {
  // Up to nine digits before and nine behind the point fit an integer each, and together mostly a double.
  const from = p;
  let d = bytes[p]! ^ 48;
  let whole = 0;
  while (d < 10) {
    whole = (Math.imul(whole, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  if (p - from > 9) return readLongNumber(bytes, from, column, row);
  if (d !== X_POINT) {
    if (d === X_LOWER_E || d === X_UPPER_E) return readScaledNumber(bytes, p, whole, 0, column, row);
    column[row] = whole;
    return p;
  }
  const point = ++p;
  d = bytes[p]! ^ 48;
  let fraction = 0;
  while (d < 10) {
    fraction = (Math.imul(fraction, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  const places = p - point;
  if (places > 9) return readLongNumber(bytes, from, column, row);
  if (p - from < 2) return -1;
  const mantissa = whole * POWERS[places]! + fraction;
  if (d === X_LOWER_E || d === X_UPPER_E) return readScaledNumber(bytes, p, mantissa, places, column, row);
  if (mantissa > Number.MAX_SAFE_INTEGER) {
    column[row] = joinParts(whole, fraction, places);
    return Number.isNaN(column[row]) ? -1 : p;
  }
  column[row] = mantissa / POWERS[places]!;
  return p;
}

/** Goes on with {@link readNumber} at the `e` at `bytes[p]`. */
function readScaledNumber(
  bytes: Uint8Array,
  p: number,
  mantissa: number,
  places: number,
  column: Float64Array,
  row: number,
): number {
  let d = bytes[++p]! ^ 48;
  const down = d === X_MINUS;
  if (down || d === X_PLUS) d = bytes[++p]! ^ 48;
  const firstDigit = p;
  let exponent = 0;
  while (d < 10) {
    exponent = (Math.imul(exponent, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  if (p === firstDigit || p - firstDigit > 3 || mantissa > Number.MAX_SAFE_INTEGER) return -1;
  const power = (down ? -exponent : exponent) - places;
  if (power < -22 || power > 22) return -1;
  column[row] = power < 0 ? mantissa / POWERS[-power]! : mantissa * POWERS[power]!;
  return p;
}

/** {@link readNumber} of any length. */
function readLongNumber(bytes: Uint8Array, from: number, column: Float64Array, row: number): number {
  let p = from;
  for (
    let d = 0;
    d < 10 || d === X_POINT || d === X_LOWER_E || d === X_UPPER_E || d === X_PLUS || d === X_MINUS;
  ) {
    d = bytes[++p]! ^ 48;
  }
  const value = parseNumber(bytes, from, p);
  column[row] = value;
  return value >= 0 && value < Number.POSITIVE_INFINITY ? p : -1;
}

/**
 * Reads the stamp at `bytes[p]` into `column[row]`, in µs. Returns the position behind it, -1 when there is none or it
 * is one for the judge.
 */
function readStamp(bytes: Uint8Array, p: number, unit: number, column: Float64Array, row: number): number {
  const from = p;
  let d = bytes[p]! ^ 48;
  let upper = 0;
  let limit = p + 9;
  while (d < 10 && p < limit) {
    upper = (Math.imul(upper, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  let lower = 0;
  const middle = p;
  limit = p + 9;
  while (d < 10 && p < limit) {
    lower = (Math.imul(lower, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  const lowerDigits = p - middle;
  // A nineteenth digit, of nanoseconds, is far below a µs.
  if (d < 10) d = bytes[++p]! ^ 48;
  const digits = p - from;
  let scale = unit;
  if (unit === UNIT_MAGNITUDE) {
    scale = digits <= 11 ? UNIT_S : digits <= 14 ? UNIT_MS : digits <= 17 ? UNIT_US : UNIT_NS;
    // Leading zeros are no magnitude: the judge counts without them.
    if (bytes[from] === 48 && digits > 1) return -1;
  }
  if (d < 10 || digits === 0 || (digits === 19 && scale !== UNIT_NS)) return -1;
  let stamp = 0;
  if (scale === UNIT_NS) {
    if (digits === 19) stamp = upper * 1e7 + ((lower / 100) | 0);
    else if (lowerDigits >= 3) stamp = upper * POWERS[lowerDigits - 3]! + ((lower / 1000) | 0);
    else stamp = Math.floor((upper * POWERS[lowerDigits]! + lower) / 1000);
  } else {
    stamp = upper * POWERS[lowerDigits]! + lower;
    if (scale === UNIT_MS) stamp *= 1000;
    else if (scale === UNIT_S) stamp *= 1_000_000;
  }
  column[row] = stamp;
  if (d === X_POINT) {
    do d = bytes[++p]! ^ 48;
    while (d === 0);
  }
  return p;
}

/** The position of the delimiter or newline that ends the field at `bytes[p]`; -1 when it is one for the judge. */
function skipField(bytes: Uint8Array, p: number, delimiter: number): number {
  for (;;) {
    let byte = bytes[p]!;
    // One comparison for all that is rare: controls, blanks, `!` and quotes.
    while (byte > QUOTE && byte !== delimiter) byte = bytes[++p]!;
    if (byte === delimiter || byte === LF) return p;
    if (byte === QUOTE || byte === 0) return -1;
    p++;
  }
}

function fieldCode(role: Role, unit: TimeUnit): number {
  if (role === 'time') return unit === 'text' ? FIELD_TEXT_TIME : FIELD_TIME;
  if (role === 'symbol') return FIELD_SYMBOL;
  return role === 'ignore' ? FIELD_IGNORE : FIELD_NUMBER;
}

/** Where the numbers of a role go; fields that are no numbers are never written through it. */
function targetOf(role: Role, out: BarColumns): Float64Array {
  switch (role) {
    case 'open':
      return out.open;
    case 'high':
      return out.high;
    case 'low':
      return out.low;
    case 'close':
      return out.close;
    case 'volume':
      return out.volume;
    case 'trades':
      return out.trades;
    default:
      return out.ts;
  }
}
