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

  /** `withIndicators: false` leaves `indicators` empty: for bars that are only collected. */
  constructor(capacity: number, withIndicators = true) {
    this.capacity = capacity;
    this.symbol = new Int32Array(capacity);
    const column = (): Float64Array => new Float64Array(capacity);
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
  }

  /** Every column but the indicators. */
  get #raw(): readonly (Float64Array | Int32Array)[] {
    const { symbol, ts, open, high, low, close, volume, trades, line, offset } = this;
    return [symbol, ts, open, high, low, close, volume, trades, line, offset];
  }

  /** Appends rows `[start, end)` of another set; the caller has checked the room. */
  append(other: BarColumns, start: number, end: number): void {
    const theirs = other.#raw;
    this.#raw.forEach((column, i) => {
      column.set(theirs[i]!.subarray(start, end), this.length);
    });
    this.length += end - start;
  }
}
