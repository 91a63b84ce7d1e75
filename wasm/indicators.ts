/**
 * The indicators of `src/indicators`, all in one pass over the bars of a series. Part of the module of `rows.ts`; loops
 * that are plainly right, and give the same bits, are the tests' (`tests/indicators/plain_loops.ts`).
 *
 * Why: such loops in TypeScript, one indicator after another, each waiting for its own last sum, took 129 ns a bar of
 * 10,000 series; here 66, side by side, with two divisions or averages to an instruction, and nothing is left for the
 * compiler to warm up (node bench/indicators.ts).
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
/** The last 50 closes and 20 returns, oldest first; {@link settle} writes them. */
const CLOSES: usize = STATE + 136;
const RETURNS: usize = CLOSES + 50 * 8;

// Rings, by bar: the place of a bar is its number modulo their size. Two doubles a place: of the closes, of the returns.
/** Close and return of a bar. */
const VALUES: usize = STATE + 704;
/** Means of the last 5 and 10 bars, and the sums of squared distances from them. */
const MEAN_5: usize = VALUES + 64 * 16;
const SUM_5: usize = MEAN_5 + 8 * 16;
const MEAN_10: usize = SUM_5 + 8 * 16;
const SUM_10: usize = MEAN_10 + 64 * 16;
/** Mean of the last 20 closes. */
const MEAN_20: usize = SUM_10 + 16 * 16;
/** What the next bar needs of the means and sums of 2 and 4 bars: of the last bar, and of the one before. */
const LAST_2: usize = MEAN_20 + 32 * 8;
const BEFORE_2: usize = LAST_2 + 16;
const LAST_SUM_2: usize = BEFORE_2 + 16;
const BEFORE_SUM_2: usize = LAST_SUM_2 + 16;
const LAST_4: usize = BEFORE_SUM_2 + 16;
const LAST_SUM_4: usize = LAST_4 + 16;

/** 1/k. */
const INVERSE: usize = LAST_SUM_4 + 16;

/** Addresses of the columns that are read: ts, high, low, close, volume; and of the 16 that are written. */
export const BARS: usize = INVERSE + 202 * 8;
/** First byte behind all this. */
export const INDICATORS_END: usize = BARS + 21 * 4;

/** Beyond this a number is no price and no volume. */
const LIMIT: f64 = 1e150;
/** Bars until the last average has its whole weight. */
const WARM: f64 = 201;
/** Bars are counted up to here: see `COUNTED` in `src/indicators/state.ts`. */
const COUNTED: f64 = 256;

/** Number of the bar that comes next, as the rings count: it wraps, and so do they. */
let next: u32 = 0;

/** Fills the table; once an instance. */
export function setUpIndicators(): void {
  for (let k: usize = 1; k < 202; k++) store<f64>(INVERSE + k * 8, 1 / <f64>k);
}

/** Where in a ring of `size` places, of 16 bytes each, bar `number` lies. */
function placeOf(ring: usize, size: u32, number: u32): usize {
  return ring + ((<usize>number & (size - 1)) << 4);
}

