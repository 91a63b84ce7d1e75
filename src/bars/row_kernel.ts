/**
 * The WebAssembly of a row: indicators and rows for COPY, over the memory that columns lie in. Its source is
 * `wasm/rows.ts`.
 */

import { BarColumns, type Bars } from './columns.ts';
import { WASM } from './rows_module.ts';

/** What `wasm/rows.ts` exports. Addresses are bytes from the start of the instance's memory. */
interface Exports {
  readonly FIELDS: WebAssembly.Global;
  readonly RULES: WebAssembly.Global;
  readonly SYMBOL: WebAssembly.Global;
  readonly COLUMNS: WebAssembly.Global;
  readonly SOURCES: WebAssembly.Global;
  readonly SERIES: WebAssembly.Global;
  readonly SERIES_ROOM: WebAssembly.Global;
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_ROOM: WebAssembly.Global;
  readonly MET: WebAssembly.Global;
  readonly FREE: WebAssembly.Global;
  readonly STATE: WebAssembly.Global;
  readonly BARS: WebAssembly.Global;
  readonly appended: WebAssembly.Global;
  readonly met: WebAssembly.Global;
  setUp(): void;
  useSymbol(length: number): void;
  scan(...words: readonly number[]): number;
  wholes(at: number, count: number, divisor: number, factor: number): void;
  goodRun(row: number, end: number, ordinal: number, has: number, ...rules: readonly number[]): number;
  encode(from: number, to: number, doubles: number, out: number): number;
  restore(): void;
  settle(): void;
  indicate(from: number, to: number, until: number): number;
}

const PAGE = 65_536;
/** Columns and buffers begin here or at a multiple: a line of every cache. */
const ALIGNMENT = 64;
/** Bytes the encoder may write behind its last row, and the scanner read. */
const SLACK = 64;
const LF = 0x0a;
/** Columns of doubles before the indicators: open, high, low, close, volume. */
const DOUBLES = 5;

let compiled: WebAssembly.Module | null = null;

function moduleOf(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(WASM), (char) => char.charCodeAt(0)));
  return compiled;
}

/** Fields of a record, as the kernel wants them: a code each, and the column a number goes to. */
export interface KernelFields {
  /** 0 number, 1 time, 2 ignored, 3 symbol. */
  readonly codes: readonly number[];
  /** By field, for numbers: index in {@link BarColumns.raw}. */
  readonly columns: readonly number[];
  readonly delimiter: number;
  /** 0 s, 1 ms, 2 µs, 3 ns, 4 by magnitude. */
  readonly unit: number;
  /** Doubles as `wasm/rows.ts` lists them, without the last. */
  readonly rules: readonly number[];
  readonly maxRecordBytes: number;
  readonly hasTrades: boolean;
}

/** What makes a row of a table a bar beyond doubt, whatever the others are: see {@link RowKernel.goodRun}. */
export interface GoodRules {
  /** Stamps, µs: the first and the last, and the interval they are multiples of. */
  readonly fromUs: number;
  readonly lastUs: number;
  readonly intervalUs: number;
  /** Prices are above it. */
  readonly floor: number;
  readonly hasVolume: boolean;
  readonly mayLackVolume: boolean;
  readonly hasTrades: boolean;
  readonly mayLackTrades: boolean;
}

/** The symbol of the last record: as the file writes it, at most 64 bytes, and its ordinal. */
export interface KernelSymbol {
  readonly bytes: Uint8Array;
  length: number;
  ordinal: number;
}

/**
 * The WebAssembly of `wasm/rows.ts` and its memory: the columns of a worker's batches and the buffers of its COPY live
 * there, so that neither rows nor bytes are copied on the way. One a thread; not to be used from two tasks at once.
 */
export class RowKernel {
  readonly #exports: Exports;
  readonly #bytes: Uint8Array;
  readonly #input: Uint8Array;
  readonly #words: Uint32Array;
  readonly #signed: Int32Array;
  readonly #doubles: Float64Array;
  readonly #series: Int32Array;
  #free: number;
  #columns: BarColumns | null = null;
  /** What {@link encode} was last given. */
  #bars: Bars | null = null;
  #wanted: readonly boolean[] | null = null;
  /** What {@link indicate} was last given. */
  #indicated: Bars | null = null;
  #fields: KernelFields | null = null;
  /** What of which bytes lies in INPUT: `#staged[#from … #to-1]`. */
  #staged: Uint8Array | null = null;
  #from = 0;
  #to = 0;
  /** Rows the last {@link scan} has appended, and symbols it has met. */
  appended = 0;
  met = 0;
  /** It stopped where the bytes it had taken over end, not at a record that is none of its own. */
  isDrained = false;

