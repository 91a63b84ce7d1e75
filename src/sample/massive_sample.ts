/** Days of Massive-style minute aggregates: all tickers of a day in one gzipped file, by ticker, then time. */

import { decimalText } from './decimals.ts';
import { Random } from './random.ts';
import { type Character, nextBar, type SampleBar } from './walk.ts';

/** `close` stands before `high` and `low`: so it is in the real files. */
export const MASSIVE_HEADER = 'ticker,volume,open,close,high,low,window_start,transactions\n';

/** Names that have broken readers of CSV: words that look like nothing or like a truth value, dots, lower case. */
const ODD_TICKERS = ['BRK.A', 'BRK.B', 'NA', 'NAN', 'TRUE', 'ABRpD', 'BACpK', 'BF.B'];
const WELL_KNOWN = ['AAPL', 'AMD', 'AMZN', 'GOOG', 'META', 'MSFT', 'NVDA', 'QQQ', 'SPY', 'TSLA'];

/** Prices are in 1/10,000 of a dollar. */
const PRICE_DECIMALS = 4;

/** A ticker and how it trades. */
export interface Ticker extends Character {
  readonly name: string;
  /** Price of the first bar in 1/10,000 of a dollar. */
  readonly start: number;
  /** Share of the minutes of the regular session that have a bar. */
  readonly busy: number;
  /** Ticks prices are rounded to: a cent, or 1/10,000 below a dollar. */
  readonly tick: number;
}

/** `count` tickers in the order of their bytes. Another `seed` makes others. */
export function makeTickers(count: number, seed?: string): Ticker[] {
  const random = new Random('massive', 'tickers', ...words(seed));
  const names = new Set([...ODD_TICKERS, ...WELL_KNOWN].slice(0, count));
  while (names.size < count) {
    let name = '';
    for (let length = 2 + random.whole(3); length > 0; length--)
      name += String.fromCharCode(65 + random.whole(26));
    names.add(name);
  }
  return [...names].sort().map((name) => makeTicker(name, seed));
}

function words(seed: string | undefined): string[] {
  return seed === undefined ? [] : [seed];
}

function makeTicker(name: string, seed: string | undefined): Ticker {
  const random = new Random('massive', 'ticker', name, ...words(seed));
  const start = Math.round(200_000 * random.heavy() * (0.5 + random.next())) + 2000;
  const known = WELL_KNOWN.includes(name);
  const busy = known ? 0.99 : random.next() ** 2 * 0.85 + 0.01;
  return {
    name,
    start: known ? 1_000_000 + random.whole(4_000_000) : start,
    busy,
    tick: start < 10_000 ? 1 : 100,
    volatility: 0.0004 + random.next() * 0.0016,
    tradeVolume: 20 + random.whole(180),
    tradesPerBar: 2 + Math.floor(busy * 60),
  };
}

/** Where the walks of the tickers stand; carried from one day to the next. */
export type Standing = Map<string, { readonly random: Random; price: number }>;

/** The walks before the first day. */
export function startWalks(tickers: readonly Ticker[], seed?: string): Standing {
  return new Map(
    tickers.map(({ name, start, tick }) => [
      name,
      {
        random: new Random('massive', 'walk', name, ...words(seed)),
        price: Math.max(1, Math.round(start / tick)),
      },
    ]),
  );
}

const PIECE = 128 * 1024;

/**
 * The text of one day's file in pieces; moves `standing` on. `midnightS`: New York's midnight in seconds since 1970.
 * Minutes run from 04:00 to 20:00 there, most of them from 09:30 to 16:00.
 */
export function* massiveFile(
  tickers: readonly Ticker[],
  standing: Standing,
  midnightS: number,
  count: (records: number) => void,
): Generator<string> {
  const bar: SampleBar = { open: 0, high: 0, low: 0, close: 0, volume: 0, trades: 0 };
  let piece = MASSIVE_HEADER;
  let records = 0;
  for (const ticker of tickers) {
    const walk = standing.get(ticker.name)!;
    for (let minute = 4 * 60; minute < 20 * 60; minute++) {
      const regular = minute >= 9 * 60 + 30 && minute < 16 * 60;
      if (walk.random.next() >= (regular ? ticker.busy : ticker.busy * 0.06)) continue;
      nextBar(walk.random, walk.price, ticker, bar);
      walk.price = bar.close;
      piece += recordText(ticker, midnightS + minute * 60, bar, walk.random);
      records++;
    }
    if (piece.length >= PIECE) {
      yield piece;
      piece = '';
    }
  }
  count(records);
  if (piece !== '') yield piece;
}

function recordText(ticker: Ticker, openS: number, bar: SampleBar, random: Random): string {
  const price = (ticks: number): string => decimalText(ticks * ticker.tick, PRICE_DECIMALS, 'trimmed');
  // Shares are bought in parts as well: one bar in eight has a fraction.
  const fraction = random.whole(8) === 0 ? `.${String(1 + random.whole(9999)).padStart(4, '0')}` : '';
  const { open, close, high, low, volume, trades } = bar;
  const prices = `${price(open)},${price(close)},${price(high)},${price(low)}`;
  // Nanoseconds: past what a double holds, so the zeros are text.
  return `${ticker.name},${volume}${fraction},${prices},${openS}000000000,${trades}\n`;
}
