/**
 * The fast path: records of plain fields and plain numbers, all good, read where they lie in one pass. It says
 * nothing about any other record but where it starts; the judge decides on those, so every rule has one author.
 */

import type { BarColumns } from '../bars/columns.ts';
import { type KernelFields, type KernelSymbol, RowKernel } from '../bars/row_kernel.ts';
import type { Zone } from '../base/zone.ts';
import { isMultiple, isOnGrid } from './grid.ts';
import { COLUMN_OF, type ColumnRoles, isNumberRole } from './header.ts';
import { isTradeRow } from './judge.ts';
import { parseStamp } from './numeric_stamp.ts';
import { readNumber, readStamp, STAMP_UNITS, skipFields } from './plain_fields.ts';
import { kernelFields, readQuickly } from './quick_records.ts';
import type { ScanCounters } from './rejects.ts';
import { ROW_NEW, type RowOrder } from './row_order.ts';
import type { Role, ScanChecks, TimeUnit } from './shape.ts';
import type { StampReader } from './stamp_reader.ts';
import { MAX_SYMBOL_BYTES, SYMBOL_INVALID, SYMBOL_NOT_ASKED, type SymbolTable } from './symbol_table.ts';

/** {@link PlainRecords.stop}: all records up to the last newline are done. */
const STOP_END = 0;
/** The record at the position returned is for the judge. */
export const STOP_DOUBT = 1;
/** The batch is full. */
export const STOP_FULL = 2;

/** A block is done, and more may follow. */
const STOP_PAUSE = 3;

/**
 * Records a call of the hot function. The engine compiles a function sooner and better when it is called often than
 * when it is entered once a batch: the first 60,000 records of a worker take 430 ns each, not 600.
 */
const BLOCK_RECORDS = 128;

/**
 * The kernel is worth its call when it gets this far. Where it does not (another symbol in every record, exponents),
 * the next records are read here, and it is tried again after them.
 */
const WORTH_BYTES = 512;

const LF = 0x0a;
const CR = 0x0d;

// The kernel (wasm/rows.ts) knows fields by these codes and units by their place in STAMP_UNITS.
const FIELD_NUMBER = 0;
const FIELD_TIME = 1;
const FIELD_IGNORE = 2;
const FIELD_SYMBOL = 3;
const FIELD_TEXT_TIME = 4;

export interface PlainContext {
  readonly columns: ColumnRoles;
  /** The delimiter's byte. */
  readonly delimiter: number;
  readonly unit: TimeUnit;
  readonly stamps: StampReader;
  readonly checks: ScanChecks;
  /** Zone of the `zone-day` grid. */
  readonly gridZone: Zone;
  readonly symbols: SymbolTable;
  readonly order: RowOrder;
  /** Rows are held against the row before them. */
  readonly isOrdered: boolean;
  /** They are sorted by symbol. */
  readonly isBySymbol: boolean;
  /** What every price is above. */
  readonly floor: number;
  /** Records are trades. */
  readonly isTrades: boolean;
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
  /** Per column: how many from it on, in a row, are ignored. */
  readonly #ignored: Int32Array;
  readonly #unit: number;
  readonly #hasVolume: boolean;
  readonly #hasTrades: boolean;
  /** Per column: may it be empty? */
  readonly #optional: readonly boolean[];
  /** The last symbol met; -1 bytes long before there is one. */
  readonly #last: KernelSymbol = { bytes: new Uint8Array(MAX_SYMBOL_BYTES), length: -1, ordinal: 0 };
  /** The table symbols go to in the order they are sorted in, where the kernel may find them; or null. */
  readonly #following: SymbolTable | null;
  /** What the kernel must know of the file; null where it is of no use. */
  readonly #quick: KernelFields | null;
  /** Stamps of this range need no closer look. */
  readonly #fromUs: number;
  readonly #lastUs: number;
  /** Of the block just read: the row behind its last, and the records that were not asked for, in all and before each row. */
  #row = 0;
  #outside = 0;
  /** Records of the next block: few after a doubt, since all behind it were read in vain. */
  #blockRecords = BLOCK_RECORDS;
  readonly #outsideBefore = new Int32Array(BLOCK_RECORDS);