  /**
   * `columnSets` sets of `rows` rows, and `buffers` of `bufferBytes` each, will be asked for, and besides a set of as
   * many rows as each of `more` says. What is never filled takes no memory.
   */
  constructor(
    columnSets: number,
    rows: number,
    buffers: number,
    bufferBytes: number,
    more: readonly number[] = [],
  ) {
    const bytes = [
      ...Array<number>(columnSets).fill(BarColumns.bytes(rows)),
      ...Array<number>(buffers).fill(bufferBytes),
      ...more.map((one) => BarColumns.bytes(one)),
    ].reduce((sum, one) => sum + one + SLACK + ALIGNMENT, 2 * PAGE);
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
    const env = {
      memory,
      abort: () => {
        throw new Error('the kernel has aborted');
      },
    };
    this.#exports = new WebAssembly.Instance(moduleOf(), { env }).exports as unknown as Exports;
    const { buffer } = memory;
    const { INPUT, INPUT_ROOM, SERIES, SERIES_ROOM, FREE } = this.#exports;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#signed = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#input = new Uint8Array(buffer, INPUT.value, INPUT_ROOM.value);
    this.#series = new Int32Array(buffer, SERIES.value, SERIES_ROOM.value);
    this.#free = FREE.value;
    this.#exports.setUp();
  }

  /** The kernel in whose memory the columns lie; null where they lie in none. */
  static of({ owner }: BarColumns): RowKernel | null {
    return owner instanceof RowKernel ? owner : null;
  }

