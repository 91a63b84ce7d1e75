/**
 * Fills Kraken's gaps from its trades, however far back: they are walked page by page and made into bars by the code that
 * reads files of trades. What is whole is committed every so many pages, a task each time, so that a walk that was
 * interrupted goes on where it was.
 */

import type { Pool } from 'pg';
import { BarColumns, type IndicatorName } from '../bars/columns.ts';
import { holds, merge, type Range } from '../base/ranges.ts';
import { Zone } from '../base/zone.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import { faultOf } from '../faults/classify.ts';
import type { Fault } from '../faults/fault.ts';
import { SymbolTable } from '../scan/symbol_table.ts';
import { TradeBars } from '../scan/trade_bars.ts';
import { Buckets } from '../scan/trade_buckets.ts';
import { ApiWriter } from './api_fill.ts';
import type { GapFiller } from './fill.ts';
import type { Gap } from './gap_store.ts';
import type { Candle } from './kraken_api.ts';
import { type KrakenTrades, PAGE_TRADES, type TradePage } from './kraken_trades.ts';
import { underOwnName } from './own_name.ts';

/** Pages between two commits: a minute of walking, and at most so many bars a series in memory. */
const COMMIT_PAGES = 60;
/** Days of standing bars on either side by whose trades a walk is estimated. */
const HABIT_US = 30 * 86_400_000_000;

/** A walk that is due: a pair's ranges that are missing, for one interval or several at once. */
export interface TradesWalk {
  readonly pair: string;
  readonly gaps: readonly Gap[];
  readonly ranges: readonly Range[];
  /** Requests it takes, by how many trades the bars around it were made of; null where those do not tell. */
  readonly pages: number | null;
  readonly seconds: number | null;
}

/** How far a walk is. */
export interface WalkProgress {
  readonly walk: TradesWalk;
  /** Trades up to here have been told, µs. */
  readonly atUs: number;
  readonly pages: number;
  readonly trades: number;
  /** Bars that are new. */
  readonly loaded: number;
}

export interface TradesFillOptions {
  readonly api: KrakenTrades;
  readonly indicators: readonly IndicatorName[];
  /** Before the first request. */
  readonly onPlan: (walks: readonly TradesWalk[]) => void;
  readonly onProgress: (progress: WalkProgress) => void;
  readonly onEnd: (progress: WalkProgress, fault: Fault | null) => void;
}

/** Fills Kraken's gaps from its trades: the attempt for `fillGaps`. Gaps of other venues are left alone. */
export function fromKrakenTrades(options: TradesFillOptions): GapFiller {
  return async (db, gaps) => {
    const { api, indicators } = options;
    const walks = await planWalks(db, gaps, api.paceMs);
    options.onPlan(walks);
    const failures = new Map<number, Fault>();
    const writer = new ApiWriter(db, indicators, 'kraken-trades-api');
    let sources = 0;
    for (const walk of walks) {
      const work = new Walk(walk, writer, options.onProgress);
      try {
        for (const range of walk.ranges) await work.go(api, range);
        options.onEnd(work.progress, null);
      } catch (error) {
        const fault = faultOf(error);
        if (fault.kind === 'interrupted' || fault.kind === 'database-connect') throw error;
        for (const gap of walk.gaps) failures.set(gap.gapId, fault);
        options.onEnd(work.progress, fault);
      } finally {
        sources += work.progress.pages;
      }
    }
    return { sources, failures, load: null };
  };
}

/** The walks that fill these gaps, a pair each, with how long they take at a request every `paceMs`. */
export async function planWalks(
  db: Pool,
  gaps: readonly Gap[],
  paceMs: number,
): Promise<readonly TradesWalk[]> {
  const walks: TradesWalk[] = [];
  const wanted = await underOwnName(
    db,
    gaps.filter((gap) => gap.venue === 'kraken' && gap.fromUs < gap.toUs),
  );
  for (const [pair, some] of Map.groupBy(wanted, (gap) => gap.symbol)) {
    const ranges = merge(some);
    const seconds = ranges.reduce((sum, { fromUs, toUs }) => sum + (toUs - fromUs) / 1e6, 0);
    const rate = await tradesASecond(db, some, ranges);
    // Of each range the last page reaches beyond it.
    const pages = rate === null ? null : Math.ceil((rate * seconds) / PAGE_TRADES) + ranges.length;
    walks.push({ pair, gaps: some, ranges, pages, seconds: pages === null ? null : (pages * paceMs) / 1000 });
  }
  return walks;
}

/** By the bars of the shortest interval around what is missing; null where they do not say how many trades they are of. */
async function tradesASecond(
  db: Pool,
  gaps: readonly Gap[],
  ranges: readonly Range[],
): Promise<number | null> {
  const { seriesId, intervalS } = gaps.reduce((a, b) => (b.intervalS < a.intervalS ? b : a));
  const [fromUs, toUs] = [ranges[0]!.fromUs, ranges.at(-1)!.toUs];
  const { rows } = await db.query<{ trades: number | null; firstUs: number; lastUs: number }>(
    `SELECT sum(trades)::float8 AS trades, ${usOf('min(ts)')} AS "firstUs", ${usOf('max(ts)')} AS "lastUs"
     FROM backhaul.bars
     WHERE series_id = $1 AND (ts >= ${stampOf('$2::float8')} AND ts < ${stampOf('$3::float8')}
       OR ts >= ${stampOf('$4::float8')} AND ts < ${stampOf('$5::float8')})
     GROUP BY ts < ${stampOf('$3::float8')}`,
    [seriesId, fromUs - HABIT_US, fromUs, toUs, toUs + HABIT_US],
  );
  const told = rows.filter((row) => row.trades !== null);
  const trades = told.reduce((sum, row) => sum + row.trades!, 0);
  const seconds = told.reduce((sum, { firstUs, lastUs }) => sum + (lastUs - firstUs) / 1e6 + intervalS, 0);
  return trades === 0 ? null : trades / seconds;
}

