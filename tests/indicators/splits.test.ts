import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BarColumns, INDICATOR_NAMES } from '../../src/bars/columns.ts';
import {
  decodeState,
  encodeState,
  SessionClock,
  type SplitDays,
  type Splits,
  STATE_LENGTH,
  splitFrom,
  splitsOf,
} from '../../src/indicators/engine.ts';
import { PlainColumnsEngine } from './plain_columns.ts';
import { PlainLoops } from './plain_loops.ts';
import { barsOf, firstDifference, indicator, randomOf } from './series.ts';

/** Indicators run on through splits. */

const DAY_US = 86_400_000_000;
const FIRST_DAY = Date.UTC(2024, 0, 1) / 86_400_000;
/** Ratios with and without an exact inverse. */
const ratio = fc.constantFrom(2, 4, 1.5, 3, 7, 20, 0.1, 1 / 8);
const days = fc
  .uniqueArray(fc.tuple(fc.integer({ min: -2, max: 45 }), ratio), { maxLength: 6, selector: ([day]) => day })
  .map((some) => some.sort(([a], [b]) => a - b));

function splitDays(some: readonly (readonly [number, number])[]): SplitDays {
  return { days: some.map(([day]) => FIRST_DAY + day), ratios: some.map(([, one]) => one) };
}

/** Forty days of 30 bars as they were traded: after each split at another scale. Some bars are none, some volumes are. */
function traded(seed: number, { days: at, ratios }: SplitDays): BarColumns {
  const random = randomOf(seed);
  let price = 100;
  const cols = barsOf(
    Array.from({ length: 1_200 }, () => (price *= 1 + (random() - 0.5) / 40)),
    random,
  );
  for (let i = 0; i < cols.length; i++) {
    const day = Math.floor(i / 30);
    cols.ts[i] = (FIRST_DAY + day) * DAY_US + (13 * 60 + (i % 30)) * 60_000_000;
    const scale = ratios.reduce((all, one, k) => (at[k]! <= FIRST_DAY + day ? all * one : all), 1);
    for (const column of [cols.open, cols.high, cols.low, cols.close]) column[i]! /= scale;
    cols.volume[i]! *= scale;
    if (random() < 0.02) cols.volume[i] = Number.NaN;
    if (random() < 0.01) cols.close[i] = Number.NaN;
  }
  return cols;
}

/** As bars of minutes meet them. */
const met = (days: SplitDays): Splits => splitsOf(days, 60e6, SessionClock.utcDay());

function copyOf(cols: BarColumns): BarColumns {
  const copy = new BarColumns(cols.length);
  copy.append(cols, 0, cols.length);
  return copy;
}

test('any cut of the stream, through stored and encoded states, gives the bits of one run, and of plain loops', () => {
  const property = fc.property(
    days,
    fc.nat(99),
    fc.array(fc.nat(1_200), { maxLength: 8 }),
    (some, seed, cuts) => {
      const splits = splitDays(some);
      const bars = traded(seed, splits);
      const plain = copyOf(bars);
      new PlainLoops(SessionClock.utcDay(), met(splits)).run(plain, 0, plain.length);
      const pieces = copyOf(bars);
      const state = new Float64Array(STATE_LENGTH);
      let from = 0;
      for (const to of [...cuts, bars.length].sort((a, b) => a - b)) {
        const engine = new PlainColumnsEngine(SessionClock.utcDay());
        engine.load(state, 0);
        engine.splits = met(splits);
        engine.run(pieces, from, to);
        engine.store(state, 0);
        decodeState(encodeState(state, 0).slice(), state);
        from = to;
      }
      for (const name of INDICATOR_NAMES)
        expect(
          `${name} ${firstDifference(indicator(pieces, name), indicator(plain, name), bars.length)}`,
        ).toBe(`${name} -1`);
    },
  );
  fc.assert(property, { numRuns: 30 });
});

test('they are those of a series whose history was told anew in the scale of each split', () => {
  const property = fc.property(days, fc.nat(99), (some, seed) => {
    const splits = splitDays(some);
    const bars = traded(seed, splits);
    new PlainLoops(SessionClock.utcDay(), met(splits)).run(bars, 0, bars.length);
    const dayOf = (row: number): number => Math.floor(bars.ts[row]! / DAY_US);
    const starts = [-Infinity, ...splits.days, Infinity];
    for (let k = 0; k + 1 < starts.length; k++) {
      // All bars before the next split, in the scale of this one.
      const told = copyOf(bars);
      for (let row = 0; row < told.length; row++) {
        const scale = splits.ratios.reduce(
          (all, one, s) => (dayOf(row) < splits.days[s]! && splits.days[s]! <= starts[k]! ? all * one : all),
          1,
        );
        for (const column of [told.open, told.high, told.low, told.close]) column[row]! /= scale;
        told.volume[row]! *= scale;
      }
      new PlainLoops(SessionClock.utcDay()).run(told, 0, told.length);
      for (const name of INDICATOR_NAMES) {
        const wrong = bars.ts.findIndex((_, row) => {
          if (row >= bars.length || dayOf(row) < starts[k]! || dayOf(row) >= starts[k + 1]!) return false;
          const [found, right] = [indicator(bars, name)[row]!, indicator(told, name)[row]!];
          if (Number.isNaN(right)) return !Number.isNaN(found);
          const scale = name.startsWith('macd') ? told.close[row]! / 100 : Math.max(Math.abs(right), 1e-3);
          return !(Math.abs(found - right) <= 1e-11 * scale);
        });
        expect(`${name} of row ${wrong} behind split ${k}`).toBe(`${name} of row -1 behind split ${k}`);
      }
    }
  });
  fc.assert(property, { numRuns: 10 });
});

test('bars are in the scale of a split from the one on that its day begins in', () => {
  const day = (text: string): number => Date.parse(`${text}Z`) / 86_400_000;
  const newYork = SessionClock.zone('America/New_York');
  const from = (text: string, intervalS: number): string =>
    new Date(splitFrom(day(text), intervalS * 1e6, newYork) / 1000).toISOString().slice(0, 16);
  // A Wednesday.
  expect(from('2024-06-12', 60)).toBe('2024-06-12T04:00');
  expect(from('2024-06-12', 43_200)).toBe('2024-06-12T00:00');
  expect(from('2024-06-12', 86_400)).toBe('2024-06-12T04:00');
  expect(from('2024-06-12', 604_800)).toBe('2024-06-10T04:00');
  expect(from('2024-06-12', 2_592_000)).toBe('2024-06-01T04:00');
  expect(from('2024-03-11', 604_800)).toBe('2024-03-11T04:00');
  // A month that begins before the clocks change.
  expect(from('2024-03-12', 2_592_000)).toBe('2024-03-01T05:00');
});
