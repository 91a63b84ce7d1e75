/**
 * The indicators of `src/indicators`, all in one pass over the bars of a series: the same formulas in the same
 * order, so that every value has the same bits; what they are is told there. Part of the module of `rows.ts`.
 *
 * Why: the loops in TypeScript take 129 ns a bar of 10,000 series, one after another, each waiting for its own last sum;
 * here 66, side by side, with two divisions or averages to an instruction, and nothing is left for the compiler to warm
 * up (node bench/indicators.ts).
 */

import { ln } from './ln';

/** First byte of what is described here; see `rows.ts` for what lies before. */
const BASE: usize = 79_936;
/** The state of the series at work, as `src/indicators/state.ts` lays it out. */
export const STATE: usize = BASE;
const COUNT: usize = STATE + 8;
const LAST_CLOSE: usize = STATE + 24;
const EMA_20_50: usize = STATE + 32;
const EMA_100_200: usize = STATE + 48;
const EMA_12_26: usize = STATE + 64;
const SIGNAL: usize = STATE + 80;
const GAIN_LOSS: usize = STATE + 88;
const ATR: usize = STATE + 104;
const TURNOVER: usize = STATE + 120;
const VOLUME: usize = STATE + 128;
const CLOSE_RING: usize = STATE + 136;
const RETURN_RING: usize = CLOSE_RING + 50 * 8;

// Windows: rings as far as the state has none, and by the place of a block's value the mean and M2 of all from it on.
const RING_20: usize = STATE + 704;
const MEANS_20: usize = RING_20 + 20 * 8;
const M2S_20: usize = MEANS_20 + 21 * 8;
const MEANS_50: usize = M2S_20 + 21 * 8;
const MEANS_RETURN: usize = MEANS_50 + 51 * 8;
const M2S_RETURN: usize = MEANS_RETURN + 21 * 8;
/** Mean, and M2, of a block's values so far. */
const PREFIX_20: usize = M2S_RETURN + 21 * 8;
const PREFIX_50: usize = PREFIX_20 + 16;
const PREFIX_RETURN: usize = PREFIX_50 + 8;

// Tables: 1/k; k/20 and (20-k)k/20; k/50.
const INVERSE: usize = PREFIX_RETURN + 16;
const SHARE_20: usize = INVERSE + 202 * 8;
const SPREAD_20: usize = SHARE_20 + 21 * 8;
const SHARE_50: usize = SPREAD_20 + 21 * 8;

/** Addresses of the columns that are read: ts, high, low, close, volume; and of the 16 that are written. */
export const BARS: usize = SHARE_50 + 51 * 8;
/** First byte behind all this. */
export const INDICATORS_END: usize = BARS + 21 * 4;

/** Beyond this a number is no price and no volume. */
const LIMIT: f64 = 1e150;
/** Bars until the last average has its whole weight. */
const WARM: f64 = 201;

/** Fills the tables; once an instance. */
export function setUpIndicators(): void {
  for (let k: usize = 1; k < 202; k++) store<f64>(INVERSE + k * 8, 1 / <f64>k);
  for (let k: usize = 0; k <= 20; k++) {
    store<f64>(SHARE_20 + k * 8, <f64>k / 20);
    store<f64>(SPREAD_20 + k * 8, <f64>((20 - k) * k) / 20);
  }
  for (let k: usize = 0; k <= 50; k++) store<f64>(SHARE_50 + k * 8, <f64>k / 50);
}

/** Means and M2s of the values of a ring of 20 from j on, for j from the last down to `least`. */
function momentsFromEnd(ring: usize, means: usize, m2s: usize, least: i32): void {
  let mean: f64 = 0;
  let m2: f64 = 0;
  for (let j: i32 = 19; j >= least; j--) {
    const at = <usize>j * 8;
    const value = load<f64>(ring + at);
    const delta = value - mean;
    mean += delta * load<f64>(INVERSE + 20 * 8 - at);
    m2 += delta * (value - mean);
    store<f64>(means + at, mean);
    store<f64>(m2s + at, m2);
  }
}

