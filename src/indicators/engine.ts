/**
 * The default indicators of a series, bar after bar: simple and exponential averages, MACD 12/26/9 (Appel), RSI and ATR
 * of 14 (Wilder 1978), bands of 20 bars and 2 population deviations (Bollinger), the session's volume-weighted price,
 * log returns and their sample deviation over 20. An average starts from the plain mean of its first window.
 */

import { type BarColumns, INDICATOR_NAMES, type IndicatorName } from '../bars/columns.ts';
import type { RowKernel } from '../bars/row_kernel.ts';
import { emas, macds } from './averages.ts';
import { logReturn } from './returns.ts';
import type { SessionClock } from './session_clock.ts';
import {
  CLOSE_RING,
  CLOSES,
  COUNT,
  checkVersion,
  clearState,
  LAST_CLOSE,
  LAST_TS,
  RETURN_RING,
  RETURNS,
  SESSION,
  STATE_LENGTH,
  TURNOVER,
  VERSION,
  VOLUME,
} from './state.ts';
import { wilders } from './wilder.ts';
import { MeanWindow, MomentWindow } from './windows.ts';

export { SessionClock } from './session_clock.ts';
export { decodeState, encodeState, STATE_LENGTH, STATE_VERSION } from './state.ts';

/**
 * Beyond this a number is no price and no volume: squares and products of two still fit a double, so nothing
 * computed from the rest overflows to Infinity and stays in an average for good.
 */
const LIMIT = 1e150;

/**
 * Bars a pass of one indicator runs ahead of the next one's: their inputs and outputs (21 columns) stay in the
 * second-level cache, and each pass is a small loop that lives in registers.
 */
const STRETCH = 512;

const column = (name: IndicatorName): number => INDICATOR_NAMES.indexOf(name);
const SMA_20 = column('sma_20');
const SMA_50 = column('sma_50');
const EMAS = column('ema_20');
const RSI_14 = column('rsi_14');
const MACD = column('macd');
const BB_UPPER = column('bb_upper');
const BB_LOWER = column('bb_lower');
const VWAP = column('vwap');
const ATR_14 = column('atr_14');
const LOG_RETURN = column('log_return');
const VOLATILITY_20 = column('volatility_20');

/**
 * Computes the 16 default indicators. Holds the state of one series at a time; {@link load} and {@link store} swap it.
 * Results depend on the bars alone, to the bit: not on how they were split over calls, batches, files or states, nor on
 * whether a kernel does the work.
 */
export class IndicatorEngine {
  readonly #clock: SessionClock;
  readonly #kernel: RowKernel | null;
  readonly #state: Float64Array;
  /** The kernel has its own. */
  readonly #windows: Windows | null;

  /** With a `kernel`, bars must lie in its memory, and it must serve no other engine until this one is done with. */
  constructor(session: SessionClock, kernel: RowKernel | null = null) {
    this.#clock = session;
    this.#kernel = kernel;
    this.#state = kernel === null ? new Float64Array(STATE_LENGTH) : kernel.state(STATE_LENGTH);
    this.#windows = kernel === null ? windowsOver(this.#state) : null;
    this.reset();
  }

  /** µs of the last bar seen, -Infinity if none. */
  get lastTs(): number {
    return this.#state[LAST_TS]!;
  }

  /** Starts a series without bars. */
  reset(): void {
    clearState(this.#state, 0);
    this.#restore();
  }

  /** Goes on from the state at state[at … at + STATE_LENGTH - 1]; zeros (or NaN first) are a series without bars. Throws `internal` for another version's. */
  load(state: Float64Array, at: number): void {
    const version = state[at + VERSION]!;
    if (version === 0 || Number.isNaN(version)) {
      this.reset();
      return;
    }
    checkVersion(version);
    for (let i = 0; i < STATE_LENGTH; i++) this.#state[i] = state[at + i]!;
    this.#restore();
  }

  /** Writes the state to state[at … at + STATE_LENGTH - 1]. */
  store(state: Float64Array, at: number): void {
    state.set(this.#state, at);
  }

  /** What is not stored follows from the last 50 closes and 20 returns. */
  #restore(): void {
    if (this.#kernel !== null) {
      this.#kernel.restore();
      return;
    }
    const count = this.#state[COUNT]!;
    const { last20, last50, returns } = this.#windows!;
    const { ring } = last20;
    for (let number = Math.max(0, count - 20); number < count; number++) {
      ring[number % 20] = this.#state[CLOSE_RING + (number % CLOSES)]!;
    }
    last20.restore(count);
    last50.restore(count);
    returns.restore(Math.max(0, count - 1));
  }

  /**
   * Computes rows [from, to) of `cols`, all of one series in ascending time, into `cols.indicators`.
   * A row whose high, low, close or volume is not finite (or beyond 1e150) is no bar: its indicators are NaN and those
   * of the others are as if it were not there. No result is infinite.
   */
  run(cols: BarColumns, from: number, to: number): void {
    if (this.#kernel === null) this.#walk(cols, from, to);
    else this.#runInKernel(this.#kernel, cols, from, to);
    if (to > from) this.#state[LAST_TS] = cols.ts[to - 1]!;
  }

  #runInKernel(kernel: RowKernel, cols: BarColumns, from: number, to: number): void {
    let until = Number.NEGATIVE_INFINITY;
    for (let i = from; i < to; ) {
      i = kernel.indicate(cols, i, to, until);
      if (i === to) return;
      this.#enter(this.#clock.session(cols.ts[i]!));
      until = this.#clock.to;
    }
  }

  /** The next bar is of this session. */
  #enter(session: number): void {
    const state = this.#state;
    if (session === state[SESSION]!) return;
    state[SESSION] = session;
    state[TURNOVER] = 0;
    state[VOLUME] = 0;
  }

