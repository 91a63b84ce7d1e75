/** Which published files hold a range of a series, by name (the layouts are told in FORMATS). Pure. */

import { intersect, merge, type Range, subtract } from '../base/ranges.ts';
import { archiveSpelling, CURRENCIES } from '../base/spellings.ts';
import { newYorkZone, Zone } from '../base/zone.ts';
import { calendarOf } from '../calendar/market_calendar.ts';
import { sessionHours } from '../calendar/us_exchange_days.ts';
import type { FormerName } from '../series/former_names.ts';
import type { SeriesName } from '../state/series/series_name.ts';

const DAY_MS = 86_400_000;
const DAY_US = DAY_MS * 1000;

/** A file as its publisher names it, with the entry where it is a zip of many. */
export interface PublishedFile {
  readonly name: string;
  readonly entry: string | null;
  /** It comes out after this instant, when the period it is named after is over. µs. */
  readonly periodEndUs: number;
}

/** `Kraken_OHLCVT_2024Q2.zip › XBTUSD_60.csv`. */
export function publishedName({ name, entry }: PublishedFile): string {
  return entry === null ? name : `${name} › ${entry}`;
}

/**
 * The files of a series that hold `[fromUs, toUs)`, oldest first; none for a venue whose names are not known. Lazily:
 * ten years of day files are many, and often only the first is wanted. `former`: names that they bear in earlier times.
 */
export function* publishedFiles(
  series: SeriesName,
  range: Range,
  nowUs: number,
  former: readonly FormerName[] = [],
): Iterable<PublishedFile> {
  for (const part of byName(series.symbol, range, former))
    yield* filesOf({ ...series, symbol: part.symbol }, part, nowUs);
}

/** A range in parts of one name each, in the order of time. */
function byName(
  symbol: string,
  range: Range,
  former: readonly FormerName[],
): (Range & { readonly symbol: string })[] {
  const before = former.flatMap((name) =>
    intersect([range], [name]).map((part) => ({ ...part, symbol: name.symbol })),
  );
  const own = subtract([range], merge(before)).map((part) => ({ ...part, symbol }));
  return [...before, ...own].toSorted((a, b) => a.fromUs - b.fromUs);
}

function filesOf(series: SeriesName, range: Range, nowUs: number): Iterable<PublishedFile> {
  if (series.venue === 'kraken') return krakenFiles(series, range);
  if (series.venue.startsWith('binance')) return binanceFiles(series, range, nowUs);
  if (MASSIVE_VENUES.has(series.venue)) return massiveFiles(series, range);
  return [];
}

/** How many there are, with the first and the last of them. */
export interface FileSpan {
  readonly first: PublishedFile | null;
  readonly last: PublishedFile | null;
  readonly count: number;
}

export function fileSpan(files: Iterable<PublishedFile>): FileSpan {
  let first: PublishedFile | null = null;
  let last: PublishedFile | null = null;
  let count = 0;
  for (const file of files) {
    first ??= file;
    last = file;
    count++;
  }
  return { first, last, count };
}

const utc = new Zone('UTC');

const two = (number: number): string => String(number).padStart(2, '0');

function* krakenFiles({ symbol, intervalS }: SeriesName, range: Range): Iterable<PublishedFile> {
  // The archive's own spelling, whatever name the series stands under.
  const pair = archiveSpelling(symbol, CURRENCIES);
  const start = new Date(range.fromUs / 1000);
  let year = start.getUTCFullYear();
  let quarter = Math.floor(start.getUTCMonth() / 3);
  while (Date.UTC(year, 3 * quarter, 1) * 1000 < range.toUs) {
    yield {
      name: `Kraken_OHLCVT_${year}Q${quarter + 1}.zip`,
      entry: `${pair}_${intervalS / 60}.csv`,
      periodEndUs: Date.UTC(year, 3 * quarter + 3, 1) * 1000,
    };
    quarter = (quarter + 1) % 4;
    if (quarter === 0) year++;
  }
}

