/**
 * The default indicators the plain way, as their definitions read: each window summed from scratch at each bar, no state.
 * Shares nothing with the engine.
 */
import type { BarColumns, IndicatorName } from '../bars/columns.ts';

type Series = readonly number[];

const mean = (x: Series): number => x.reduce((sum, v) => sum + v, 0) / x.length;

/** Root of the sum of squared distances from the mean over `divisor`. */
function deviation(x: Series, divisor: number): number {
  const centre = mean(x);
  return Math.sqrt(x.reduce((sum, v) => sum + (v - centre) ** 2, 0) / divisor);
}

/** f of the last n values at each place, NaN before there are n. */
function windowed(x: Series, n: number, f: (window: Series) => number): number[] {
  return x.map((_, i) => (i < n - 1 ? Number.NaN : f(x.slice(i - n + 1, i + 1))));
}

/** Mean of the first n defined values, then each new value by `weight`; NaN until then. */
function smoothed(x: Series, n: number, weight: number): number[] {
  const start = x.findIndex((v) => !Number.isNaN(v));
  const out: number[] = x.map(() => Number.NaN);
  if (start === -1 || start + n > x.length) return out;
  let average = mean(x.slice(start, start + n));
  out[start + n - 1] = average;
  for (let i = start + n; i < x.length; i++) {
    average = x[i]! * weight + average * (1 - weight);
    out[i] = average;
  }
  return out;
}

const ema = (x: Series, n: number): number[] => smoothed(x, n, 2 / (n + 1));
const wilder = (x: Series): number[] => smoothed(x, 14, 1 / 14);
const minus = (a: Series, b: Series): number[] => a.map((x, i) => x - b[i]!);

function vwaps(cols: BarColumns, rows: number, session: (ts: number) => unknown): number[] {
  let now: unknown;
  let turnover = 0;
  let volume = 0;
  return Array.from({ length: rows }, (_, i) => {
    const then = session(cols.ts[i]!);
    if (then !== now) turnover = volume = 0;
    now = then;
    turnover += ((cols.high[i]! + cols.low[i]! + cols.close[i]!) / 3) * cols.volume[i]!;
    volume += cols.volume[i]!;
    return volume === 0 ? Number.NaN : turnover / volume;
  });
}

/** All indicators of rows 0 … length-1. `session` names a stamp's session. */
export function plainIndicators(
  cols: BarColumns,
  session: (ts: number) => unknown,
): Record<IndicatorName, number[]> {
  const rows = cols.length;
  const close = Array.from(cols.close.subarray(0, rows));
  const before = (i: number): number => close[i - 1] ?? Number.NaN;
  const change = close.map((x, i) => x - before(i));
  const range = close.map((_, i) => {
    const high = cols.high[i]!;
    const low = cols.low[i]!;
    return Math.max(high - low, Math.abs(high - before(i)), Math.abs(low - before(i)));
  });
  const gain = wilder(change.map((d) => (Number.isNaN(d) ? d : Math.max(d, 0))));
  const loss = wilder(change.map((d) => (Number.isNaN(d) ? d : Math.max(-d, 0))));
  const macd = minus(ema(close, 12), ema(close, 26));
  const signal = ema(macd, 9);
  const sma20 = windowed(close, 20, mean);
  const deviation20 = windowed(close, 20, (w) => deviation(w, 20));
  const returns = close.map((x, i) => Math.log(x) - Math.log(before(i)));
  return {
    sma_20: sma20,
    sma_50: windowed(close, 50, mean),
    ema_20: ema(close, 20),
    ema_50: ema(close, 50),
    ema_100: ema(close, 100),
    ema_200: ema(close, 200),
    rsi_14: gain.map((g, i) => (loss[i] === 0 ? 100 : 100 - 100 / (1 + g / loss[i]!))),
    macd,
    macd_signal: signal,
    macd_hist: minus(macd, signal),
    bb_upper: sma20.map((m, i) => m + 2 * deviation20[i]!),
    bb_lower: sma20.map((m, i) => m - 2 * deviation20[i]!),
    vwap: vwaps(cols, rows, session),
    atr_14: wilder(range),
    log_return: returns,
    volatility_20: windowed(returns, 20, (w) => deviation(w, 19)),
  };
}
