/**
 * The default indicators of a series, bar after bar: simple and exponential averages, MACD 12/26/9 (Appel), RSI and ATR
 * of 14 (Wilder 1978), bands of 20 bars and 2 population deviations (Bollinger), the session's volume-weighted price,
 * log returns and their sample deviation over 20. An average starts from the plain mean of its first window.
 */

import type { BarColumns } from '../bars/columns.ts';
import type { RowKernel } from '../bars/row_kernel.ts';
import type { SessionClock } from './session_clock.ts';
import { NO_SPLITS, type Splits } from './splits.ts';
import {
  checkVersion,
  clearState,
  LAST_TS,
  rescale,
  SESSION,
  STATE_LENGTH,
  TURNOVER,
  VERSION,
  VOLUME,
} from './state.ts';

export { SessionClock } from './session_clock.ts';
export { NO_SPLITS, type SplitDays, type Splits, splitFrom, splitsOf } from './splits.ts';
export { decodeState, encodeState, LAST_TS, STATE_LENGTH, STATE_VERSION, sameState } from './state.ts';

/**
 * Computes the 16 default indicators. Holds the state of one series at a time; {@link load} and {@link store} swap it.
 * Results depend on the bars alone, to the bit: not on how they were split over calls, batches, files or states. The
 * arithmetic is the kernel's (`wasm/indicators.ts`).
 */
export class IndicatorEngine {
  readonly #clock: SessionClock;
  readonly #kernel: RowKernel;
  readonly #state: Float64Array;
  /**
   * The splits of the series at work: whoever changes the series says which. At the first bar in the scale of a split the
   * state is put into it, so that the indicators run on.
   */
  splits: Splits = NO_SPLITS;

  /** Bars must lie in the memory of the `kernel`, which must serve no other engine until this one is done with. */
  constructor(session: SessionClock, kernel: RowKernel) {
    this.#clock = session;
    this.#kernel = kernel;
    this.#state = kernel.state(STATE_LENGTH);
    this.reset();
  }

  /** µs of the last bar seen, -Infinity if none. */
  get lastTs(): number {
    return this.#state[LAST_TS]!;
  }

  /** Starts a series without bars. */
  reset(): void {
    clearState(this.#state);
    this.#kernel.restore();
  }

  /**
   * Goes on from the state at state[at … at + STATE_LENGTH - 1]; zeros (or NaN first) are a series without bars.
   * @throws BackhaulError `internal` for another version's
   */
  load(state: Float64Array, at: number): void {
    const version = state[at + VERSION]!;
    if (version === 0 || Number.isNaN(version)) {
      this.reset();
      return;
    }
    checkVersion(version);
    for (let i = 0; i < STATE_LENGTH; i++) this.#state[i] = state[at + i]!;
    this.#kernel.restore();
  }

  /** Writes the state to state[at … at + STATE_LENGTH - 1]. */
  store(state: Float64Array, at: number): void {
    this.#kernel.settle();
    state.set(this.#state, at);
  }

  /**
   * Computes rows [from, to) of `cols`, all of one series in ascending time, into `cols.indicators`.
   * A row whose high, low or close is not finite, or one of them or the volume beyond 1e150, is no bar: its indicators
   * are NaN and those of the others are as if it were not there. A volume of NaN is none: it weighs nothing in the VWAP,
   * which is NaN as long as the session has no volume at all. No result is infinite.
   */
  run(cols: BarColumns, from: number, to: number): void {
    if (to === from) return;
    const { splits } = this;
    let beforeUs = this.#state[LAST_TS]!;
    let until = Number.NEGATIVE_INFINITY;
    for (let i = from; ; ) {
      i = this.#kernel.indicate(cols, i, to, until);
      if (i === to) break;
      const ts = cols.ts[i]!;
      until = splits.fromUs.length === 0 ? Number.POSITIVE_INFINITY : this.#passSplits(beforeUs, ts);
      this.#enter(this.#clock.session(ts));
      until = Math.min(until, this.#clock.to);
      beforeUs = ts;
    }
    // Rows that are no bars may have come to one.
    const lastUs = cols.ts[to - 1]!;
    if (splits.fromUs.length > 0) this.#passSplits(beforeUs, lastUs);
    this.#state[LAST_TS] = lastUs;
  }

  /** The next bar is of this session. */
  #enter(session: number): void {
    const state = this.#state;
    if (session === state[SESSION]!) return;
    state[SESSION] = session;
    state[TURNOVER] = 0;
    state[VOLUME] = 0;
  }

  /** The splits behind an instant, up to and with another; answers where the next one begins, µs. */
  #passSplits(afterUs: number, toUs: number): number {
    const { fromUs, ratios } = this.splits;
    let isSettled = false;
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < fromUs.length; i++) {
      if (fromUs[i]! > toUs) {
        next = fromUs[i]!;
        break;
      }
      if (fromUs[i]! <= afterUs) continue;
      if (!isSettled) this.#kernel.settle();
      isSettled = true;
      rescale(this.#state, ratios[i]!);
    }
    if (isSettled) this.#kernel.restore();
    return next;
  }
}
