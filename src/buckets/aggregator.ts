/**
 * Longer bars out of shorter ones as they pass by: the open of the first, the highest high, the lowest low, the close of
 * the last, volumes and trades added one after the other in the order of time. The sums have therefore the same bits
 * however the bars were split over batches, files and runs: what is carried is the sum so far. A volume that is NULL
 * (NaN inside) adds nothing; where all are, so is the sum. A bucket in the middle of which a split falls is told in the
 * scale behind it: what came before is put into that. Pure.
 */

import type { Bars } from '../bars/columns.ts';
import type { BucketGrid } from './bucket_grid.ts';

// Slots of the state of one bucket, in doubles.
/** Beginning and end of the bucket, µs since 1970; NaN: none is open. */
export const START = 0;
export const END = 1;
export const OPEN = 2;
export const HIGH = 3;
export const LOW = 4;
export const CLOSE = 5;
export const VOLUME = 6;
export const TRADES = 7;
/** Doubles a bucket takes. */
export const BUCKET_LENGTH = 8;

/** Splits of the shorter bars, in the order of time: those from an instant on are in its scale. µs since 1970. */
export interface BarSplits {
  readonly fromUs: readonly number[];
  /** Shares after for each one before. */
  readonly ratios: readonly number[];
}

/** Where finished bars go: columns to be filled from `length` on. */
export interface BarsOut extends Bars {
  readonly capacity: number;
  length: number;
}

/** No bucket is open. */
export function clearBucket(state: Float64Array, at: number): void {
  for (let i = at; i < at + BUCKET_LENGTH; i++) state[i] = Number.NaN;
}

/** Whether a bucket is open. */
export function isOpen(state: Float64Array, at: number): boolean {
  return !Number.isNaN(state[at + START]!);
}

/** A bucket's beginning, µs since 1970, and its bar so far; NaN: none is open. */
export interface BarSoFar {
  readonly ts: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
}

/** The bucket at `state[at …]` as its values. */
export function barSoFar(state: Float64Array, at: number): BarSoFar {
  return {
    ts: state[at + START]!,
    open: state[at + OPEN]!,
    high: state[at + HIGH]!,
    low: state[at + LOW]!,
    close: state[at + CLOSE]!,
    volume: state[at + VOLUME]!,
    trades: state[at + TRADES]!,
  };
}

/**
 * Takes rows [from, to) of `bars`, all of one series, ascending in time and behind all that were taken before, into the
 * bucket at `state[at …]`. A bucket that ends goes to the end of `out` with `ordinal` as its symbol, unless it begins
 * before `wholeFromUs`: then it is not whole, and dropped. Stops where `out` is full; returns the first row not taken.
 */
export function aggregate(
  grid: BucketGrid,
  state: Float64Array,
  at: number,
  wholeFromUs: number,
  bars: Bars,
  from: number,
  to: number,
  out: BarsOut,
  ordinal: number,
): number {
  if (from === to) return to;
  const { ts, open, high, low, close, volume, trades } = bars;
  const { stepUs } = grid;
  // The bucket in variables: of thinly traded markets nearly every row begins one.
  let start = state[at + START]!;
  let end = state[at + END]!;
  let first = state[at + OPEN]!;
  let highest = state[at + HIGH]!;
  let lowest = state[at + LOW]!;
  let last = state[at + CLOSE]!;
  let sum = state[at + VOLUME]!;
  let count = state[at + TRADES]!;
  let row = from;
  while (row < to) {
    const us = ts[row]!;
    // NaN: no bucket is open.
    if (!(us < end)) {
      if (!Number.isNaN(start)) {
        if (out.length === out.capacity) break;
        if (start >= wholeFromUs) {
          const made = out.length++;
          out.symbol[made] = ordinal;
          out.ts[made] = start;
          out.open[made] = first;
          out.high[made] = highest;
          out.low[made] = lowest;
          out.close[made] = last;
          out.volume[made] = sum;
          out.trades[made] = count;
        }
      }
      if (Number.isNaN(stepUs)) {
        start = grid.floor(us);
        end = grid.endOf(start);
      } else {
        start = Math.floor(us / stepUs) * stepUs;
        end = start + stepUs;
      }
      first = open[row]!;
      highest = Number.NEGATIVE_INFINITY;
      lowest = Number.POSITIVE_INFINITY;
      sum = Number.NaN;
      count = Number.NaN;
    }
    do {
      if (high[row]! > highest) highest = high[row]!;
      if (low[row]! < lowest) lowest = low[row]!;
      const more = volume[row]!;
      if (!Number.isNaN(more)) sum = Number.isNaN(sum) ? more : sum + more;
      const several = trades[row]!;
      if (!Number.isNaN(several)) count = Number.isNaN(count) ? several : count + several;
      row++;
    } while (row < to && ts[row]! < end);
    last = close[row - 1]!;
  }
  state[at + START] = start;
  state[at + END] = end;
  state[at + OPEN] = first;
  state[at + HIGH] = highest;
  state[at + LOW] = lowest;
  state[at + CLOSE] = last;
  state[at + VOLUME] = sum;
  state[at + TRADES] = count;
  return row;
}