/** Means of the closes from j on, for j from the last of 50 down to `least`. */
function meansFromEnd(least: i32): void {
  let mean: f64 = 0;
  for (let j: i32 = 49; j >= least; j--) {
    const at = <usize>j * 8;
    mean += (load<f64>(CLOSE_RING + at) - mean) * load<f64>(INVERSE + 50 * 8 - at);
    store<f64>(MEANS_50 + at, mean);
  }
}

/** Mean and M2 of the first `phase` values of a ring, to `prefix`. */
function momentsSoFar(ring: usize, phase: i32, prefix: usize): void {
  let mean: f64 = 0;
  let m2: f64 = 0;
  for (let j: i32 = 0; j < phase; j++) {
    const value = load<f64>(ring + <usize>j * 8);
    const delta = value - mean;
    mean += delta * load<f64>(INVERSE + <usize>(j + 1) * 8);
    m2 += delta * (value - mean);
  }
  store<f64>(prefix, mean);
  store<f64>(prefix + 8, m2);
}

/** What follows from the state now in STATE: the windows over its closes and returns. */
export function restore(): void {
  const count = <i64>load<f64>(COUNT);
  for (let number = max<i64>(0, count - 20); number < count; number++) {
    const close = load<f64>(CLOSE_RING + <usize>(number % 50) * 8);
    store<f64>(RING_20 + <usize>(number % 20) * 8, close);
  }
  const phase20 = <i32>(count % 20);
  momentsSoFar(RING_20, phase20, PREFIX_20);
  momentsFromEnd(RING_20, MEANS_20, M2S_20, phase20);
  const phase50 = <i32>(count % 50);
  let mean: f64 = 0;
  for (let j: i32 = 0; j < phase50; j++)
    mean += (load<f64>(CLOSE_RING + <usize>j * 8) - mean) * load<f64>(INVERSE + <usize>(j + 1) * 8);
  store<f64>(PREFIX_50, mean);
  meansFromEnd(phase50);
  const phaseReturn = <i32>(max<i64>(0, count - 1) % 20);
  momentsSoFar(RETURN_RING, phaseReturn, PREFIX_RETURN);
  momentsFromEnd(RETURN_RING, MEANS_RETURN, M2S_RETURN, phaseReturn);
}

/** The weight of the k-th value in an exponential average of n. */
function weight(k: f64, n: f64): f64 {
  return k <= n ? load<f64>(INVERSE + <usize>k * 8) : 2 / (n + 1);
}

function column(index: usize): usize {
  return <usize>load<u32>(BARS + index * 4);
}

/** NaN into all columns of indicators at `at`. */
function blank(at: usize): void {
  for (let k: usize = 5; k < 21; k++) store<f64>(column(k) + at, NaN);
}

/** NaN into what the k-th bar of a series has not yet. */
function blankCold(k: f64, at: usize): void {
  if (k < 20) {
    store<f64>(column(5) + at, NaN);
    store<f64>(column(7) + at, NaN);
    store<f64>(column(15) + at, NaN);
    store<f64>(column(16) + at, NaN);
  }
  if (k < 50) {
    store<f64>(column(6) + at, NaN);
    store<f64>(column(8) + at, NaN);
  }
  if (k < 100) store<f64>(column(9) + at, NaN);
  if (k < 200) store<f64>(column(10) + at, NaN);
  if (k <= 14) {
    store<f64>(column(11) + at, NaN);
    store<f64>(column(18) + at, NaN);
  }
  if (k < 26) store<f64>(column(12) + at, NaN);
  if (k < 34) {
    store<f64>(column(13) + at, NaN);
    store<f64>(column(14) + at, NaN);
  }
  if (k <= 20) store<f64>(column(20) + at, NaN);
}

/**
 * Computes rows from … to-1, all of the series whose state is in STATE, in ascending time; `restore` has been called.
 * Returns `to`, or the row it stopped at because its stamp is not below `until`: a new session begins.
 */
