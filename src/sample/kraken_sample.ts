/** A quarter of Kraken-style bars: headerless files `<PAIR>_<minutes>.csv` in one zip, with its manifest. */

import { decimalText, type Spelling } from './decimals.ts';
import { Random } from './random.ts';
import { type Character, nextBar, type SampleBar } from './walk.ts';

/** Minutes a bar lasts, one file each. */
export const KRAKEN_INTERVALS = [1, 5, 15, 60, 240, 1440] as const;

/** A pair, how it trades and how its files spell numbers. */
export interface Pair extends Character {
  readonly name: string;
  /** Price of the first bar, in ticks of 10^-priceDecimals. */
  readonly start: number;
  readonly priceDecimals: number;
  readonly volumeDecimals: number;
  readonly spelling: Spelling;
  /** Share of minutes in which anybody trades: the others have no bar. */
  readonly busy: number;
}

/** Pairs from the busiest to one that hardly trades; altnames, as Kraken's files have them. */
export const PAIRS: readonly Pair[] = [
  pair('XBTUSD', 696_500, 1, 8, 'repr', 0.98, 0.0006, 12_000_000, 24),
  pair('ETHUSD', 350_512, 2, 8, 'repr', 0.92, 0.0007, 160_000_000, 18),
  pair('SOLUSD', 19_421, 2, 8, 'trimmed', 0.75, 0.0009, 1_900_000_000, 12),
  pair('XRPUSD', 61_482, 5, 8, 'fixed', 0.6, 0.0007, 60_000_000_000, 6),
  pair('XDGUSD', 1_998_430, 7, 8, 'repr', 0.5, 0.0009, 250_000_000_000, 6),
  pair('PEPEUSD', 118_800, 10, 0, 'repr', 0.4, 0.0012, 9_000_000, 5),
  pair('FLRUSD', 3842, 5, 8, 'trimmed', 0.1, 0.0011, 400_000_000_000, 2),
];

function pair(
  name: string,
  start: number,
  priceDecimals: number,
  volumeDecimals: number,
  spelling: Spelling,
  busy: number,
  volatility: number,
  tradeVolume: number,
  tradesPerBar: number,
): Pair {
  return {
    name,
    start,
    priceDecimals,
    volumeDecimals,
    spelling,
    busy,
    volatility,
    tradeVolume,
    tradesPerBar,
  };
}

/** A stretch of days, `[fromS, toS)` in seconds since 1970, on UTC midnights. */
export interface Stretch {
  readonly fromS: number;
  readonly toS: number;
}

/** Records are handed over in pieces of about this many characters. */
const PIECE = 128 * 1024;

/** The minutes of a pair in which somebody traded, oldest first, as columns: some 6 MB for a quarter. */
export interface Minutes {
  readonly length: number;
  readonly openS: Float64Array;
  /** open, high, low, close, volume and trades of each minute, one after the other. */
  readonly bars: Float64Array;
}

const BAR_FIELDS = 6;

/** Walks a pair through a stretch. */
export function walkMinutes(pair: Pair, stretch: Stretch): Minutes {
  const capacity = (stretch.toS - stretch.fromS) / 60;
  const openS = new Float64Array(capacity);
  const bars = new Float64Array(capacity * BAR_FIELDS);
  const random = new Random('kraken', pair.name);
  const bar: SampleBar = { open: 0, high: 0, low: 0, close: pair.start, volume: 0, trades: 0 };
  const [day, night] = [pair.busy ** 0.5, pair.busy ** 1.4];
  let length = 0;
  for (let s = stretch.fromS; s < stretch.toS; s += 60) {
    // Europe and America awake: more happens from 12:00 to 21:00 UTC.
    const hour = Math.floor((s % 86_400) / 3600);
    if (random.next() >= (hour >= 12 && hour < 21 ? day : night)) continue;
    nextBar(random, bar.close, pair, bar);
    openS[length] = s;
    bars.set([bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades], length * BAR_FIELDS);
    length++;
  }
  return { length, openS, bars };
}

/**
 * The text of one file in pieces. Every interval is summed up from the same minutes, so that the files of a pair agree
 * with each other.
 */
export function* krakenFile(
  pair: Pair,
  minutes: Minutes,
  intervalMinutes: number,
  count: (records: number) => void,
): Generator<string> {
  const step = intervalMinutes * 60;
  let piece = '';
  let records = 0;
  for (let i = 0; i < minutes.length; ) {
    const startS = minutes.openS[i]! - (minutes.openS[i]! % step);
    const bar = barAt(minutes, i++);
    while (i < minutes.length && minutes.openS[i]! < startS + step) extend(bar, barAt(minutes, i++));
    piece += recordText(pair, startS, bar);
    records++;
    if (piece.length >= PIECE) {
      yield piece;
      piece = '';
    }
  }
  count(records);
  if (piece !== '') yield piece;
}

function barAt({ bars }: Minutes, i: number): SampleBar {
  const at = i * BAR_FIELDS;
  return {
    open: bars[at]!,
    high: bars[at + 1]!,
    low: bars[at + 2]!,
    close: bars[at + 3]!,
    volume: bars[at + 4]!,
    trades: bars[at + 5]!,
  };
}

function extend(bar: SampleBar, minute: SampleBar): void {
  if (minute.high > bar.high) bar.high = minute.high;
  if (minute.low < bar.low) bar.low = minute.low;
  bar.close = minute.close;
  bar.volume += minute.volume;
  bar.trades += minute.trades;
}

function recordText(pair: Pair, openS: number, bar: SampleBar): string {
  const price = (ticks: number): string => decimalText(ticks, pair.priceDecimals, pair.spelling);
  // Volumes have their own way: never an exponent, and whole ones without a point.
  const volume = decimalText(bar.volume, pair.volumeDecimals, 'trimmed');
  return `${openS},${price(bar.open)},${price(bar.high)},${price(bar.low)},${price(bar.close)},${volume},${bar.trades}\n`;
}
