/** What a check found. Plain data; times are µs since 1970. */

import type { Series } from '../series/series.ts';

export const CHECKS = ['fresh', 'ohlc', 'grid', 'jumps', 'volume', 'stamps', 'intervals', 'rows'] as const;
export type Check = (typeof CHECKS)[number];

export const CHECK_TEXTS: Readonly<Record<Check, string>> = {
  fresh: 'the last bar is not older than --stale-hours',
  ohlc: 'prices are finite and above 0 (below too where their layout says so), high and low enclose open and close, volume is not negative',
  grid: 'bars open where their interval and their files say',
  jumps: 'no split, slip, turned sign or move beyond --jump-deviations',
  volume: 'no volume stands out by more than --volume-deviations',
  stamps: 'no two bars of a series bear the same stamp',
  intervals: 'bars of longer intervals agree with the shorter ones in them',
  rows: 'there are as many bars as the files brought',
};

/** One place that a check does not like. */
export interface Example {
  readonly atUs: number;
  readonly text: string;
}

/** All that one check has against one series, or one venue's files of many series. */
export interface Finding {
  readonly check: Check;
  /** What kind of it, where a check tells several apart. */
  readonly kind: string | null;
  readonly venue: string;
  /** Null: all symbols of the venue. */
  readonly symbol: string | null;
  readonly intervalS: number;
  readonly count: number;
  readonly text: string;
  /** The worst first; not all. */
  readonly examples: readonly Example[];
}

/** Examples a finding keeps; of splits, which are few and each of which matters, all that anybody has seen. */
export const EXAMPLES_KEPT = 5;
export const SPLITS_KEPT = 40;

export function findingOf(
  check: Check,
  { venue, symbol, intervalS }: Series,
  count: number,
  text: string,
  examples: readonly Example[] = [],
  kind: string | null = null,
): Finding {
  return { check, kind, venue, symbol, intervalS, count, text, examples };
}