  constructor(context: PlainContext) {
    const { roles, optional } = context.columns;
    this.#context = context;
    this.#fields = Uint8Array.from(roles, (role) => fieldCode(role, context.unit, context.isTrades));
    this.#ignored = new Int32Array(roles.length);
    for (let i = roles.length - 1; i >= 0; i--) {
      this.#ignored[i] = this.#fields[i] === FIELD_IGNORE ? 1 + (this.#ignored[i + 1] ?? 0) : 0;
    }
    this.#unit = STAMP_UNITS.indexOf(context.unit);
    this.#hasVolume = roles.includes('volume');
    this.#hasTrades = roles.includes('trades');
    this.#optional = optional;
    if (!roles.includes('symbol')) this.#last.length = 0;
    this.#following = context.isBySymbol && context.symbols.takesAll ? context.symbols : null;
    this.#quick = context.isTrades
      ? null
      : kernelFields(
          context.columns,
          this.#fields,
          context.delimiter,
          this.#unit,
          context.checks,
          context.floor,
        );
    const { earliestUs, latestUs, wantFromUs, wantToUs, fileFromUs, fileToUs } = context.checks;
    this.#fromUs = Math.max(earliestUs, wantFromUs, fileFromUs);
    // Stamps are whole µs, so that the last before an end is the one before it.
    this.#lastUs = Math.min(latestUs, Math.ceil(wantToUs) - 1, Math.ceil(fileToUs) - 1);
  }

  /**
   * Appends to `out` the good records of `bytes` from `start` on, up to the newline at `newline`, and returns where
   * it stopped. `origin` is the byte offset of `bytes[0]` in the file.
   */
  scan(bytes: Uint8Array, start: number, newline: number, origin: number, out: BarColumns): number {
    const { columns, counters } = this.#context;
    const targets = columns.roles.map((role) => targetOf(role, out));
    RowKernel.of(out)?.forget();
    let p = start;
    do {
      p = this.#readQuickly(bytes, p, newline, origin, out);
      const first = out.length;
      p = this.#readBlock(bytes, p, newline, origin, out, targets);
      const end = this.#row;
      const good = this.#context.isTrades
        ? this.#firstBadTrade(out, first, end)
        : this.#firstDoubt(out, first, end);
      if (good < end) {
        this.stop = STOP_DOUBT;
        this.line = out.line[good]!;
        this.#outside = this.#outsideBefore[good - first]!;
        p = out.offset[good]! - origin;
        this.#blockRecords = 2;
      } else this.#blockRecords = Math.min(2 * this.#blockRecords, BLOCK_RECORDS);
      out.length = good;
      counters.recordsRead += good - first;
      counters.outside += this.#outside;
    } while (this.stop === STOP_PAUSE);
    return p;
  }

