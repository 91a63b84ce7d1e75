/** Exponential averages: EMA and MACD. Weight 2/(n+1), seeded with the mean of the first n values. */

import { EMA_12, EMA_20, EMA_26, EMA_50, EMA_100, EMA_200, SIGNAL } from './state.ts';

/** Bars until the last of the four averages is seeded. */
const LONGEST = 200;
/** MACD is the EMA of 12 less that of 26; its signal the EMA of 9 of its values. */
const FAST = 12;
const SLOW = 26;
const SIGNAL_LENGTH = 9;
/** Bars until the signal is seeded. */
const MACD_WARM = SLOW + SIGNAL_LENGTH - 1;

/**
 * The k-th value's weight (k from 1) in an EMA of n. The first n weigh 1/k each, which runs the plain mean; it keeps
 * an average of equal values at that value exactly, as a sum divided at the end would not.
 */
function weight(k: number, n: number): number {
  return k <= n ? 1 / k : 2 / (n + 1);
}

/**
 * `ema_20`, `ema_50`, `ema_100`, `ema_200` of close[from … to-1] into the four arrays of `out`; NaN before a seed is
 * whole. `count` bars came before. The steady loop runs the four side by side: each waits for its own last sum only.
 */
export function emas(
  state: Float64Array,
  count: number,
  close: Float64Array,
  from: number,
  to: number,
  out20: Float64Array,
  out50: Float64Array,
  out100: Float64Array,
  out200: Float64Array,
): void {
  let i = from;
  if (count < LONGEST) {
    i = Math.min(to, from + LONGEST - count);
    warmEma(state, EMA_20, 20, count, close, from, i, out20);
    warmEma(state, EMA_50, 50, count, close, from, i, out50);
    warmEma(state, EMA_100, 100, count, close, from, i, out100);
    warmEma(state, EMA_200, 200, count, close, from, i, out200);
  }
  let a = state[EMA_20]!;
  let b = state[EMA_50]!;
  let c = state[EMA_100]!;
  let d = state[EMA_200]!;
  for (; i < to; i++) {
    const x = close[i]!;
    a += (x - a) * (2 / 21);
    b += (x - b) * (2 / 51);
    c += (x - c) * (2 / 101);
    d += (x - d) * (2 / 201);
    out20[i] = a;
    out50[i] = b;
    out100[i] = c;
    out200[i] = d;
  }
  state[EMA_20] = a;
  state[EMA_50] = b;
  state[EMA_100] = c;
  state[EMA_200] = d;
}

function warmEma(
  state: Float64Array,
  slot: number,
  n: number,
  count: number,
  x: Float64Array,
  from: number,
  to: number,
  out: Float64Array,
): void {
  let ema = state[slot]!;
  for (let i = from, k = count + 1; i < to; i++, k++) {
    ema += (x[i]! - ema) * weight(k, n);
    out[i] = k < n ? Number.NaN : ema;
  }
  state[slot] = ema;
}

/** `macd`, `macd_signal`, `macd_hist` of close[from … to-1]; `count` bars came before. */
export function macds(
  state: Float64Array,
  count: number,
  close: Float64Array,
  from: number,
  to: number,
  macd: Float64Array,
  signal: Float64Array,
  hist: Float64Array,
): void {
  let i = from;
  if (count < MACD_WARM) {
    i = Math.min(to, from + MACD_WARM - count);
    warmMacd(state, count, close, from, i, macd, signal, hist);
  }
  let fast = state[EMA_12]!;
  let slow = state[EMA_26]!;
  let s = state[SIGNAL]!;
  for (; i < to; i++) {
    const x = close[i]!;
    fast += (x - fast) * (2 / (FAST + 1));
    slow += (x - slow) * (2 / (SLOW + 1));
    const m = fast - slow;
    s += (m - s) * (2 / (SIGNAL_LENGTH + 1));
    macd[i] = m;
    signal[i] = s;
    hist[i] = m - s;
  }
  state[EMA_12] = fast;
  state[EMA_26] = slow;
  state[SIGNAL] = s;
}

function warmMacd(
  state: Float64Array,
  count: number,
  close: Float64Array,
  from: number,
  to: number,
  macd: Float64Array,
  signal: Float64Array,
  hist: Float64Array,
): void {
  let fast = state[EMA_12]!;
  let slow = state[EMA_26]!;
  let s = state[SIGNAL]!;
  for (let i = from, k = count + 1; i < to; i++, k++) {
    const x = close[i]!;
    fast += (x - fast) * weight(k, FAST);
    slow += (x - slow) * weight(k, SLOW);
    const m = fast - slow;
    if (k >= SLOW) s += (m - s) * weight(k - SLOW + 1, SIGNAL_LENGTH);
    macd[i] = k < SLOW ? Number.NaN : m;
    signal[i] = k < MACD_WARM ? Number.NaN : s;
    hist[i] = k < MACD_WARM ? Number.NaN : m - s;
  }
  state[EMA_12] = fast;
  state[EMA_26] = slow;
  state[SIGNAL] = s;
}
