/** Whether a record is a bar: its fields read and held against the rules, and what is wrong with it if not. */

import type { BarColumns } from '../bars/columns.ts';
import type { Zone } from '../base/zone.ts';
import type { FieldList } from './csv_record.ts';
import { extraValue } from './extra_value.ts';
import { isOnGrid } from './grid.ts';
import { COLUMN_OF, type ColumnRoles, isNumberRole } from './header.ts';
import { type KeptPlace, keptPlaces } from './kept_columns.ts';
import { NumberReader } from './number_reader.ts';
import { parseNumber, trimEnd, trimStart } from './numbers.ts';
import { recordText } from './record_text.ts';
import {
  NULL_WORDS,
  type NumberRole,
  type RecordShape,
  type RejectReason,
  type Role,
  type ScanChecks,
  type Waivable,
} from './shape.ts';
import { StampDistances } from './stamp_distances.ts';
import type { StampReader } from './stamp_reader.ts';
import { SYMBOL_INVALID, SYMBOL_NOT_ASKED, type SymbolTable } from './symbol_table.ts';

/**
 * What is to become of a record. `empty`: it is of no bar; `unsettled`: the whole file must be read before it can be;
 * `other-form`: its stamp is in a form that those before it are not in.
 */
export type Verdict = 'row' | 'outside' | 'reject' | 'empty' | 'unsettled' | 'other-form';

/** 20240102 as seconds is a day of August 1970; seconds as milliseconds are in January. */
const WRONG_UNITS_UNTIL_US = Date.UTC(1970, 9, 1) * 1000;
/** Bars that go on from each other are no further apart. */
const MOST_APART_US = 120 * 86_400 * 1e6;

const utf8 = new TextEncoder();
const PRICES = ['open', 'high', 'low', 'close'] as const;

/**
 * The rules, one record at a time, in this order: NUL bytes, number of fields, asked-for symbol, stamp, wanted range,
 * symbol, numbers from left to right, then what the numbers say. The fast path knows only what a good record is.
 */
export class Judge {
  /** Of the last record found a `reject`. */
  reason: RejectReason = 'number';
  /** Role of the field at fault, name of the extra column at fault, or `''`. */
  field = '';
  /** Stamp of the last record; NaN when it has none. */
  us = Number.NaN;
  /** Line of the record to be judged. */
  line = 1;
  /** Of the records that are off the grid. */
  readonly offGrid = new StampDistances();
  readonly #columns: ColumnRoles;
  readonly #shape: RecordShape;
  readonly #checks: ScanChecks;
  readonly #symbols: SymbolTable;
  readonly #stamps: StampReader;
  readonly #gridZone: Zone;
  readonly #symbolColumn: number;
  readonly #nulls: readonly Uint8Array[];
  readonly #extras: readonly KeptPlace[];
  readonly #keys: readonly Key[];
  /** The last stamp that was believed for all its age. */
  #lastOldUs = Number.NaN;
  /** Null where numbers are written as most are. */
  readonly #reader: NumberReader | null;

