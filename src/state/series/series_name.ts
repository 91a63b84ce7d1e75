/** What tells a series from all others, and the lanes its files are in. */

import { interval as intervalText } from '../../base/quantities.ts';

export interface SeriesName {
  readonly venue: string;
  readonly symbol: string;
  readonly intervalS: number;
}

/** `kraken/XBTUSD/3600`: the lane of the files that hold this series alone. */
export function laneOf({ venue, symbol, intervalS }: SeriesName): string {
  return `${venue}/${symbol}/${intervalS}`;
}

/** The lane of files that hold all symbols of the venue. */
export function sharedLaneOf({ venue, intervalS }: Omit<SeriesName, 'symbol'>): string {
  return `${venue}/*/${intervalS}`;
}

/** `kraken XBTUSD 1h`. */
export function seriesText({ venue, symbol, intervalS }: SeriesName): string {
  return `${venue} ${symbol} ${intervalText(intervalS)}`;
}