  #walk(cols: BarColumns, from: number, to: number): void {
    let i = from;
    while (i < to) {
      const end = firstUnusable(cols, i, Math.min(to, i + STRETCH));
      if (end > i) this.#stretch(cols, i, end);
      else for (const out of cols.indicators) out[i] = Number.NaN;
      i = Math.max(end, i + 1);
    }
  }

  #stretch(cols: BarColumns, from: number, to: number): void {
    const { close, high, low } = cols;
    const out = cols.indicators;
    const state = this.#state;
    const count = state[COUNT]!;
    emas(state, count, close, from, to, out[EMAS]!, out[EMAS + 1]!, out[EMAS + 2]!, out[EMAS + 3]!);
    macds(state, count, close, from, to, out[MACD]!, out[MACD + 1]!, out[MACD + 2]!);
    wilders(state, count, high, low, close, from, to, out[RSI_14]!, out[ATR_14]!);
    this.#bands(count, close, from, to, out[SMA_20]!, out[BB_UPPER]!, out[BB_LOWER]!);
    this.#windows!.last50.run(close, from, to, out[SMA_50]!);
    blank(out[SMA_50]!, from, to, CLOSES - 1 - count);
    this.#volatility(count, close, from, to, out[LOG_RETURN]!, out[VOLATILITY_20]!);
    this.#vwap(cols, from, to, out[VWAP]!);
    state[COUNT] = count + (to - from);
    state[LAST_CLOSE] = close[to - 1]!;
  }

  /** SMA of 20 and Bollinger's bands two population deviations from it. */
  #bands(
    count: number,
    close: Float64Array,
    from: number,
    to: number,
    sma: Float64Array,
    upper: Float64Array,
    lower: Float64Array,
  ): void {
    this.#windows!.last20.run(close, from, to, sma, upper);
    for (let i = from; i < to; i++) {
      const mean = sma[i]!;
      const width = 2 * Math.sqrt(upper[i]! / 20);
      upper[i] = mean + width;
      lower[i] = mean - width;
    }
    blank(sma, from, to, 19 - count);
    blank(upper, from, to, 19 - count);
    blank(lower, from, to, 19 - count);
  }

  /** Log returns, from the second bar on, and the sample deviation of the last 20. */
  #volatility(
    count: number,
    close: Float64Array,
    from: number,
    to: number,
    returns: Float64Array,
    volatility: Float64Array,
  ): void {
    let before = count === 0 ? Number.NaN : this.#state[LAST_CLOSE]!;
    for (let i = from; i < to; i++) {
      const x = close[i]!;
      returns[i] = logReturn(x, before);
      before = x;
    }
    this.#windows!.returns.run(returns, count === 0 ? from + 1 : from, to, volatility, volatility);
    for (let i = from; i < to; i++) volatility[i] = Math.sqrt(volatility[i]! / 19);
    blank(volatility, from, to, 20 - count);
  }

  /** Σ(typical price × volume) / Σ(volume) since the session began; NaN while the sum of volumes is 0. */
  #vwap(cols: BarColumns, from: number, to: number, out: Float64Array): void {
    const { ts, high, low, close, volume } = cols;
    const clock = this.#clock;
    const state = this.#state;
    let session = state[SESSION]!;
    let turnover = state[TURNOVER]!;
    let total = state[VOLUME]!;
    let until = Number.NEGATIVE_INFINITY;
    for (let i = from; i < to; i++) {
      const t = ts[i]!;
      if (t >= until) {
        const now = clock.session(t);
        until = clock.to;
        if (now !== session) {
          session = now;
          turnover = 0;
          total = 0;
        }
      }
      const v = volume[i]!;
      turnover += ((high[i]! + low[i]! + close[i]!) / 3) * v;
      total += v;
      const vwap = turnover / total;
      // Infinite where negative volumes, kept by an option, cancel out.
      out[i] = Math.abs(vwap) <= Number.MAX_VALUE ? vwap : Number.NaN;
    }
    state[SESSION] = session;
    state[TURNOVER] = turnover;
    state[VOLUME] = total;
  }
}

/** The windows of a series: of its closes, and of its returns. */
interface Windows {
  readonly last20: MomentWindow;
  readonly last50: MeanWindow;
  readonly returns: MomentWindow;
}

function windowsOver(state: Float64Array): Windows {
  return {
    last20: new MomentWindow(new Float64Array(20)),
    last50: new MeanWindow(state.subarray(CLOSE_RING, CLOSE_RING + CLOSES)),
    returns: new MomentWindow(state.subarray(RETURN_RING, RETURN_RING + RETURNS)),
  };
}

/** NaN into the first `rows` (zero or fewer: none) of out[from … to-1]. */
function blank(out: Float64Array, from: number, to: number, rows: number): void {
  const end = Math.min(to, from + rows);
  for (let i = from; i < end; i++) out[i] = Number.NaN;
}

/** First row of [from, to) that is no bar to an indicator, or `to`. */
function firstUnusable(cols: BarColumns, from: number, to: number): number {
  const { high, low, close, volume } = cols;
  for (let i = from; i < to; i++) {
    const fits =
      Math.abs(high[i]!) <= LIMIT &&
      Math.abs(low[i]!) <= LIMIT &&
      Math.abs(close[i]!) <= LIMIT &&
      Math.abs(volume[i]!) <= LIMIT;
    if (!fits) return i;
  }
  return to;
}
