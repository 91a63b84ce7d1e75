/**
 * Trades in, bars out: a stage between the scanner and the indicators. A bar opens with the first trade of its stretch
 * of time and closes with the last; trades of one instant count in the order of the file. A stretch without trades has no
 * bar. Memory: one open bar a symbol.
 *
 * Volumes are summed as the exchange sums them, in decimals: see {@link volumeOf}. So a bar does not depend on how its
 * trades were cut into pieces.
 *
 * Both are {@link BarColumns}. Of a trade, `ts` is its instant, `open` its price and `trades` how many trades it stands
 * for. Of a bar, `line` and `offset` hold the instants of its first and last trade, µs, by which two parts of one bar are
 * put together: {@link joinBars}.
 */

import type { BarColumns } from '../bars/columns.ts';
import type { SymbolTable } from './symbol_table.ts';
import type { Buckets } from './trade_buckets.ts';

/** Doubles an open bar takes. */
const WIDTH = 15;
const START = 0;
const END = 1;
const FIRST = 2;
const LAST = 3;
/** The first and the last price at the first instant, and at the last: a file that is newest first has them in turn. */
const OPEN = 4;
const OPEN_LATER = 5;
const HIGH = 6;
const LOW = 7;
const CLOSE = 8;
const CLOSE_EARLIER = 9;
/** The volume as the sum of two doubles, which is exact where one is not; 1 where a trade's has more than 8 places. */
const VOLUME = 10;
const VOLUME_REST = 11;
const FINE = 12;
const TRADES = 13;
/** Steps forward in time less steps back. */
const STEPS = 14;

/** Exchanges count in units of this many places. */
const UNITS = 1e8;
/** Above, a volume has no 8 places in a double that can be told from each other. */
const MOST_IN_UNITS = 4.5e7;

/** The double nearest to the decimal that `sum` nearly is, where it is a sum of decimals of at most 8 places. */
function volumeOf(sum: number, isFine: boolean): number {
  return isFine || sum >= MOST_IN_UNITS ? sum : Math.round(sum * UNITS) / UNITS;
}

function hasMorePlaces(volume: number): boolean {
  return volume >= MOST_IN_UNITS || Math.round(volume * UNITS) / UNITS !== volume;
}

export class TradeBars {
  /** Set where a trade is of a bar before the one that is open, or symbols are not in the order they were said to be in. */
  unordered = false;
  /** Trades that are in a bar, by records. */
  used = 0;
  /** Bars that were begun; with `any`, a bar may be begun more than once. */
  made = 0;
  readonly #buckets: Buckets;
  readonly #order: 'time' | 'symbol-time' | 'any';
  readonly #symbols: SymbolTable;
  /** Open bars by symbol, `WIDTH` doubles each; NaN first: none. */
  #open = new Float64Array(16 * WIDTH).fill(Number.NaN);
  /** The symbol of the last trade. */
  #current = -1;
  /** Symbols whose last bars were written by {@link finish}. */
  #finished = 0;

  /**
   * `order`: `time`: one series, oldest first; `symbol-time`: by symbol, then time; `any`: anything else, where a bar may
   * come out in parts that are for a sort to join.
   */
  constructor(buckets: Buckets, order: 'time' | 'symbol-time' | 'any', symbols: SymbolTable) {
    this.#buckets = buckets;
    this.#order = order;
    this.#symbols = symbols;
  }

