/** What the first records of a file say of its interval: how far apart their stamps are. */

import { Zone } from '../../base/zone.ts';
import type { RecordShape } from '../../scan/shape.ts';
import { fitHead, type Head, HeadStamps, headShape, recordsOf } from './head.ts';

/** Records looked at. A head of 64 KiB holds about as many. */
const RECORDS = 2_000;
const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;

/** Intervals that files come in, seconds, below a day. */
const INTRADAY = [
  1, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 28_800,
  43_200,
];
const DAY_S = 86_400;
const WEEK_S = 604_800;
const MONTH_S = 2_592_000;

/** Equal spacings without which nothing is beyond doubt, and spacings that overrule a word for a shorter interval. */
const LEAST_EQUAL = 3;
const MANY = 16;
/** Share of the spacings that must be multiples of the interval: a stray record is no reason to doubt. */
const NEARLY_ALL = 0.9;

export interface Spacing {
  /** The interval, s, where it is beyond doubt. */
  readonly intervalS: number | null;
  /** Spacings that were seen. */
  readonly count: number;
  /** The least distance between two bars of a series, µs; null where no series has two. */
  readonly leastUs: number | null;
  /** The stamps, µs. */
  readonly stamps: readonly number[];
}

/** Of the head of a file. `zone`: whose midnights days start at. */
export function spacingOf(head: Head, shape: RecordShape, symbolIsFixed: boolean, zone: string): Spacing {
  const { roles } = fitHead(head, shape, symbolIsFixed);
  if (roles === null) return { intervalS: null, count: 0, leastUs: null, stamps: [] };
  const symbolAt = roles.roles.indexOf('symbol');
  const bySymbol = new Map<string, number[]>();
  const read = new HeadStamps(headShape(head, shape, symbolIsFixed), roles);
  for (const record of recordsOf(head, shape, RECORDS)) {
    const stamp = read.stampOf(record);
    if (!Number.isSafeInteger(stamp)) continue;
    const symbol = symbolAt < 0 ? '' : (record[symbolAt] ?? '');
    const known = bySymbol.get(symbol);
    if (known === undefined) bySymbol.set(symbol, [stamp]);
    else known.push(stamp);
  }
  const series = [...bySymbol.values()];
  const stamps = series.flat();
  const local = new Zone(zone);
  const gaps = series.flatMap(gapsOf);
  const leastUs = gaps.length === 0 ? null : gaps.reduce((least, gap) => Math.min(least, gap));
  return { intervalS: decided(series, gaps, leastUs, local), count: gaps.length, leastUs, stamps };
}

/** Distances between neighbours, whichever way the file runs; equal stamps have none. */
function gapsOf(stamps: readonly number[]): number[] {
  return stamps.flatMap((stamp, i) => {
    const gap = i === 0 ? 0 : Math.abs(stamp - stamps[i - 1]!);
    return gap === 0 ? [] : [gap];
  });
}

function decided(
  series: readonly (readonly number[])[],
  gaps: readonly number[],
  leastUs: number | null,
  zone: Zone,
): number | null {
  if (leastUs === null) return isDayOfMany(series, zone) ? DAY_S : null;
  if (leastUs < DAY_US - HOUR_US) {
    const seconds = agreed(gaps.map((gap) => gap / 1e6));
    return seconds !== null && INTRADAY.includes(seconds) ? seconds : null;
  }
  // Clocks change: by the zone's own days a day is a day.
  const days = series.flatMap((stamps) =>
    gapsOf(stamps.map((stamp) => Math.round((stamp + zone.offsetUs(stamp)) / DAY_US))),
  );
  const isMonths = days.length >= LEAST_EQUAL && days.every((day) => day >= 28 && day <= 31);
  if (isMonths) return MONTH_S;
  const apart = agreed(days);
  if (apart === 7) return WEEK_S;
  return apart === 1 || apart === 3 ? apart * DAY_S : null;
}

/** The distance that stands most often, where nearly all are multiples of it and half are it. */
function agreed(gaps: readonly number[]): number | null {
  const counts = new Map<number, number>();
  for (const gap of gaps) counts.set(gap, (counts.get(gap) ?? 0) + 1);
  const [most, equal] = [...counts].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
  const multiples = gaps.filter((gap) => gap % most === 0).length;
  if (multiples < NEARLY_ALL * gaps.length) return null;
  const isPlain = equal >= LEAST_EQUAL && 2 * equal >= gaps.length;
  return isPlain || gaps.length >= MANY ? most : null;
}

/** A file of many symbols with one bar each, all of them at the same midnight. */
function isDayOfMany(series: readonly (readonly number[])[], zone: Zone): boolean {
  const first = series[0]?.[0];
  if (first === undefined || series.length < LEAST_EQUAL) return false;
  return zone.startsDay(first) && series.every((stamps) => stamps.every((stamp) => stamp === first));
}

/** Whether bars of `intervalS` cannot lie like this: two are closer, or most are off its `grid`. */
export function contradicts(
  { leastUs, stamps }: Spacing,
  intervalS: number,
  grid: 'none' | 'epoch' | 'week' | 'month' | 'zone-day',
  zone: string,
): boolean {
  const shortestS = intervalS >= MONTH_S ? 28 * DAY_S : intervalS;
  const slackUs = intervalS >= DAY_S ? HOUR_US : 0;
  if (leastUs !== null && leastUs < shortestS * 1e6 - slackUs) return true;
  const local = new Zone(zone);
  const onGrid = (stamp: number): boolean => {
    if (grid === 'epoch') return stamp % (intervalS * 1e6) === 0;
    return grid === 'zone-day' ? local.startsDay(stamp) : true;
  };
  return stamps.length > 0 && 2 * stamps.filter(onGrid).length < stamps.length;
}

/**
 * Whether the records overrule a word for `intervalS`: they are closer, or further apart and many, for a thin market has
 * few bars of a short interval; or they are one a symbol, all at midnight.
 */
export function overrules({ intervalS: found, count }: Spacing, intervalS: number): boolean {
  return found !== null && (found < intervalS || (found > intervalS && (count >= MANY || count === 0)));
}
