/** Bars for the indicator tests. */
import { BarColumns, INDICATOR_NAMES, type IndicatorName } from '../../src/bars/columns.ts';
import { SessionClock } from '../../src/indicators/session_clock.ts';

export const MINUTE_US = 60_000_000;

/** Sessions of a market that never closes: one without end. */
export function oneSession(): SessionClock {
  const clock = SessionClock.utcDay();
  clock.from = Number.NEGATIVE_INFINITY;
  clock.to = Number.POSITIVE_INFINITY;
  return clock;
}

/** The same numbers in [0, 1) for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A minute bar around each close, from 2024-01-01 UTC on. */
export function barsOf(closes: readonly number[], random: () => number = randomOf(1)): BarColumns {
  const cols = new BarColumns(Math.max(1, closes.length));
  let before = closes[0] ?? 0;
  for (const [i, close] of closes.entries()) {
    cols.ts[i] = 1_704_067_200_000_000 + i * MINUTE_US;
    cols.open[i] = before;
    cols.close[i] = close;
    cols.high[i] = Math.max(before, close) * (1 + random() / 500);
    cols.low[i] = Math.min(before, close) * (1 - random() / 500);
    cols.volume[i] = random() * 1000;
    cols.trades[i] = Math.floor(random() * 100);
    before = close;
  }
  cols.length = closes.length;
  return cols;
}

export function indicator(cols: BarColumns, name: IndicatorName): Float64Array {
  return cols.indicators[INDICATOR_NAMES.indexOf(name)]!;
}

/** First place where two columns differ in a bit (NaN is NaN), -1 if nowhere. */
export function firstDifference(a: Float64Array, b: Float64Array, rows: number): number {
  for (let i = 0; i < rows; i++) if (!Object.is(a[i], b[i])) return i;
  return -1;
}
