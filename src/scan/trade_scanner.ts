/** Trades to bars: a scanner of trades with bars made of what it reads. */

import { BarColumns } from '../bars/columns.ts';
import { Zone } from '../base/zone.ts';
import type { Reading } from './record_scanner.ts';
import { Scanner } from './scanner.ts';
import type { RecordShape, Reject, ScanChecks } from './shape.ts';
import type { FileFacts, Need } from './stamp_reader.ts';
import type { SymbolTable } from './symbol_table.ts';
import { TradeBars } from './trade_bars.ts';
import { Buckets } from './trade_buckets.ts';

/** What reads a file. */
export type FileScanner = Scanner | TradeScanner;

/** Trades read ahead of the bars they become. */
const TRADES = 4_096;

/** What became of the records of a file of trades: `recordsRead = used + rejected + empty`. */
export interface TradeCounts {
  /** Trades that are in a bar. */
  readonly used: number;
  /** Bars made of them. */
  readonly made: number;
}

/** Bytes of a file of trades in, columns of bars out: a {@link Scanner}, to whoever drives it, with trades for records. */
export class TradeScanner {
  readonly #scanner: Scanner;
  readonly #bars: TradeBars;
  readonly #trades = new BarColumns(TRADES, false);
  /** The next of the trades read that is in no bar yet. */
  #next = 0;

  /** `checks` are those of its bars: their grid, and the range in which bars are wanted. */
  constructor(
    shape: RecordShape,
    checks: ScanChecks,
    symbols: SymbolTable,
    order: 'time' | 'symbol-time' | 'any',
    reading: Reading | undefined,
  ) {
    const { grid, intervalUs, wantFromUs, wantToUs } = checks;
    const buckets = new Buckets(grid, intervalUs, new Zone(grid === 'zone-day' ? checks.zone : 'UTC'));
    const ofTrades: ScanChecks = {
      ...checks,
      grid: 'none',
      wantFromUs: buckets.ceil(wantFromUs),
      wantToUs: buckets.ceil(wantToUs),
    };
    this.#scanner = new Scanner(shape, ofTrades, symbols, 'any', reading);
    this.#bars = new TradeBars(buckets, order, symbols);
  }

  get counters(): Scanner['counters'] {
    return this.#scanner.counters;
  }

  get trades(): TradeCounts {
    const { used, made } = this.#bars;
    return { used, made };
  }

  get unordered(): boolean {
    return this.#bars.unordered;
  }

  get need(): Need | null {
    return this.#scanner.need;
  }

  get facts(): FileFacts {
    return this.#scanner.facts;
  }

  get hasSettled(): boolean {
    return this.#scanner.hasSettled;
  }

  get badStamp(): string | null {
    return this.#scanner.badStamp;
  }

  /** Trades are on no grid. */
  readonly offGridUs = null;

  get stampForm(): string | null {
    return this.#scanner.stampForm;
  }

  get hasStopped(): boolean {
    return this.unordered || this.#scanner.hasStopped;
  }

  takeRejects(): Reject[] {
    return this.#scanner.takeRejects();
  }

  /** {@link Scanner.push}; bytes may be consumed whose trades wait for room. */
  push(bytes: Uint8Array, start: number, end: number, out: BarColumns): number {
    let p = start;
    while (this.#fold(out) && p < end && !this.hasStopped)
      p += this.#scanner.push(bytes, p, end, this.#trades);
    return p - start;
  }

  /** {@link Scanner.finish}. */
  finish(out: BarColumns): boolean {
    for (;;) {
      if (!this.#fold(out)) return this.hasStopped;
      const isDone = this.#scanner.finish(this.#trades);
      if (this.hasStopped) return true;
      if (isDone && this.#trades.length === 0) return this.#bars.finish(out);
    }
  }

  /** Makes bars of the trades read. False where `out` is full, or they are unordered. */
  #fold(out: BarColumns): boolean {
    this.#next = this.#bars.add(this.#trades, this.#next, out);
    if (this.#next < this.#trades.length) return false;
    this.#next = 0;
    this.#trades.length = 0;
    return true;
  }
}