const BINANCE_MARKETS: Readonly<Record<string, readonly [string, string]>> = {
  binance: ['spot', 'klines'],
  'binance-option': ['option', 'klines'],
  'binance-um': ['futures/um', 'klines'],
  'binance-cm': ['futures/cm', 'klines'],
  'binance-um-mark': ['futures/um', 'markPriceKlines'],
  'binance-cm-mark': ['futures/cm', 'markPriceKlines'],
  'binance-um-index': ['futures/um', 'indexPriceKlines'],
  'binance-cm-index': ['futures/cm', 'indexPriceKlines'],
  'binance-um-premium': ['futures/um', 'premiumIndexKlines'],
  'binance-cm-premium': ['futures/cm', 'premiumIndexKlines'],
};

function binanceInterval(seconds: number): string {
  if (seconds === 2_592_000) return '1mo';
  for (const [unit, suffix] of [
    [604_800, 'w'],
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
  ] as const) {
    if (seconds % unit === 0) return `${seconds / unit}${suffix}`;
  }
  return `${seconds}s`;
}

/** A zip a month; of the month that is not over, a zip a day. */
function* binanceFiles(
  { venue, symbol, intervalS }: SeriesName,
  range: Range,
  nowUs: number,
): Iterable<PublishedFile> {
  const market = BINANCE_MARKETS[venue];
  if (market === undefined) return;
  const interval = binanceInterval(intervalS);
  const file = (period: 'monthly' | 'daily', date: string, endMs: number): PublishedFile => ({
    name: `data/${market[0]}/${period}/${market[1]}/${symbol}/${interval}/${symbol}-${interval}-${date}.zip`,
    entry: null,
    periodEndUs: endMs * 1000,
  });
  const start = new Date(range.fromUs / 1000);
  for (let at = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), 1); at * 1000 < range.toUs; ) {
    const date = new Date(at);
    const end = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    const month = date.toISOString().slice(0, 7);
    if (end * 1000 <= nowUs) {
      yield file('monthly', month, end);
    } else {
      const first = Math.max(at, Math.floor(range.fromUs / DAY_US) * DAY_MS);
      for (let day = first; day < end && day * 1000 < range.toUs; day += DAY_MS) {
        yield file('daily', new Date(day).toISOString().slice(0, 10), day + DAY_MS);
      }
    }
    at = end;
  }
}

const MASSIVE_VENUES: ReadonlySet<string> = new Set([
  'us_stocks_sip',
  'us_options_opra',
  'us_indices',
  'global_crypto',
  'global_forex',
]);

/** A file a day on which its market was open; the name's day is New York's for US exchanges, else UTC's. */
function* massiveFiles({ venue, intervalS }: SeriesName, range: Range): Iterable<PublishedFile> {
  const kind = intervalS === 86_400 ? 'day' : intervalS === 60 ? 'minute' : null;
  if (kind === null) return;
  const calendar = calendarOf(venue);
  const zone = calendar.name === 'us-equities' ? newYorkZone() : utc;
  const dayOf = (us: number): number => Math.floor((us + zone.offsetUs(us)) / DAY_US);
  const last = dayOf(range.toUs - 1);
  for (let day = dayOf(range.fromUs); day <= last; day++) {
    if (calendar.name === 'us-equities' && sessionHours(day) === null) continue;
    // No currency trades on a Saturday.
    if (calendar.name === 'forex' && new Date(day * DAY_MS).getUTCDay() === 6) continue;
    const date = new Date(day * DAY_MS);
    const year = date.getUTCFullYear();
    const month = two(date.getUTCMonth() + 1);
    yield {
      name: `${venue}/${kind}_aggs_v1/${year}/${month}/${year}-${month}-${two(date.getUTCDate())}.csv.gz`,
      entry: null,
      periodEndUs: (day + 1) * DAY_US,
    };
  }
}