  #take(bytes: number): number {
    const at = Math.ceil(this.#free / ALIGNMENT) * ALIGNMENT;
    if (at + bytes + SLACK > this.#bytes.length) throw new RangeError('the kernel has no more memory');
    this.#free = at + bytes + SLACK;
    return at;
  }

  /** A set of columns in the kernel's memory. */
  columns(rows: number): BarColumns {
    return new BarColumns(rows, true, {
      buffer: this.#bytes.buffer as ArrayBuffer,
      offset: this.#take(BarColumns.bytes(rows)),
      owner: this,
    });
  }

  /** A buffer in the kernel's memory. */
  buffer(bytes: number): Uint8Array {
    return this.#bytes.subarray(this.#take(bytes)).subarray(0, bytes);
  }

  /** Whether an array lies in this kernel's memory. */
  owns(array: Uint8Array | Float64Array): boolean {
    return array.buffer === this.#bytes.buffer;
  }

  /** The columns next to be scanned into or encoded from. */
  #use(columns: BarColumns): void {
    if (columns === this.#columns) return;
    this.#columns = columns;
    this.#fields = null;
    const at = this.#exports.COLUMNS.value / 4;
    columns.raw.forEach((column, i) => {
      this.#words[at + i] = column.byteOffset;
    });
  }

  #useFields(fields: KernelFields, columns: BarColumns): void {
    this.#use(columns);
    if (fields === this.#fields) return;
    this.#fields = fields;
    const at = this.#exports.FIELDS.value / 4;
    fields.codes.forEach((code, i) => {
      this.#words[at + 2 * i] = code;
      this.#words[at + 2 * i + 1] = code === 0 ? columns.raw[fields.columns[i]!]!.byteOffset : 0;
    });
    this.#doubles.set(fields.rules, this.#exports.RULES.value / 8);
  }

  /** Forgets the bytes it was given last: they may have changed. */
  forget(): void {
    this.#staged = null;
  }

  /**
   * Appends the records of `bytes[start … newline]` to `out` as long as they are of the most common kind, of `symbol`,
   * and in ascending order behind the stamp `before` (-Infinity: there is none; NaN: in any order). Returns where it
   * stopped; {@link appended} rows were added, `out.length` is left as it is. `base` is the byte offset of `bytes[0]`,
   * `line` the line of the record at `start`. `next`: ordinals of the symbols that may follow in their order, of which
   * there were {@link met} then ({@link metStart}, {@link metRow}); -1: none may.
   */
  scan(
    fields: KernelFields,
    symbol: KernelSymbol,
    bytes: Uint8Array,
    start: number,
    newline: number,
    out: BarColumns,
    before: number,
    next: number,
    line: number,
    base: number,
  ): number {
    this.#useFields(fields, out);
    this.#bytes.set(symbol.bytes, this.#exports.SYMBOL.value);
    this.#exports.useSymbol(symbol.length);
    this.#doubles[this.#exports.RULES.value / 8 + 7] = before;
    this.appended = 0;
    this.met = 0;
    // Nothing staged is nothing drained: whoever asks again at the same place would ask for ever.
    this.isDrained = false;
    if (
      (bytes !== this.#staged || start < this.#from || start >= this.#to) &&
      !this.#stage(bytes, start, newline)
    )
      return start;
    const stopped = this.#exports.scan(
      start - this.#from,
      this.#to - this.#from,
      fields.codes.length,
      fields.delimiter,
      fields.unit,
      out.length,
      out.capacity,
      symbol.ordinal,
      next,
      line,
      base + this.#from,
      fields.maxRecordBytes,
      fields.hasTrades ? 1 : 0,
    );
    this.appended = this.#exports.appended.value;
    this.met = this.#exports.met.value;
    this.isDrained = this.#from + stopped === this.#to;
    return this.#from + stopped;
  }

  /** Where in the bytes just scanned the i-th symbol met begins. */
  metStart(i: number): number {
    return this.#from + this.#words[this.#exports.MET.value / 4 + 3 * i]!;
  }

  metLength(i: number): number {
    return this.#words[this.#exports.MET.value / 4 + 3 * i + 1]!;
  }

  /** The row it begins with. */
  metRow(i: number): number {
    return this.#words[this.#exports.MET.value / 4 + 3 * i + 2]!;
  }

  /**
   * Copies `count` signed 64-bit numbers, pairs of `words` from number `first` on, to a column of this kernel's memory
   * from `row` on, as doubles times `factor`; NaN for those beyond 2^53. With a `divisor` of 1000 divided by it before,
   * cut off towards 0.
   */
  wholes(
    words: Int32Array,
    first: number,
    count: number,
    column: Float64Array,
    row: number,
    divisor: 1 | 1000,
    factor: number,
  ): void {
    const at = column.byteOffset + 8 * row;
    this.#signed.set(words.subarray(2 * first, 2 * (first + count)), at / 4);
    this.#exports.wholes(at, count, divisor, factor);
  }

  /**
   * Where a run of rows of `out`, of this kernel's memory, from `row` (above 0) to `end` ends that keep the rules, follow
   * each other in time and are of the `ordinal`. Rows of the run get lines from `line` on. Up to two rows that would keep
   * them may be left to the caller.
   */
  goodRun(
    out: BarColumns,
    row: number,
    end: number,
    ordinal: number,
    rules: GoodRules,
    line: number,
  ): number {
    this.#use(out);
    const { hasVolume, mayLackVolume, hasTrades, mayLackTrades } = rules;
    const has = (hasVolume ? 1 : 0) | (mayLackVolume ? 2 : 0) | (hasTrades ? 4 : 0) | (mayLackTrades ? 8 : 0);
    const { fromUs, lastUs, intervalUs, floor } = rules;
    return this.#exports.goodRun(row, end, ordinal, has, fromUs, lastUs, intervalUs, floor, line);
  }

  /** Copies whole records into INPUT; false when not even one fits. */
  #stage(bytes: Uint8Array, start: number, newline: number): boolean {
    let end = newline + 1;
    if (end - start > this.#input.length) {
      end = bytes.lastIndexOf(LF, start + this.#input.length - 1) + 1;
      if (end <= start) return false;
    }
    this.#input.set(bytes.subarray(start, end));
    this.#staged = bytes;
    this.#from = start;
    this.#to = end;
    return true;
  }

  /**
   * Encodes rows [from, to) of `bars` for COPY into `out`, both of this kernel's memory, from `pos` on; returns the
   * position behind the last. `seriesIds` maps `bars.symbol` to series_id. `wanted`: the indicators that are not NULL.
   */
  encode(
    bars: Bars,
    seriesIds: Int32Array | null,
    wanted: readonly boolean[] | null,
    from: number,
    to: number,
    out: Uint8Array,
    pos: number,
  ): number {
    if (bars !== this.#bars || wanted !== this.#wanted) this.#useBars(bars, wanted);
    const { symbol } = bars;
    const series = this.#series;
    let p = out.byteOffset + pos;
    for (let row = from; row < to; ) {
      const end = Math.min(to, row + series.length);
      if (seriesIds === null) series.set(symbol.subarray(row, end));
      else for (let i = row; i < end; i++) series[i - row] = seriesIds[symbol[i]!]!;
      p = this.#exports.encode(row, end, DOUBLES + bars.indicators.length, p);
      row = end;
    }
    return p - out.byteOffset;
  }

  /** The state of the series that {@link indicate} goes on with, of `length` doubles; the caller's to fill and to read. */
  state(length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#bytes.buffer as ArrayBuffer, this.#exports.STATE.value, length);
  }

  /** {@link state} is that of another series now. */
  restore(): void {
    this.#exports.restore();
  }

  /** Sees that {@link state} is whole: the closes and returns in it are written when they are asked for. */
  settle(): void {
    this.#exports.settle();
  }

  /**
   * Computes the indicators of rows [from, to) of `bars`, of this kernel's memory, and moves the state on, all but its
   * last stamp. Returns `to`, or the first row that is a bar and whose stamp is not below `until`.
   */
  indicate(bars: Bars, from: number, to: number, until: number): number {
    if (bars !== this.#indicated) {
      this.#indicated = bars;
      const { ts, high, low, close, volume, indicators } = bars;
      const at = this.#exports.BARS.value / 4;
      [ts, high, low, close, volume, ...indicators].forEach((column, i) => {
        this.#words[at + i] = column.byteOffset;
      });
    }
    return this.#exports.indicate(from, to, until);
  }

  #useBars(bars: Bars, wanted: readonly boolean[] | null): void {
    this.#bars = bars;
    this.#wanted = wanted;
    const { ts, trades, open, high, low, close, volume, indicators } = bars;
    const at = this.#exports.SOURCES.value / 4;
    [ts, trades, open, high, low, close, volume].forEach((column, i) => {
      this.#words[at + i] = column.byteOffset;
    });
    indicators.forEach((column, k) => {
      this.#words[at + 2 + DOUBLES + k] = wanted?.[k] === false ? 0 : column.byteOffset;
    });
  }
}