  /** Leaves to the kernel what it can do. */
  #readQuickly(bytes: Uint8Array, start: number, newline: number, origin: number, out: BarColumns): number {
    const kernel = RowKernel.of(out);
    const last = this.#last;
    if (kernel === null || this.#quick === null || last.length < 0 || last.ordinal < 0) return start;
    const { isOrdered, counters } = this.#context;
    const first = out.length;
    const end = readQuickly(
      kernel,
      this.#quick,
      last,
      this.#following,
      isOrdered,
      bytes,
      start,
      newline,
      origin,
      this.line,
      out,
    );
    if (!this.#hasVolume) out.volume.fill(Number.NaN, first, out.length);
    this.line += out.length - first;
    counters.recordsRead += out.length - first;
    if (end - start >= WORTH_BYTES) this.#blockRecords = 1;
    return end;
  }

  /**
   * Reads up to a block of records into rows from `out.length` on, to `this.#row`, and leaves it to the next step to
   * look at what they say: with less to keep in registers both are faster than one.
   */
  #readBlock(
    bytes: Uint8Array,
    start: number,
    newline: number,
    origin: number,
    out: BarColumns,
    targets: readonly Float64Array[],
  ): number {
    const { delimiter, checks } = this.#context;
    const { maxRecordBytes } = checks;
    const { capacity, symbol, ts, line: lines, offset: offsets } = out;
    const fields = this.#fields;
    const ignored = this.#ignored;
    const count = fields.length;
    const unit = this.#unit;
    const fromUs = this.#fromUs;
    const lastUs = this.#lastUs;
    const outsideBefore = this.#outsideBefore;
    const firstRow = out.length;
    let line = this.line;
    let row = firstRow;
    let outside = 0;
    let left = this.#blockRecords;
    let stop = STOP_END;
    let p = start;
    let first = p;

    record: while (p <= newline) {
      if (row >= capacity || left-- === 0) {
        stop = row >= capacity ? STOP_FULL : STOP_PAUSE;
        break;
      }
      first = p;
      if (bytes[p] === LF) {
        line++;
        p++;
        continue;
      }
      let skip = false;
      let i = 0;
      for (; i < count; i++) {
        const field = skip ? FIELD_IGNORE : fields[i]!;
        if (field === FIELD_NUMBER) {
          const end = readNumber(bytes, p, targets[i]!, row);
          if (end <= p) {
            if (end < 0 || !this.#optional[i]) {
              stop = STOP_DOUBT;
              break record;
            }
            targets[i]![row] = Number.NaN;
          } else p = end;
        } else if (field === FIELD_IGNORE) {
          const run = skip ? count - i : ignored[i]!;
          p = skipFields(bytes, p, run, delimiter);
          i += run - 1;
        } else if (field === FIELD_SYMBOL) {
          p = this.#readSymbol(bytes, p);
          symbol[row] = this.#last.ordinal;
          skip = this.#last.ordinal === SYMBOL_NOT_ASKED;
        } else {
          p = field === FIELD_TIME ? readStamp(bytes, p, unit, ts, row) : this.#readText(bytes, p, ts, row);
          const us = ts[row]!;
          if (!(us >= fromUs && us <= lastUs)) {
            skip = p >= 0 && this.#isOutside(us);
            if (!skip) p = -1;
          }
        }
        if (p < 0) {
          stop = STOP_DOUBT;
          break record;
        }
        if (bytes[p] !== delimiter) break;
        p++;
      }
      // Here either the last field ended at something that is no delimiter, or one delimiter trails behind it.
      if (bytes[p] === CR) p++;
      if (i < count - 1 || bytes[p] !== LF || p - first > maxRecordBytes) {
        stop = STOP_DOUBT;
        break;
      }
      p++;
      if (skip) outside++;
      else {
        lines[row] = line;
        offsets[row] = origin + first;
        outsideBefore[row - firstRow] = outside;
        row++;
      }
      line++;
    }
    this.stop = stop;
    this.line = line;
    this.#row = row;
    this.#outside = outside;
    return stop === STOP_DOUBT ? first : p;
  }