/**
 * {@link aggregate}, through the splits of the bars. `lastUs`: the bar that was taken last; -Infinity: none was.
 */
export function aggregateThrough(
  splits: BarSplits,
  lastUs: number,
  grid: BucketGrid,
  state: Float64Array,
  at: number,
  wholeFromUs: number,
  bars: Bars,
  from: number,
  to: number,
  out: BarsOut,
  ordinal: number,
): number {
  if (splits.fromUs.length === 0)
    return aggregate(grid, state, at, wholeFromUs, bars, from, to, out, ordinal);
  const { ts } = bars;
  let before = lastUs;
  for (let row = from; row < to; ) {
    // Where there is no room for it, nothing may have been done to the bucket either: it comes again.
    if (isOpen(state, at) && ts[row]! >= state[at + END]! && out.length === out.capacity) return row;
    passSplits(splits, before, ts[row]!, state, at);
    const next = splits.fromUs.find((us) => us > ts[row]!) ?? Number.POSITIVE_INFINITY;
    let until = row + 1;
    while (until < to && ts[until]! < next) until++;
    const taken = aggregate(grid, state, at, wholeFromUs, bars, row, until, out, ordinal);
    if (taken < until) return taken;
    before = ts[until - 1]!;
    row = until;
  }
  return to;
}

/** Splits behind an instant, up to and with another: those in the middle of the open bucket change its scale. */
function passSplits(
  { fromUs, ratios }: BarSplits,
  afterUs: number,
  toUs: number,
  state: Float64Array,
  at: number,
): void {
  for (let i = 0; i < fromUs.length; i++) {
    const us = fromUs[i]!;
    if (us <= afterUs || us > toUs || !(us > state[at + START]! && us < state[at + END]!)) continue;
    for (const slot of [OPEN, HIGH, LOW, CLOSE]) state[at + slot]! /= ratios[i]!;
    state[at + VOLUME]! *= ratios[i]!;
  }
}

/**
 * The open bucket ends where all of its time is known: it goes to `out`, which must have room for a bar. `splits` and
 * `lastUs` as in {@link aggregateThrough}: it may end behind a split with no bar there.
 */
export function settle(
  splits: BarSplits,
  lastUs: number,
  state: Float64Array,
  at: number,
  wholeFromUs: number,
  knownToUs: number,
  out: BarsOut,
  ordinal: number,
): void {
  if (!isOpen(state, at) || state[at + END]! > knownToUs) return;
  if (splits.fromUs.length > 0) passSplits(splits, lastUs, state[at + END]!, state, at);
  finish(state, at, wholeFromUs, out, ordinal);
}

function finish(state: Float64Array, at: number, wholeFromUs: number, out: BarsOut, ordinal: number): void {
  if (state[at + START]! >= wholeFromUs) {
    const row = out.length++;
    out.symbol[row] = ordinal;
    out.ts[row] = state[at + START]!;
    out.open[row] = state[at + OPEN]!;
    out.high[row] = state[at + HIGH]!;
    out.low[row] = state[at + LOW]!;
    out.close[row] = state[at + CLOSE]!;
    out.volume[row] = state[at + VOLUME]!;
    out.trades[row] = state[at + TRADES]!;
  }
  clearBucket(state, at);
}
