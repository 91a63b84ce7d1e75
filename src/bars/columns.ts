/**
 * The columns of a batch: plain typed arrays the scanner fills, the indicators extend and the encoder reads.
 * One allocation per worker, reused for every batch of every task.
 */

/** The default indicators, in the order of their columns in `bars` and in a batch. */
export const INDICATOR_NAMES = [
  'sma_20',
  'sma_50',
  'ema_20',
  'ema_50',
  'ema_100',
  'ema_200',
  'rsi_14',
  'macd',
  'macd_signal',
  'macd_hist',
  'bb_upper',
  'bb_lower',
  'vwap',
  'atr_14',
  'log_return',
  'volatility_20',
] as const;

export type IndicatorName = (typeof INDICATOR_NAMES)[number];

/** Bars as columns, to be read: row `i` of every array belongs to the same bar. */
export interface Bars {
  readonly symbol: Int32Array;
  readonly ts: Float64Array;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
  readonly trades: Float64Array;
  readonly indicators: readonly Float64Array[];
}

/** Memory for the columns of a set: {@link BarColumns.bytes} from `offset` on. */
export interface ColumnMemory {
  readonly buffer: ArrayBuffer;
  /** A multiple of 8. */
  readonly offset: number;
  /** Whose memory it is. */
  readonly owner: object;
}

/**
 * Bytes between two columns. Columns that begin at multiples of a page apart would all lie in the same few lines of a
 * cache, and the loops that go along all 26 of them would wait for memory: a tenth of the time of the encoder.
 */
const GAP = 320;

/** Columns of a set beside `symbol` and the indicators. */
const DOUBLES = 9;

/** Up to `capacity` bars as columns. Row `i` of every array belongs to the same bar; rows `0 … length-1` are in use. */
export class BarColumns {
  readonly capacity: number;
  length = 0;
  /** Ordinal of the symbol in the file's symbol table (0, 1, … in order of first appearance). */
  readonly symbol: Int32Array;
  /** The bar's open, µs since 1970-01-01 UTC. */
  readonly ts: Float64Array;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
  /** Number of trades, an integer; NaN where the layout has none. */
  readonly trades: Float64Array;
  /** Line of the record in the inflated file, from 1. */
  readonly line: Float64Array;
  /** Byte offset of the record's first byte in the inflated file. */
  readonly offset: Float64Array;
  /** One array an indicator, in the order of {@link INDICATOR_NAMES}; NaN means "not yet". */
  readonly indicators: readonly Float64Array[];
  /** Further columns that a layout keeps, as text by row; null is NULL. Empty for files without any. */
  readonly extras: (string | null)[][] = [];
  /** Every column but the indicators, in the order above. */
  readonly raw: readonly (Float64Array | Int32Array)[];
  /** Whose memory the columns lie in; null: their own. */
  readonly owner: object | null;

  /** Bytes a set takes. */
  static bytes(capacity: number, withIndicators = true): number {
    const columns = 1 + DOUBLES + (withIndicators ? INDICATOR_NAMES.length : 0);
    return columns * (8 * Math.ceil(capacity) + GAP);
  }

  /** `withIndicators: false` leaves `indicators` empty: for bars that are only collected. */
  constructor(capacity: number, withIndicators = true, memory: ColumnMemory | null = null) {
    this.capacity = capacity;
    this.owner = memory?.owner ?? null;
    const buffer = memory?.buffer ?? new ArrayBuffer(BarColumns.bytes(capacity, withIndicators));
    let at = memory?.offset ?? 0;
    const place = (): number => {
      const here = at;
      at += 8 * capacity + GAP;
      return here;
    };
    const column = (): Float64Array => new Float64Array(buffer, place(), capacity);
    this.symbol = new Int32Array(buffer, place(), capacity);
    this.ts = column();
    this.open = column();
    this.high = column();
    this.low = column();
    this.close = column();
    this.volume = column();
    this.trades = column();
    this.line = column();
    this.offset = column();
    this.indicators = withIndicators ? INDICATOR_NAMES.map(column) : [];
    const { symbol, ts, open, high, low, close, volume, trades, line, offset } = this;
    this.raw = [symbol, ts, open, high, low, close, volume, trades, line, offset];
  }

  /** Appends rows `[start, end)` of another set; the caller has checked the room. */
  append(other: BarColumns, start: number, end: number): void {
    this.raw.forEach((column, i) => {
      column.set(other.raw[i]!.subarray(start, end), this.length);
    });
    this.length += end - start;
  }
}
