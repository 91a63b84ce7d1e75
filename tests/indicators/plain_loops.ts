/**
 * The default indicators as loops over the whole history of a series: the oracle of the kernel, to the bit. Nothing is
 * carried from bar to bar but what an average needs; every window is summed anew from its values.
 */
import { type BarColumns, INDICATOR_NAMES, type IndicatorName } from '../../src/bars/columns.ts';
import { NO_SPLITS, type Splits, STATE_LENGTH, STATE_VERSION } from '../../src/indicators/engine.ts';
import { logReturn } from '../../src/indicators/returns.ts';
import type { SessionClock } from '../../src/indicators/session_clock.ts';

/** Beyond this a number is no price and no volume. */
const LIMIT = 1e150;

interface Moments {
  readonly mean: number;
  /** Of the squared distances from the mean. */
  readonly sum: number;
}

/** Mean and sum of `values`: those of two parts, merged. 20 are 10 and 10, 10 are 5 and 5, 5 are 4 and 1. */
function moments(values: readonly number[]): Moments {
  const n = values.length;
  if (n === 1) return { mean: values[0]!, sum: 0 };
  const first = n === 5 ? 4 : n / 2;
  return merged(moments(values.slice(0, first)), first, moments(values.slice(first)), n - first);
}

function merged(a: Moments, countA: number, b: Moments, countB: number): Moments {
  const apart = b.mean - a.mean;
  const n = countA + countB;
  return {
    mean: a.mean + apart * (countB / n),
    sum: a.sum + b.sum + apart * apart * ((countA * countB) / n),
  };
}

/** The k-th value's weight (k from 1) in an exponential average of n: the plain mean's as long as there are no more. */
function weight(k: number, n: number, steady = 2 / (n + 1)): number {
  return k <= n ? 1 / k : steady;
}

export class PlainLoops {
  readonly #clock: SessionClock;
  readonly #closes: number[] = [];
  readonly #returns: number[] = [];
  readonly #emas = new Map([20, 50, 100, 200, 12, 26].map((n) => [n, 0]));
  #signal = 0;
  #gain = 0;
  #loss = 0;
  #range = 0;
  #session = Number.NEGATIVE_INFINITY;
  #turnover = 0;
  #volume = 0;
  #lastTs = Number.NEGATIVE_INFINITY;

  readonly #splits: Splits;

  constructor(clock: SessionClock, splits: Splits = NO_SPLITS) {
    this.#clock = clock;
    this.#splits = splits;
  }