/** What follows from the state now in STATE: the means over its closes and returns; see {@link indicate}. */
export function restore(): void {
  let last = f64x2.splat(0);
  let last2 = f64x2.splat(0);
  let before2 = f64x2.splat(0);
  let lastSum2 = f64x2.splat(0);
  let beforeSum2 = f64x2.splat(0);
  let last4 = f64x2.splat(0);
  let lastSum4 = f64x2.splat(0);
  for (let j: u32 = 0; j < 50; j++) {
    const close = load<f64>(CLOSES + <usize>j * 8);
    // No return before the last 20 is in a mean that is still wanted.
    const value = f64x2(close, j < 30 ? 0 : load<f64>(RETURNS + <usize>(j - 30) * 8));
    v128.store(placeOf(VALUES, 64, j), value);
    const delta2 = f64x2.sub(value, last);
    const mean2 = f64x2.add(last, f64x2.mul(delta2, f64x2.splat(0.5)));
    const delta4 = f64x2.sub(mean2, before2);
    const mean4 = f64x2.add(before2, f64x2.mul(delta4, f64x2.splat(0.5)));
    const delta5 = f64x2.sub(value, last4);
    const mean5 = f64x2.add(last4, f64x2.mul(delta5, f64x2.splat(0.2)));
    const old5 = v128.load(placeOf(MEAN_5, 8, j - 5));
    const delta10 = f64x2.sub(mean5, old5);
    const mean10 = f64x2.add(old5, f64x2.mul(delta10, f64x2.splat(0.5)));
    v128.store(placeOf(MEAN_5, 8, j), mean5);
    v128.store(placeOf(MEAN_10, 64, j), mean10);
    if (j >= 30) {
      const old10 = v128.load(placeOf(MEAN_10, 64, j - 10));
      const mean20 = f64x2.add(old10, f64x2.mul(f64x2.sub(mean10, old10), f64x2.splat(0.5)));
      store<f64>(MEAN_20 + ((<usize>j & 31) << 3), f64x2.extract_lane(mean20, 0));
      const sum2 = f64x2.mul(f64x2.mul(delta2, delta2), f64x2.splat(0.5));
      const sum4 = f64x2.add(f64x2.add(beforeSum2, sum2), f64x2.mul(delta4, delta4));
      const sum5 = f64x2.add(lastSum4, f64x2.mul(f64x2.mul(delta5, delta5), f64x2.splat(0.8)));
      const sum10 = f64x2.add(
        f64x2.add(v128.load(placeOf(SUM_5, 8, j - 5)), sum5),
        f64x2.mul(f64x2.mul(delta10, delta10), f64x2.splat(2.5)),
      );
      v128.store(placeOf(SUM_5, 8, j), sum5);
      v128.store(placeOf(SUM_10, 16, j), sum10);
      beforeSum2 = lastSum2;
      lastSum2 = sum2;
      lastSum4 = sum4;
    }
    last = value;
    before2 = last2;
    last2 = mean2;
    last4 = mean4;
  }
  v128.store(LAST_2, last2);
  v128.store(BEFORE_2, before2);
  v128.store(LAST_SUM_2, lastSum2);
  v128.store(BEFORE_SUM_2, beforeSum2);
  v128.store(LAST_4, last4);
  v128.store(LAST_SUM_4, lastSum4);
  next = 50;
}