  /**
   * Adds trades `[from, trades.length)`. Bars that are over are appended to `out`. Returns the first trade that was not
   * taken: `out` is full, or the trades are {@link unordered}.
   */
  add(trades: BarColumns, from: number, out: BarColumns): number {
    const { symbol, ts, open: price, volume, trades: counts } = trades;
    for (let row = from; row < trades.length; row++) {
      if (out.length >= out.capacity) return row;
      const slot = symbol[row]!;
      const us = ts[row]!;
      if (slot !== this.#current && !this.#turnTo(slot, out)) return row;
      const at = slot * WIDTH;
      const bar = this.#open;
      if (!(us >= bar[at + START]! && us < bar[at + END]!)) {
        if (!Number.isNaN(bar[at]!)) {
          if (us < bar[at + START]! && this.#order !== 'any') {
            this.unordered = true;
            return row;
          }
          bar[at + STEPS]! += Math.sign(us - bar[at + START]!);
          this.#write(slot, out);
        }
        this.#begin(at, us, price[row]!);
      }
      this.#take(at, us, price[row]!, volume[row]!, counts[row]!);
      this.used++;
    }
    return trades.length;
  }

  /** No more trades come: appends the bars that are open. False where `out` is full: take its rows and call again. */
  finish(out: BarColumns): boolean {
    for (; this.#finished * WIDTH < this.#open.length; this.#finished++) {
      if (Number.isNaN(this.#open[this.#finished * WIDTH]!)) continue;
      if (out.length >= out.capacity) return false;
      this.#write(this.#finished, out);
    }
    return true;
  }

  /** Another symbol's turn. Where symbols come one after the other, the last bar of the one before is over. */
  #turnTo(slot: number, out: BarColumns): boolean {
    const before = this.#current;
    if (this.#order === 'symbol-time' && before >= 0) {
      if (this.#symbols.compare(slot, before) <= 0) {
        this.unordered = true;
        return false;
      }
      this.#write(before, out);
      if (out.length >= out.capacity) {
        // The trade is taken when there is room for its own bar.
        this.#current = -1;
        return false;
      }
    }
    if ((slot + 1) * WIDTH > this.#open.length) {
      const larger = new Float64Array(2 * (slot + 1) * WIDTH).fill(Number.NaN);
      larger.set(this.#open);
      this.#open = larger;
    }
    this.#current = slot;
    return true;
  }

  #begin(at: number, us: number, price: number): void {
    const bar = this.#open;
    const buckets = this.#buckets;
    buckets.find(us);
    bar[at + START] = buckets.start;
    bar[at + END] = buckets.end;
    bar[at + FIRST] = us;
    bar[at + LAST] = us;
    bar[at + OPEN] = price;
    bar[at + HIGH] = price;
    bar[at + LOW] = price;
    bar[at + CLOSE_EARLIER] = price;
    bar[at + VOLUME] = 0;
    bar[at + VOLUME_REST] = 0;
    bar[at + FINE] = 0;
    bar[at + TRADES] = 0;
    if (Number.isNaN(bar[at + STEPS]!)) bar[at + STEPS] = 0;
    this.made++;
  }

  #take(at: number, us: number, price: number, volume: number, count: number): void {
    const bar = this.#open;
    if (us <= bar[at + FIRST]!) {
      if (us < bar[at + FIRST]!) {
        bar[at + FIRST] = us;
        bar[at + OPEN] = price;
        bar[at + STEPS]!--;
      }
      bar[at + OPEN_LATER] = price;
    }
    if (us >= bar[at + LAST]!) {
      if (us > bar[at + LAST]!) {
        bar[at + LAST] = us;
        bar[at + CLOSE_EARLIER] = price;
        bar[at + STEPS]!++;
      }
      bar[at + CLOSE] = price;
    }
    if (price > bar[at + HIGH]!) bar[at + HIGH] = price;
    if (price < bar[at + LOW]!) bar[at + LOW] = price;
    // Of two doubles the sum, and what it lacks (Knuth's TwoSum).
    const before = bar[at + VOLUME]!;
    const sum = before + volume;
    const part = sum - before;
    bar[at + VOLUME] = sum;
    bar[at + VOLUME_REST]! += before - (sum - part) + (volume - part);
    if (hasMorePlaces(volume)) bar[at + FINE] = 1;
    bar[at + TRADES]! += count;
  }

  #write(slot: number, out: BarColumns): void {
    const at = slot * WIDTH;
    const bar = this.#open;
    const row = out.length++;
    const isBackwards = bar[at + STEPS]! < 0;
    out.symbol[row] = slot;
    out.ts[row] = bar[at + START]!;
    out.open[row] = bar[at + (isBackwards ? OPEN_LATER : OPEN)]!;
    out.high[row] = bar[at + HIGH]!;
    out.low[row] = bar[at + LOW]!;
    out.close[row] = bar[at + (isBackwards ? CLOSE_EARLIER : CLOSE)]!;
    out.volume[row] = volumeOf(bar[at + VOLUME]! + bar[at + VOLUME_REST]!, bar[at + FINE] === 1);
    out.trades[row] = bar[at + TRADES]!;
    out.line[row] = bar[at + FIRST]!;
    out.offset[row] = bar[at + LAST]!;
    bar[at] = Number.NaN;
  }
}

/** Puts part `b` of a bar to part `a`, which then is both. Of trades of one instant those of `a` came first. */
export function joinBars(bars: BarColumns, a: number, other: BarColumns, b: number): void {
  const { open, high, low, close, volume, trades, line: first, offset: last } = bars;
  if (other.line[b]! < first[a]!) {
    open[a] = other.open[b]!;
    first[a] = other.line[b]!;
  }
  if (other.offset[b]! >= last[a]!) {
    close[a] = other.close[b]!;
    last[a] = other.offset[b]!;
  }
  high[a] = Math.max(high[a]!, other.high[b]!);
  low[a] = Math.min(low[a]!, other.low[b]!);
  const [one, two] = [volume[a]!, other.volume[b]!];
  volume[a] = volumeOf(one + two, hasMorePlaces(one) || hasMorePlaces(two));
  trades[a] = trades[a]! + other.trades[b]!;
}