/** One interval of the pair that is walked. */
interface Making {
  readonly gaps: readonly Gap[];
  readonly wanted: readonly Range[];
  readonly buckets: Buckets;
  bars: TradeBars;
  /** Whole bars that are not written yet. */
  whole: Candle[];
  /** What is written, or was not asked for, ends here. */
  writtenUs: number;
}

class Walk {
  readonly #walk: TradesWalk;
  readonly #writer: ApiWriter;
  readonly #onProgress: (progress: WalkProgress) => void;
  readonly #series: Making[];
  readonly #out = new BarColumns(2 * PAGE_TRADES, false);
  #atUs = 0;
  #pages = 0;
  #trades = 0;
  #loaded = 0;
  /** Since the last commit. */
  #bytes = 0;

  constructor(walk: TradesWalk, writer: ApiWriter, onProgress: (progress: WalkProgress) => void) {
    this.#walk = walk;
    this.#writer = writer;
    this.#onProgress = onProgress;
    this.#series = [...Map.groupBy(walk.gaps, (gap) => gap.seriesId).values()].map((gaps) => ({
      gaps,
      wanted: merge(gaps),
      buckets: bucketsOf(gaps[0]!.intervalS),
      bars: this.#newBars(gaps[0]!.intervalS),
      whole: [],
      writtenUs: 0,
    }));
  }

  get progress(): WalkProgress {
    return {
      walk: this.#walk,
      atUs: this.#atUs,
      pages: this.#pages,
      trades: this.#trades,
      loaded: this.#loaded,
    };
  }

  /** Walks one range. What is whole is kept, whatever ends it. */
  async go(api: KrakenTrades, range: Range): Promise<void> {
    for (const one of this.#series) {
      one.bars = this.#newBars(one.gaps[0]!.intervalS);
      one.writtenUs = range.fromUs;
      one.whole = [];
    }
    let latest: TradePage | null = null;
    let unwritten = 0;
    try {
      for await (const page of api.pages(this.#walk.pair, range.fromUs, range.toUs)) {
        latest = page;
        this.#pages++;
        this.#trades += page.trades.length;
        this.#bytes += page.sizeBytes;
        this.#atUs = page.toldUs;
        for (const one of this.#series) this.#take(one, page);
        this.#onProgress(this.progress);
        if (++unwritten < COMMIT_PAGES && !page.isLast) continue;
        unwritten = 0;
        await this.#write(page);
      }
    } finally {
      // The API has ended it, or the user: what was walked is not walked again.
      if (latest !== null && unwritten > 0) await this.#write(latest);
    }
  }

  #newBars(intervalS: number): TradeBars {
    return new TradeBars(bucketsOf(intervalS), 'time', new SymbolTable(this.#walk.pair, null));
  }

  #take(one: Making, { trades, isLast }: TradePage): void {
    for (let next = 0; next < trades.length; ) {
      next = one.bars.add(trades, next, this.#out);
      this.#keep(one);
    }
    if (!isLast) return;
    one.bars.finish(this.#out);
    this.#keep(one);
  }

  /** Of the bars that are over, those that are wanted. */
  #keep(one: Making): void {
    const { ts, open, high, low, close, volume, trades } = this.#out;
    for (let row = 0; row < this.#out.length; row++) {
      if (!holds(one.wanted, ts[row]!)) continue;
      one.whole.push({
        tsUs: ts[row]!,
        open: open[row]!,
        high: high[row]!,
        low: low[row]!,
        close: close[row]!,
        volume: volume[row]!,
        trades: trades[row]!,
      });
    }
    this.#out.length = 0;
  }

  /** Commits, series by series, the bars all of whose trades have been told. */
  async #write({ uri, toldUs }: TradePage): Promise<void> {
    for (const one of this.#series) {
      one.buckets.find(toldUs);
      const wholeUs = one.buckets.start;
      const told = { fromUs: one.writtenUs, toUs: wholeUs };
      if (told.fromUs >= told.toUs) continue;
      const candles = one.whole.filter(({ tsUs }) => tsUs < wholeUs);
      this.#loaded += await this.#writer.write(one.gaps, { uri, sizeBytes: this.#bytes, candles, told });
      one.whole = one.whole.filter(({ tsUs }) => tsUs >= wholeUs);
      one.writtenUs = wholeUs;
    }
    this.#bytes = 0;
    this.#onProgress(this.progress);
  }
}

function bucketsOf(intervalS: number): Buckets {
  return new Buckets('epoch', intervalS * 1e6, new Zone('UTC'));
}
