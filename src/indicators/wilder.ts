/** Wilder's averages (New Concepts in Technical Trading Systems, 1978): RSI and ATR of 14. */

import { ATR, GAIN, LAST_CLOSE, LOSS } from './state.ts';

const N = 14;

/**
 * `rsi_14` and `atr_14` of rows from … to-1; `count` bars came before, the last with the close in `state`. Changes and
 * true ranges begin with the second bar; averages start as the plain mean of the first 14, then weigh each new value 1/14.
 */
export function wilders(
  state: Float64Array,
  count: number,
  high: Float64Array,
  low: Float64Array,
  close: Float64Array,
  from: number,
  to: number,
  rsi: Float64Array,
  atr: Float64Array,
): void {
  let before = state[LAST_CLOSE]!;
  let gain = state[GAIN]!;
  let loss = state[LOSS]!;
  let range = state[ATR]!;
  let i = from;
  if (count === 0) {
    before = close[i]!;
    rsi[i] = Number.NaN;
    atr[i++] = Number.NaN;
  }
  // The value number of row i, from 1.
  let k = count + i - from;
  for (; i < to; i++, k++) {
    const x = close[i]!;
    const change = x - before;
    const w = k < N ? 1 / k : 1 / N;
    const size = Math.abs(change);
    // (size ± change)/2 is the change or zero, exactly; a branch on the sign of a price's move is mispredicted half the time.
    gain += ((size + change) * 0.5 - gain) * w;
    loss += ((size - change) * 0.5 - loss) * w;
    range += (trueRange(high[i]!, low[i]!, before) - range) * w;
    before = x;
    rsi[i] = k < N ? Number.NaN : strength(gain, loss);
    atr[i] = k < N ? Number.NaN : range;
  }
  state[GAIN] = gain;
  state[LOSS] = loss;
  state[ATR] = range;
}

/** 100 − 100/(1 + gain/loss), with one division; 100 without losses. */
function strength(gain: number, loss: number): number {
  return loss > 0 ? (100 * gain) / (gain + loss) : 100;
}

/** The widest of high − low, |high − close before|, |low − close before|. */
function trueRange(high: number, low: number, before: number): number {
  return Math.max(high - low, Math.abs(high - before), Math.abs(low - before));
}