  constructor(
    columns: ColumnRoles,
    shape: RecordShape,
    checks: ScanChecks,
    symbols: SymbolTable,
    stamps: StampReader,
    gridZone: Zone,
  ) {
    this.#columns = columns;
    this.#shape = shape;
    this.#checks = checks;
    this.#symbols = symbols;
    this.#stamps = stamps;
    this.#gridZone = gridZone;
    this.#symbolColumn = columns.roles.indexOf('symbol');
    this.#reader = shape.numbers === undefined ? null : new NumberReader(shape.numbers);
    this.#extras = keptPlaces(shape, columns);
    this.#keys = columns.keys.flatMap((value, at) =>
      value === null ? [] : [{ ...keyOf(shape, value), at, bytes: utf8.encode(value) }],
    );
    this.#nulls = (shape.nulls ?? NULL_WORDS).map((word) => utf8.encode(word));
  }

  /** Judges a record and writes it to row `out.length`, which must exist; `out.length` is left as it is. */
  judge(fields: FieldList, out: BarColumns): Verdict {
    const row = out.length;
    this.us = Number.NaN;
    if (!this.#isWhole(fields)) return this.#reject('field-count', '');

    const other = this.#otherKey(fields);
    if (other !== null) return other.leavesOut ? 'outside' : this.#reject('other-series', other.name);
    const ordinal = this.#ordinal(fields);
    if (ordinal === SYMBOL_NOT_ASKED) return 'outside';
    const stamps = this.#stamps;
    const us = stamps.read(fields, this.#symbols.names[ordinal] ?? '', this.line);
    this.us = us;
    if (stamps.need !== null) return 'unsettled';
    if (stamps.isOtherForm) return 'other-form';
    if (Number.isNaN(us)) return this.#reject(stamps.reason, 'time');
    const { earliestUs, latestUs, wantFromUs, wantToUs } = this.#checks;
    if (!(us >= earliestUs && us <= latestUs) && !this.#isOld(us)) return this.#reject('timestamp', 'time');
    if (us < wantFromUs || us >= wantToUs) return 'outside';
    if (ordinal === SYMBOL_INVALID) return this.#reject('symbol', 'symbol');
    out.symbol[row] = ordinal;
    out.ts[row] = us;
    if (this.#numbers(fields, out, row))
      return this.#keepExtras(fields, out, row) && this.#rules(out, row) ? 'row' : 'reject';
    return this.#isEmpty(fields) ? 'empty' : 'reject';
  }

  /**
   * Whether a stamp before all others is believed. Of the first months of 1970, where milliseconds read as microseconds
   * are, and dates read as seconds, only those are that go on from others.
   */
  #isOld(us: number): boolean {
    const { oldestUs, earliestUs } = this.#checks;
    if (oldestUs === undefined || !(us >= oldestUs && us < earliestUs)) return false;
    const isDoubtful = us >= 0 && us < WRONG_UNITS_UNTIL_US;
    if (isDoubtful && !(Math.abs(us - this.#lastOldUs) <= MOST_APART_US)) return false;
    this.#lastOldUs = us;
    return true;
  }

  /** The series of a record; null where it is none that was asked for, or no record of so many fields. */
  seriesOf(fields: FieldList): string | null {
    if (!this.#isWhole(fields) || this.#otherKey(fields) !== null) return null;
    const ordinal = this.#ordinal(fields);
    return ordinal < 0 ? null : this.#symbols.names[ordinal]!;
  }

  /** The first key column that holds something else than the task's; null where none does. */
  #otherKey({ bytes, starts, ends }: FieldList): Key | null {
    for (const key of this.#keys) {
      const { at, bytes: own } = key;
      const start = starts[at]!;
      if (ends[at]! - start !== own.length || !own.every((byte, i) => bytes[start + i] === byte)) return key;
    }
    return null;
  }

  #isWhole(fields: FieldList): boolean {
    const count = this.#columns.roles.length;
    // A delimiter may trail.
    return fields.count === count || (fields.count === count + 1 && fields.isEmpty(count));
  }

  /** The text of a record's stamp, at most 100 characters. */
  stampText({ bytes, starts, ends }: FieldList): string {
    const { column } = this.#stamps;
    return recordText(bytes, starts[column]!, ends[column]!, 100);
  }

  #reject(reason: RejectReason, field: string): 'reject' {
    this.reason = reason;
    this.field = field;
    return 'reject';
  }

  /** Whether a rule that does not hold makes a reject, which it then is. */
  #breaks(reason: Waivable, field: Role): boolean {
    const { onInvalid } = this.#checks;
    if (onInvalid === 'keep' || (onInvalid !== 'reject' && onInvalid.includes(reason))) return false;
    this.#reject(reason, field);
    return true;
  }

  #ordinal({ bytes, starts, ends }: FieldList): number {
    if (this.#symbolColumn < 0) return 0;
    const end = ends[this.#symbolColumn]!;
    const start = trimStart(bytes, starts[this.#symbolColumn]!, end);
    return this.#symbols.ordinal(bytes, start, trimEnd(bytes, start, end));
  }

  #numbers({ bytes, starts, ends }: FieldList, out: BarColumns, row: number): boolean {
    const { roles, optional } = this.#columns;
    out.volume[row] = Number.NaN;
    out.trades[row] = Number.NaN;
    for (let i = 0; i < roles.length; i++) {
      const role = roles[i]!;
      if (!isNumberRole(role)) continue;
      const start = starts[i]!;
      const end = ends[i]!;
      if (optional[i] && this.#isNull(bytes, start, end)) continue;
      // + 0 makes of -0 the 0 that equals it.
      const value = this.#number(bytes, start, end, role) + 0;
      if (Number.isNaN(value)) {
        this.#reject('number', role);
        return false;
      }
      if (!isPriceOrVolume(role) && !Number.isSafeInteger(value)) {
        this.#reject('trades', role);
        return false;
      }
      out[COLUMN_OF[role]][row] = value;
    }
    return true;
  }

  #number(bytes: Uint8Array, start: number, end: number, role: NumberRole): number {
    if (this.#reader === null) return parseNumber(bytes, start, end);
    return this.#reader.read(bytes, start, end, role !== 'volume' && isPriceOrVolume(role));
  }

  /** Writes what a layout keeps beside the bar; false when a field is none of its type. */
  #keepExtras({ bytes, starts, ends }: FieldList, out: BarColumns, row: number): boolean {
    for (const [k, { column, at, scale }] of this.#extras.entries()) {
      const start = starts[at]!;
      const end = ends[at]!;
      let value: string | null = null;
      if (at >= 0 && !this.#isNull(bytes, start, end)) {
        value = extraValue(bytes, start, end, column.type, this.#shape.numbers ?? null, scale);
        if (value === null) {
          this.#reject('number', column.name);
          return false;
        }
      }
      out.extras[k] ??= [];
      out.extras[k]![row] = value;
    }
    return true;
  }

  /** Whether a field holds a word for "no value", blanks around it allowed. */
  #isNull(bytes: Uint8Array, start: number, end: number): boolean {
    const first = trimStart(bytes, start, end);
    const length = trimEnd(bytes, first, end) - first;
    return this.#nulls.some(
      (word) => word.length === length && word.every((byte, i) => bytes[first + i] === byte),
    );
  }

  /** Whether a record has null for each of its prices. */
  #isEmpty({ bytes, starts, ends }: FieldList): boolean {
    if (this.#shape.empty === 'reject') return false;
    const { roles } = this.#columns;
    return (this.#shape.kind === 'trades' ? (['price'] as const) : PRICES).every((price) => {
      const at = roles.indexOf(price);
      return this.#isNull(bytes, starts[at]!, ends[at]!);
    });
  }

  /** Whether a row keeps the rules that `onInvalid` may waive. */
  #rules(out: BarColumns, row: number): boolean {
    const { fileFromUs, fileToUs, grid, intervalUs } = this.#checks;
    const us = out.ts[row]!;
    if ((us < fileFromUs || us >= fileToUs) && this.#breaks('outside-file-range', 'time')) return false;
    if (!isOnGrid(us, grid, intervalUs, this.#gridZone) && this.#breaks('off-grid', 'time')) {
      this.offGrid.see(out.symbol[row]!, us);
      return false;
    }
    const floor = this.#shape.prices === 'any' ? Number.NEGATIVE_INFINITY : 0;
    if (this.#shape.kind === 'trades') return this.#isTrade(out, row, floor);
    for (const role of PRICES) {
      const price = out[role][row]!;
      if (!(price > floor && price < Number.POSITIVE_INFINITY) && this.#breaks('price', role)) return false;
    }
    const [open, high, low, close] = [out.open[row]!, out.high[row]!, out.low[row]!, out.close[row]!];
    if (high < Math.max(open, close) && this.#breaks('high-low', 'high')) return false;
    if (low > Math.min(open, close) && this.#breaks('high-low', 'low')) return false;
    const volume = out.volume[row]!;
    // NaN, for none, is neither.
    if ((volume < 0 || volume === Number.POSITIVE_INFINITY) && this.#breaks('volume', 'volume')) return false;
    return !(out.trades[row]! < 0 && this.#breaks('trades', 'trades'));
  }

  /** The same of a trade. No rule of it can be waived: a bar made of it would break the rules of bars. */
  #isTrade(out: BarColumns, row: number, floor: number): boolean {
    const { roles } = this.#columns;
    if (isTradeRow(out, row, floor, roles)) return true;
    const price = out.open[row]!;
    if (!(price > floor && price < Number.POSITIVE_INFINITY)) this.#reject('price', 'price');
    else if (!(out.volume[row]! >= 0 && out.volume[row]! < Number.POSITIVE_INFINITY))
      this.#reject('volume', 'volume');
    else this.#reject('trades', roles.includes('last_id') ? 'last_id' : 'trades');
    return false;
  }
}

function isPriceOrVolume(role: NumberRole): boolean {
  return role !== 'trades' && role !== 'first_id' && role !== 'last_id';
}

/**
 * Whether row `row`, as its fields were read, is a good trade; then its `trades` are those the record stands for: what
 * a column says, the ids from the first to the last, or one.
 */
export function isTradeRow(out: BarColumns, row: number, floor: number, roles: readonly Role[]): boolean {
  const price = out.open[row]!;
  const volume = out.volume[row]!;
  if (!roles.includes('trades'))
    out.trades[row] = roles.includes('last_id') ? out.high[row]! - out.low[row]! + 1 : 1;
  else if (Number.isNaN(out.trades[row]!)) out.trades[row] = 1;
  return (
    price > floor &&
    price < Number.POSITIVE_INFINITY &&
    volume >= 0 &&
    volume < Number.POSITIVE_INFINITY &&
    out.trades[row]! >= 1 &&
    Number.isSafeInteger(out.trades[row]!)
  );
}

/** A column that says of which task a record is. */
interface Key {
  readonly name: string;
  readonly leavesOut: boolean;
  readonly at: number;
  readonly bytes: Uint8Array;
}

function keyOf({ columns, others }: RecordShape, value: string): Pick<Key, 'name' | 'leavesOut'> {
  const column = columns.find((one) => one.value === value);
  return { name: column?.names[0] ?? '', leavesOut: others === 'outside' || column?.leavesOut === true };
}
