/** Longer bars, plainly: every bucket of UTC by itself, from all of its bars. */

import type { Bar } from '../e2e/market.ts';

/** Seconds since 1970 of the bucket a bar is in; weeks from Monday. */
function bucketOf(time: number, intervalS: number): number {
  const phase = intervalS === 604_800 ? 4 * 86_400 : 0;
  return Math.floor((time - phase) / intervalS) * intervalS + phase;
}

/** The bars whose buckets are over when the last shorter one is. */
export function plainRollup(bars: readonly Bar[], intervalS: number, shorterS: number): unknown[] {
  const end = bars.at(-1)!.time + shorterS;
  return [...Map.groupBy(bars, (bar) => bucketOf(bar.time, intervalS))]
    .filter(([time]) => time + intervalS <= end)
    .map(([time, some]) => ({
      time,
      open: some[0]!.open,
      high: Math.max(...some.map((bar) => bar.high)),
      low: Math.min(...some.map((bar) => bar.low)),
      close: some.at(-1)!.close,
      volume: some.reduce((sum, bar) => sum + bar.volume, 0),
      trades: some.reduce((sum, bar) => sum + bar.trades, 0),
    }));
}