  /** The first of rows `[start, end)` that breaks a rule or does not simply follow the row before it; `end` if none. */
  #firstDoubt(out: BarColumns, start: number, end: number): number {
    const { checks, order, isOrdered, gridZone, symbols } = this.#context;
    const { intervalUs, grid } = checks;
    const isEpochGrid = grid === 'epoch';
    const isAnyGrid = grid === 'none';
    const { symbol, ts, open, high, low, close, volume, trades } = out;
    const hasVolume = this.#hasVolume;
    const hasTrades = this.#hasTrades;
    const isFixed = symbols.isFixed;
    const floor = this.#context.floor;
    for (let row = start; row < end; row++) {
      const lowest = low[row]!;
      const highest = high[row]!;
      const opened = open[row]!;
      const closed = close[row]!;
      const us = ts[row]!;
      // With the low above the least and not above the others, none of them is below it.
      if (!(lowest > floor && lowest <= opened && lowest <= closed && highest >= opened && highest >= closed))
        return row;
      if (
        !(isEpochGrid ? isMultiple(us, intervalUs) : isAnyGrid || isOnGrid(us, grid, intervalUs, gridZone))
      ) {
        return row;
      }
      if (hasTrades) {
        const count = trades[row]!;
        if (count > Number.MAX_SAFE_INTEGER || Math.floor(count) < count) return row;
      } else trades[row] = Number.NaN;
      if (!hasVolume) volume[row] = Number.NaN;
      if (isFixed) symbol[row] = 0;
      const follows = row === 0 || (symbol[row] === symbol[row - 1] && us > ts[row - 1]!);
      if (!follows && isOrdered && order.place(out, row) !== ROW_NEW) return row;
    }
    return end;
  }

  /** The same where records are trades: they lie on no grid, and how they follow each other is nobody's concern here. */
  #firstBadTrade(out: BarColumns, start: number, end: number): number {
    const { columns, symbols, floor } = this.#context;
    for (let row = start; row < end; row++) {
      if (!isTradeRow(out, row, floor, columns.roles)) return row;
      if (symbols.isFixed) out.symbol[row] = 0;
    }
    return end;
  }

  /** Whether a stamp that is not simply good is one that was not asked for. */
  #isOutside(us: number): boolean {
    const { earliestUs, latestUs, wantFromUs, wantToUs } = this.#context.checks;
    return us >= earliestUs && us <= latestUs && (us < wantFromUs || us >= wantToUs);
  }

  /** Reads a symbol into `this.#last`. */
  #readSymbol(bytes: Uint8Array, p: number): number {
    const { delimiter, symbols } = this.#context;
    const last = this.#last;
    const { length } = last;
    let k = 0;
    while (k < length && bytes[p + k] === last.bytes[k]) k++;
    if (k === length && bytes[p + k] === delimiter) return p + k;
    const end = skipFields(bytes, p, 1, delimiter);
    if (end < 0) return -1;
    const to = end > p && bytes[end] === LF && bytes[end - 1] === CR ? end - 1 : end;
    // Blanks around it are for the judge, who takes them off.
    const ordinal = symbols.ordinal(bytes, p, to);
    if (ordinal === SYMBOL_INVALID) return -1;
    last.ordinal = ordinal;
    last.length = to - p;
    for (let i = p; i < to; i++) last.bytes[i - p] = bytes[i]!;
    return end;
  }

  #readText(bytes: Uint8Array, p: number, column: Float64Array, row: number): number {
    const { delimiter, stamps, unit } = this.#context;
    let end = p;
    while (bytes[end] !== delimiter && bytes[end] !== LF && bytes[end] !== CR) end++;
    column[row] =
      unit === 'text' || unit === 'excel' ? stamps.readPlain(bytes, p, end) : parseStamp(bytes, p, end, unit);
    return end;
  }
}

/** Stamps of trades have fractions of a second, which {@link readStamp} leaves to others. */
function fieldCode(role: Role, unit: TimeUnit, isTrades: boolean): number {
  if (role === 'time') return unit === 'text' || isTrades ? FIELD_TEXT_TIME : FIELD_TIME;
  if (role === 'symbol') return FIELD_SYMBOL;
  return isNumberRole(role) ? FIELD_NUMBER : FIELD_IGNORE;
}

/** Where the numbers of a role go; fields that are no numbers are never written through it. */
function targetOf(role: Role, out: BarColumns): Float64Array {
  return isNumberRole(role) ? out[COLUMN_OF[role]] : out.ts;
}