  run(cols: BarColumns, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      // A volume of NaN is none.
      const volume = Number.isNaN(cols.volume[i]!) ? 0 : cols.volume[i]!;
      this.#splits.fromUs.forEach((us, k) => {
        if (us > this.#lastTs && us <= cols.ts[i]!) this.#pass(this.#splits.ratios[k]!);
      });
      const bar = [cols.high[i]!, cols.low[i]!, cols.close[i]!, volume] as const;
      const values = bar.every((x) => Math.abs(x) <= LIMIT) ? this.#next(cols.ts[i]!, ...bar) : null;
      for (const [k, name] of INDICATOR_NAMES.entries())
        cols.indicators[k]![i] = values?.[name] ?? Number.NaN;
      this.#lastTs = cols.ts[i]!;
    }
  }

  #next(
    ts: number,
    high: number,
    low: number,
    close: number,
    volume: number,
  ): Partial<Record<IndicatorName, number>> {
    this.#enter(this.#clock.session(ts));
    const before = this.#closes.at(-1);
    this.#closes.push(close);
    const k = this.#closes.length;
    const ema = (n: number): number => {
      const last = this.#emas.get(n)!;
      const now = last + (close - last) * weight(k, n);
      this.#emas.set(n, now);
      return now;
    };
    const from = (bars: number, value: number): number => (k >= bars ? value : Number.NaN);
    const averages = { e20: ema(20), e50: ema(50), e100: ema(100), e200: ema(200) };
    const macd = ema(12) - ema(26);
    if (k >= 26) this.#signal += (macd - this.#signal) * weight(k - 25, 9);
    if (before !== undefined) {
      this.#wilder(k - 1, high, low, close, before);
      this.#returns.push(logReturn(close, before));
    }
    const closes = this.#closes;
    const last20 = k < 20 ? { mean: Number.NaN, sum: Number.NaN } : moments(closes.slice(-20));
    const width = 2 * Math.sqrt(last20.sum / 20);
    return {
      sma_20: last20.mean,
      sma_50: k < 50 ? Number.NaN : meanOf50(closes.slice(-50)),
      ema_20: from(20, averages.e20),
      ema_50: from(50, averages.e50),
      ema_100: from(100, averages.e100),
      ema_200: from(200, averages.e200),
      rsi_14: from(15, this.#loss > 0 ? (100 * this.#gain) / (this.#gain + this.#loss) : 100),
      macd: from(26, macd),
      macd_signal: from(34, this.#signal),
      macd_hist: from(34, macd - this.#signal),
      bb_upper: last20.mean + width,
      bb_lower: last20.mean - width,
      vwap: this.#vwap(high, low, close, volume),
      atr_14: from(15, this.#range),
      log_return: this.#returns.at(-1) ?? Number.NaN,
      volatility_20: k < 21 ? Number.NaN : Math.sqrt(moments(this.#returns.slice(-20)).sum / 19),
    };
  }

  #wilder(k: number, high: number, low: number, close: number, before: number): void {
    const w = weight(k, 14, 1 / 14);
    const change = close - before;
    const size = Math.abs(change);
    this.#gain += ((size + change) * 0.5 - this.#gain) * w;
    this.#loss += ((size - change) * 0.5 - this.#loss) * w;
    const range = Math.max(high - low, Math.abs(high - before), Math.abs(low - before));
    this.#range += (range - this.#range) * w;
  }

  #enter(session: number): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#turnover = 0;
    this.#volume = 0;
  }

  /** A split: all that was, in the scale that begins. */
  #pass(ratio: number): void {
    const closes = this.#closes;
    for (let i = 0; i < closes.length; i++) closes[i]! /= ratio;
    for (let i = 0; i < this.#returns.length; i++) this.#returns[i] = logReturn(closes[i + 1]!, closes[i]!);
    for (const [n, average] of this.#emas) this.#emas.set(n, average / ratio);
    this.#signal /= ratio;
    this.#gain /= ratio;
    this.#loss /= ratio;
    this.#range /= ratio;
  }

  #vwap(high: number, low: number, close: number, volume: number): number {
    this.#turnover += ((high + low + close) / 3) * volume;
    this.#volume += volume;
    const vwap = this.#turnover / this.#volume;
    return Math.abs(vwap) <= Number.MAX_VALUE ? vwap : Number.NaN;
  }

  /** What a state is to hold after the bars so far. */
  state(): Float64Array {
    const count = this.#closes.length;
    const newest = (values: readonly number[], n: number): number[] => [
      ...Array<number>(Math.max(0, n - values.length)).fill(0),
      ...values.slice(-n),
    ];
    const emas = [...this.#emas.values()];
    const state = Float64Array.of(
      STATE_VERSION,
      Math.min(count, 256),
      this.#lastTs,
      this.#closes.at(-1) ?? 0,
      ...emas,
      this.#signal,
      this.#gain,
      this.#loss,
      this.#range,
      this.#session,
      this.#turnover,
      this.#volume,
      ...newest(this.#closes, 50),
      ...newest(this.#returns, 20),
    );
    if (state.length !== STATE_LENGTH) throw new RangeError(`a state of ${state.length} doubles`);
    return state;
  }
}

/** Of the newest 40, as two halves, and the 10 before. */
function meanOf50(closes: readonly number[]): number {
  const newer = merged(moments(closes.slice(10, 30)), 20, moments(closes.slice(30)), 20);
  return merged(newer, 40, moments(closes.slice(0, 10)), 10).mean;
}