/** Brings the closes and returns in STATE up to the last bar; those of bars that never were are 0. */
export function settle(): void {
  const count = <i64>load<f64>(COUNT);
  for (let j: u32 = 0; j < 50; j++) {
    const at = placeOf(VALUES, 64, next - 50 + j);
    store<f64>(CLOSES + <usize>j * 8, <i64>j < 50 - count ? 0 : load<f64>(at));
    // The first bar has no return.
    if (j >= 30) store<f64>(RETURNS + <usize>(j - 30) * 8, <i64>j < 51 - count ? 0 : load<f64>(at + 8));
  }
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
 *
 * A mean of n bars is made of two of the halves, a + (b − a)·nb/n, and their sums of squared distances likewise,
 * Qa + Qb + (b − a)²·na·nb/n (Chan, Golub and LeVeque 1979): of 2, 4, 5 (4 and 1), 10, 20; of 50 closes it is one of 40,
 * twice 20, and the 10 before. What came of the halves some bars ago lies in rings.
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
  let number = next;
  let last = v128.load(placeOf(VALUES, 64, number - 1));
  let last2 = v128.load(LAST_2);
  let before2 = v128.load(BEFORE_2);
  let lastSum2 = v128.load(LAST_SUM_2);
  let beforeSum2 = v128.load(BEFORE_SUM_2);
  let last4 = v128.load(LAST_4);
  let lastSum4 = v128.load(LAST_SUM_4);

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
    const volume = load<f64>(volumes + at);
    if (!(abs(high) <= LIMIT && abs(low) <= LIMIT && abs(x) <= LIMIT && !(abs(volume) > LIMIT))) {
      blank(at);
      continue;
    }
    if (load<f64>(stamps + at) >= until) break;
    // A bar without a volume weighs nothing.
    const v = F64.isNaN(volume) ? 0 : volume;
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

    let logReturn = NaN;
    if (k >= 2) {
      const ratio = f64x2.extract_lane(quotients, 1);
      if (x > 0 && ratio > 0 && ratio <= f64.MAX_VALUE) logReturn = ln(ratio);
    }
    store<f64>(returns + at, logReturn);

    const value = f64x2(x, logReturn);
    const delta2 = f64x2.sub(value, last);
    const mean2 = f64x2.add(last, f64x2.mul(delta2, f64x2.splat(0.5)));
    const sum2 = f64x2.mul(f64x2.mul(delta2, delta2), f64x2.splat(0.5));
    const delta4 = f64x2.sub(mean2, before2);
    const mean4 = f64x2.add(before2, f64x2.mul(delta4, f64x2.splat(0.5)));
    const sum4 = f64x2.add(f64x2.add(beforeSum2, sum2), f64x2.mul(delta4, delta4));
    const delta5 = f64x2.sub(value, last4);
    const mean5 = f64x2.add(last4, f64x2.mul(delta5, f64x2.splat(0.2)));
    const sum5 = f64x2.add(lastSum4, f64x2.mul(f64x2.mul(delta5, delta5), f64x2.splat(0.8)));
    const old5 = v128.load(placeOf(MEAN_5, 8, number - 5));
    const delta10 = f64x2.sub(mean5, old5);
    const mean10 = f64x2.add(old5, f64x2.mul(delta10, f64x2.splat(0.5)));
    const sum10 = f64x2.add(
      f64x2.add(v128.load(placeOf(SUM_5, 8, number - 5)), sum5),
      f64x2.mul(f64x2.mul(delta10, delta10), f64x2.splat(2.5)),
    );
    const old10 = v128.load(placeOf(MEAN_10, 64, number - 10));
    const delta20 = f64x2.sub(mean10, old10);
    const mean20 = f64x2.add(old10, f64x2.mul(delta20, f64x2.splat(0.5)));
    const sum20 = f64x2.add(
      f64x2.add(v128.load(placeOf(SUM_10, 16, number - 10)), sum10),
      f64x2.mul(f64x2.mul(delta20, delta20), f64x2.splat(5)),
    );
    const sma20 = f64x2.extract_lane(mean20, 0);
    const old20 = load<f64>(MEAN_20 + ((<usize>(number - 20) & 31) << 3));
    const mean40 = old20 + (sma20 - old20) * 0.5;
    const oldest10 = load<f64>(placeOf(MEAN_10, 64, number - 40));
    store<f64>(sma50s + at, mean40 + (oldest10 - mean40) * 0.2);
    store<f64>(sma20s + at, sma20);
    v128.store(placeOf(VALUES, 64, number), value);
    v128.store(placeOf(MEAN_5, 8, number), mean5);
    v128.store(placeOf(SUM_5, 8, number), sum5);
    v128.store(placeOf(MEAN_10, 64, number), mean10);
    v128.store(placeOf(SUM_10, 16, number), sum10);
    store<f64>(MEAN_20 + ((<usize>number & 31) << 3), sma20);
    number++;
    last = value;
    before2 = last2;
    last2 = mean2;
    beforeSum2 = lastSum2;
    lastSum2 = sum2;
    last4 = mean4;
    lastSum4 = sum4;

    const deviations = f64x2.sqrt(f64x2.div(sum20, f64x2(20, 19)));
    const width = 2 * f64x2.extract_lane(deviations, 0);
    store<f64>(uppers + at, sma20 + width);
    store<f64>(lowers + at, sma20 - width);
    store<f64>(volatilities + at, f64x2.extract_lane(deviations, 1));

    before = x;
    if (k < WARM) blankCold(k, at);
  }

  store<f64>(COUNT, min(k, COUNTED));
  store<f64>(LAST_CLOSE, before);
  v128.store(EMA_20_50, ema1);
  v128.store(EMA_100_200, ema2);
  v128.store(EMA_12_26, ema3);
  store<f64>(SIGNAL, signal);
  v128.store(GAIN_LOSS, gainLoss);
  store<f64>(ATR, range);
  store<f64>(TURNOVER, turnover);
  store<f64>(VOLUME, total);
  next = number;
  v128.store(LAST_2, last2);
  v128.store(BEFORE_2, before2);
  v128.store(LAST_SUM_2, lastSum2);
  v128.store(BEFORE_SUM_2, beforeSum2);
  v128.store(LAST_4, last4);
  v128.store(LAST_SUM_4, lastSum4);
  return row;
}