export function indicate(from: u32, to: u32, until: f64): u32 {
  const stamps = column(0);
  const highs = column(1);
  const lows = column(2);
  const closes = column(3);
  const volumes = column(4);
  const sma20s = column(5);
  const sma50s = column(6);
  const ema20s = column(7);
  const ema50s = column(8);
  const ema100s = column(9);
  const ema200s = column(10);
  const rsis = column(11);
  const macds = column(12);
  const signals = column(13);
  const hists = column(14);
  const uppers = column(15);
  const lowers = column(16);
  const vwaps = column(17);
  const atrs = column(18);
  const returns = column(19);
  const volatilities = column(20);

  let k = load<f64>(COUNT);
  let before = load<f64>(LAST_CLOSE);
  let ema1 = v128.load(EMA_20_50);
  let ema2 = v128.load(EMA_100_200);
  let ema3 = v128.load(EMA_12_26);
  let signal = load<f64>(SIGNAL);
  let gainLoss = v128.load(GAIN_LOSS);
  let range = load<f64>(ATR);
  let turnover = load<f64>(TURNOVER);
  let total = load<f64>(VOLUME);
  let k20: usize = <usize>(<i64>k % 20) * 8;
  let k50: usize = <usize>(<i64>k % 50) * 8;
  let kReturn: usize = <usize>(max<i64>(0, <i64>k - 1) % 20) * 8;
  let mean20 = load<f64>(PREFIX_20);
  let m2of20 = load<f64>(PREFIX_20 + 8);
  let mean50 = load<f64>(PREFIX_50);
  let meanReturn = load<f64>(PREFIX_RETURN);
  let m2ofReturn = load<f64>(PREFIX_RETURN + 8);

  let weight1 = f64x2(2.0 / 21, 2.0 / 51);
  let weight2 = f64x2(2.0 / 101, 2.0 / 201);
  let weight3 = f64x2(2.0 / 13, 2.0 / 27);
  let weightSignal: f64 = 2.0 / 10;
  let weight14: f64 = 1.0 / 14;

  let row = from;
  for (; row < to; row++) {
    const at = <usize>row * 8;
    const x = load<f64>(closes + at);
    const high = load<f64>(highs + at);
    const low = load<f64>(lows + at);
    const v = load<f64>(volumes + at);
    if (!(abs(high) <= LIMIT && abs(low) <= LIMIT && abs(x) <= LIMIT && abs(v) <= LIMIT)) {
      blank(at);
      continue;
    }
    if (load<f64>(stamps + at) >= until) break;
    k += 1;
    if (k <= WARM) {
      weight1 = f64x2(weight(k, 20), weight(k, 50));
      weight2 = f64x2(weight(k, 100), weight(k, 200));
      weight3 = f64x2(weight(k, 12), weight(k, 26));
      weightSignal = k < 26 ? 0 : weight(k - 25, 9);
      // Changes begin with the second bar.
      weight14 = k < 2 ? 0 : load<f64>(INVERSE + <usize>min(k - 1, 14) * 8);
      if (k < 2) before = x;
    }
    const xx = f64x2.splat(x);

    ema1 = f64x2.add(ema1, f64x2.mul(f64x2.sub(xx, ema1), weight1));
    ema2 = f64x2.add(ema2, f64x2.mul(f64x2.sub(xx, ema2), weight2));
    ema3 = f64x2.add(ema3, f64x2.mul(f64x2.sub(xx, ema3), weight3));
    store<f64>(ema20s + at, f64x2.extract_lane(ema1, 0));
    store<f64>(ema50s + at, f64x2.extract_lane(ema1, 1));
    store<f64>(ema100s + at, f64x2.extract_lane(ema2, 0));
    store<f64>(ema200s + at, f64x2.extract_lane(ema2, 1));
    const macd = f64x2.extract_lane(ema3, 0) - f64x2.extract_lane(ema3, 1);
    signal += (macd - signal) * weightSignal;
    store<f64>(macds + at, macd);
    store<f64>(signals + at, signal);
    store<f64>(hists + at, macd - signal);

    const change = x - before;
    const size = abs(change);
    const rises = f64x2.mul(f64x2(size + change, size - change), f64x2.splat(0.5));
    gainLoss = f64x2.add(gainLoss, f64x2.mul(f64x2.sub(rises, gainLoss), f64x2.splat(weight14)));
    const trueRange = max(max(high - low, abs(high - before)), abs(low - before));
    range += (trueRange - range) * weight14;
    store<f64>(atrs + at, range);

    // (high + low + close) / 3, and close / close before.
    const quotients = f64x2.div(f64x2(high + low + x, x), f64x2(3, before));
    turnover += f64x2.extract_lane(quotients, 0) * v;
    total += v;
    const gain = f64x2.extract_lane(gainLoss, 0);
    const loss = f64x2.extract_lane(gainLoss, 1);
    const shares = f64x2.div(f64x2(100 * gain, turnover), f64x2(gain + loss, total));
    store<f64>(rsis + at, loss > 0 ? f64x2.extract_lane(shares, 0) : 100);
    const vwap = f64x2.extract_lane(shares, 1);
    store<f64>(vwaps + at, abs(vwap) <= f64.MAX_VALUE ? vwap : NaN);

    store<f64>(CLOSE_RING + k50, x);
    k50 += 8;
    mean50 += (x - mean50) * load<f64>(INVERSE + k50);
    const suffix50 = load<f64>(MEANS_50 + k50);
    store<f64>(sma50s + at, suffix50 + (mean50 - suffix50) * load<f64>(SHARE_50 + k50));
    if (k50 === 50 * 8) {
      meansFromEnd(0);
      k50 = 0;
      mean50 = 0;
    }

    store<f64>(RING_20 + k20, x);
    k20 += 8;
    const delta = x - mean20;
    mean20 += delta * load<f64>(INVERSE + k20);
    m2of20 += delta * (x - mean20);
    const suffix20 = load<f64>(MEANS_20 + k20);
    const apart20 = mean20 - suffix20;
    const sma20 = suffix20 + apart20 * load<f64>(SHARE_20 + k20);
    const m2 = load<f64>(M2S_20 + k20) + m2of20 + apart20 * apart20 * load<f64>(SPREAD_20 + k20);
    if (k20 === 20 * 8) {
      momentsFromEnd(RING_20, MEANS_20, M2S_20, 0);
      k20 = 0;
      mean20 = 0;
      m2of20 = 0;
    }
    store<f64>(sma20s + at, sma20);

    let logReturn = NaN;
    let m2Return: f64 = 0;
    if (k >= 2) {
      const ratio = f64x2.extract_lane(quotients, 1);
      if (x > 0 && ratio > 0 && ratio <= f64.MAX_VALUE) logReturn = ln(ratio);
      store<f64>(RETURN_RING + kReturn, logReturn);
      kReturn += 8;
      const deltaReturn = logReturn - meanReturn;
      meanReturn += deltaReturn * load<f64>(INVERSE + kReturn);
      m2ofReturn += deltaReturn * (logReturn - meanReturn);
      const apartReturn = meanReturn - load<f64>(MEANS_RETURN + kReturn);
      m2Return =
        load<f64>(M2S_RETURN + kReturn) +
        m2ofReturn +
        apartReturn * apartReturn * load<f64>(SPREAD_20 + kReturn);
      if (kReturn === 20 * 8) {
        momentsFromEnd(RETURN_RING, MEANS_RETURN, M2S_RETURN, 0);
        kReturn = 0;
        meanReturn = 0;
        m2ofReturn = 0;
      }
    }
    store<f64>(returns + at, logReturn);

    const deviations = f64x2.sqrt(f64x2.div(f64x2(m2, m2Return), f64x2(20, 19)));
    const width = 2 * f64x2.extract_lane(deviations, 0);
    store<f64>(uppers + at, sma20 + width);
    store<f64>(lowers + at, sma20 - width);
    store<f64>(volatilities + at, f64x2.extract_lane(deviations, 1));

    before = x;
    if (k < WARM) blankCold(k, at);
  }

  store<f64>(COUNT, k);
  store<f64>(LAST_CLOSE, before);
  v128.store(EMA_20_50, ema1);
  v128.store(EMA_100_200, ema2);
  v128.store(EMA_12_26, ema3);
  store<f64>(SIGNAL, signal);
  v128.store(GAIN_LOSS, gainLoss);
  store<f64>(ATR, range);
  store<f64>(TURNOVER, turnover);
  store<f64>(VOLUME, total);
  store<f64>(PREFIX_20, mean20);
  store<f64>(PREFIX_20 + 8, m2of20);
  store<f64>(PREFIX_50, mean50);
  store<f64>(PREFIX_RETURN, meanReturn);
  store<f64>(PREFIX_RETURN + 8, m2ofReturn);
  return row;
}
