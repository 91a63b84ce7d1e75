import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factorText, placesOf, splitOf } from '../../src/validate/factors.ts';
import { type Jump, JumpFinder, joined } from '../../src/validate/jumps.ts';
import { median, select } from '../../src/validate/medians.ts';
import { VolumeFinder } from '../../src/validate/volumes.ts';
import { random } from '../e2e/market.ts';

const DAY = 86_400_000_000;
const finder = new JumpFinder(4096);

/** Closes that wander by about `noise` a bar; opens lie between. */
function wander(bars: number, noise: number, seed = 3): number[] {
  const next = random(seed);
  let price = 80;
  return Array.from({ length: bars }, () => {
    price *= 1 + noise * (next() + next() + next() - 1.5);
    return Number(price.toFixed(2));
  });
}

interface Bars {
  readonly open: number[];
  readonly high: number[];
  readonly low: number[];
  readonly close: number[];
}

function barsOf(close: readonly number[]): Bars {
  const open = close.map((price, i) =>
    Number((i === 0 ? price : (price * 3 + close[i - 1]!) / 4).toFixed(2)),
  );
  return {
    open,
    high: close.map((price, i) => Math.max(price, open[i]!) * 1.002),
    low: close.map((price, i) => Math.min(price, open[i]!) * 0.998),
    close: [...close],
  };
}

/** All prices of bars `[from, to)` times a factor. */
function scaled({ open, high, low, close }: Bars, from: number, to: number, factor: number): Bars {
  const times = (prices: readonly number[]): number[] =>
    prices.map((price, i) => (i >= from && i < to ? price * factor : price));
  return { open: times(open), high: times(high), low: times(low), close: times(close) };
}

function find({ open, high, low, close }: Bars, deviations = 20, anyPrice = false): Jump[] {
  const rows = close.length;
  const prices = {
    ts: Float64Array.from(close, (_, i) => i * DAY),
    open: Float64Array.from(open),
    high: Float64Array.from(high),
    low: Float64Array.from(low),
    close: Float64Array.from(close),
  };
  const part = { rows, from: 0, to: rows, before: 0 };
  return joined(finder.find(prices, part, DAY, deviations, anyPrice));
}

/** `kind factor at bars`. */
const said = (jumps: readonly Jump[]): string[] =>
  jumps.map(({ kind, factor, ordinal, bars }) => [kind, factor, ordinal, bars ?? 'stays'].join(' '));

describe('jumps', () => {
  it('are none in a series that wanders, however wild and however short', () => {
    for (const noise of [0.0005, 0.01, 0.05])
      for (const bars of [3, 7, 12, 60, 3000]) expect(said(find(barsOf(wander(bars, noise))))).toEqual([]);
  });

  it('are found in twelve bars as in three thousand', () => {
    for (const bars of [12, 40, 3000]) {
      const sound = barsOf(wander(bars, 0.01));
      const at = Math.floor(bars / 2);
      expect(said(find(scaled(sound, at, at + 1, 1.7)))).toEqual([`spike ×1.7 ${at} 1`].map(expectNear));
      expect(find(scaled(sound, at, bars, 1.7)).map(({ kind, ordinal }) => [kind, ordinal])).toEqual([
        ['level', at],
      ]);
    }
  });

  it('that stay are splits where a company would split so', () => {
    const sound = barsOf(wander(80, 0.02));
    for (const [factor, ratio] of [
      [1 / 2, '2:1'],
      [1 / 4, '4:1'],
      [2 / 3, '3:2'],
      [1 / 20, '20:1'],
      [10, '1:10'],
      [5, '1:5'],
    ] as const)
      expect(said(find(scaled(sound, 50, 80, factor)))).toEqual([`split ${ratio} 50 stays`]);
    // Up by a half is no split of anybody's.
    expect(find(scaled(sound, 50, 80, 1.5)).map(({ kind }) => kind)).not.toContain('split');
  });

  it('tell a 3:2 split from the moves of a wild market that are nearly as large', () => {
    const wild = barsOf(wander(400, 0.12, 9));
    expect(said(find(wild))).toEqual([]);
    const at = 250;
    const split = scaled(wild, at, 400, 2 / 3);
    // The market opens where it closed, as it would on that day.
    split.open[at] = (wild.close[at - 1]! * 2) / 3;
    split.close[at] = split.open[at]! * 0.99;
    split.high[at] = split.open[at]! * 1.01;
    split.low[at] = split.open[at]! * 0.98;
    expect(said(find(split)).filter((one) => one.startsWith('split'))).toEqual([`split 3:2 ${at} stays`]);
  });

  it('by powers of ten are slips, of one bar, of some and of all that follow', () => {
    const sound = barsOf(wander(200, 0.02));
    expect(said(find(scaled(sound, 90, 91, 100)))).toEqual(['slip ×100 90 1']);
    expect(said(find(scaled(sound, 90, 92, 1 / 1000)))).toEqual(['slip ÷1,000 90 2']);
    expect(said(find(scaled(sound, 90, 91, 0.1)))).toEqual(['decimal ÷10 90 1']);
    expect(said(find(scaled(sound, 90, 140, 100)))).toEqual(['slip ×100 90 50']);
    expect(said(find(scaled(sound, 90, 140, 10)))).toEqual(['decimal ×10 90 50']);
    expect(said(find(scaled(sound, 90, 200, 0.01)))).toEqual(['slip ÷100 90 stays']);
    // Half the price for a while is no split.
    expect(said(find(scaled(sound, 90, 140, 0.5)))).toEqual(['spike ÷2 90 50'].map(expectNear));
  });

  it('of the sign are told as such, each bar', () => {
    const sound = barsOf(wander(100, 0.01));
    expect(said(find(scaled(sound, 40, 41, -1)))).toEqual(['sign ×-1 40 1']);
    expect(find(scaled(sound, 40, 42, -1)).map(({ kind }) => kind)).toEqual(['sign', 'sign']);
    // However many there are: those are not values that pass zero on their way.
    expect(find(scaled(sound, 40, 47, -1)).map(({ kind }) => kind)).toEqual(Array(7).fill('sign'));
  });

  it('of prices that may be anything are told where they are slips, and where zero is far', () => {
    const findAny = (bars: Bars): string[] => said(find(bars, 20, true));
    const sound = barsOf(wander(120, 0.01));
    expect(findAny(sound)).toEqual([]);
    expect(findAny(scaled(sound, 40, 42, -1))).toEqual(['sign ×-1 40 1', 'sign ×-1 41 1']);
    expect(findAny(scaled(sound, 90, 91, 100))).toEqual(['slip ×100 90 1']);
    // A price may halve, and go below zero.
    expect(findAny(scaled(sound, 60, 120, 0.5))).toEqual([]);
    expect(findAny(scaled(sound, 60, 61, -0.3))).toEqual([]);
    const next = random(6);
    const spread = Array.from({ length: 200 }, () => next() - 0.2);
    expect(findAny(barsOf(spread))).toEqual([]);
  });

  it('of an open, a high or a low alone are told by their field', () => {
    const sound = barsOf(wander(100, 0.01));
    sound.low[30]! /= 100;
    sound.high[60]! *= 10;
    sound.open[80]! *= 4;
    expect(find(sound).map(({ field, kind, ordinal }) => [field, kind, ordinal])).toEqual([
      ['low', 'slip', 30],
      ['high', 'decimal', 60],
      ['open', 'spike', 80],
    ]);
  });

  it('are found in a series that never moves, by the digits it is told in', () => {
    const flat = barsOf(Array.from({ length: 50 }, () => 1.25));
    expect(find(flat)).toEqual([]);
    expect(said(find(scaled(flat, 20, 21, 100)))).toEqual(['slip ×100 20 1']);
    expect(said(find(scaled(flat, 20, 21, 2)))).toEqual(['spike ×2 20 1']);
    // A tick of a price of few digits is no jump.
    const ticks = barsOf(Array.from({ length: 60 }, (_, i) => (i % 9 === 4 ? 3e-8 : 2e-8)));
    expect(find({ ...ticks, open: ticks.close })).toEqual([]);
  });

  it('of values around zero are measured by difference, and their signs are no fault', () => {
    const next = random(5);
    const close = Array.from({ length: 300 }, () => Number(((next() - 0.5) * 1e-3).toFixed(8)));
    const bars = { open: close, high: close, low: close, close };
    expect(find(bars)).toEqual([]);
    const spoilt = close.with(120, 0.4);
    expect(
      find({ open: spoilt, high: spoilt, low: spoilt, close: spoilt }).map(({ kind, ordinal }) => [
        kind,
        ordinal,
      ]),
    ).toEqual([['spike', 120]]);
  });

  it('are the same in whatever pieces a series is looked at, where the pieces overlap', () => {
    const spoilt = scaled(scaled(barsOf(wander(1000, 0.01)), 500, 501, 3), 820, 1000, 0.25);
    const whole = find(spoilt);
    const rows = spoilt.close.length;
    const prices = {
      ts: Float64Array.from(spoilt.close, (_, i) => i * DAY),
      open: Float64Array.from(spoilt.open),
      high: Float64Array.from(spoilt.high),
      low: Float64Array.from(spoilt.low),
      close: Float64Array.from(spoilt.close),
    };
    for (const cut of [499, 500, 501, 502, 600, 819, 820, 821]) {
      const parts = [
        finder.find(prices, { rows, from: 0, to: cut, before: 0 }, DAY, 20),
        finder.find(prices, { rows, from: cut, to: rows, before: 0 }, DAY, 20),
      ];
      expect(joined(parts.flat())).toEqual(whole);
    }
  });
});

/** Neighbours' own moves are in a factor that is no power of ten. */
function expectNear(text: string): unknown {
  const [kind, factor, ...rest] = text.split(' ');
  return expect.stringMatching(new RegExp(`^${kind} ${factor![0]}\\d(\\.\\d+)? ${rest.join(' ')}$`));
}

describe('factors', () => {
  it('are named as people name them', () => {
    expect(factorText(Math.log(100.2))).toBe('×100');
    expect(factorText(-Math.log(1000))).toBe('÷1,000');
    expect(factorText(Math.log(1.4797))).toBe('×1.48');
    expect([placesOf(Math.log(10)), placesOf(-Math.log(990)), placesOf(Math.log(7)), placesOf(0)]).toEqual([
      1, -3, 0, 0,
    ]);
    expect(splitOf(-Math.log(1.52))?.ratio).toBe('3:2');
    expect(splitOf(Math.log(3.9))?.ratio).toBe('1:4');
    expect(splitOf(-Math.log(1.75))).toBeNull();
  });
});

describe('medians', () => {
  it('are those of the sorted values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.nat(59),
        (values, n) => {
          const k = n % values.length;
          const sorted = Float64Array.from(values).sort();
          // Sorting puts -0 before 0; which of them is selected does not matter.
          expect(select(Float64Array.from(values), values.length, k) - 0 === sorted[k]! - 0).toBe(true);
        },
      ),
    );
    expect(median(Float64Array.from([5, 1, 9, 7]), 4)).toBe(5);
    expect(median(new Float64Array(0), 0)).toBeNaN();
  });
});

describe('volumes', () => {
  const volumes = new VolumeFinder(4096);
  it('stand out above the usual alone, also where the usual never differs', () => {
    const next = random(2);
    const usual = Float64Array.from({ length: 300 }, () => Math.exp(3 + 2 * (next() + next() - 1)));
    expect(volumes.find(usual, 300, 0, 300, 6)).toEqual([]);
    const some = usual.slice();
    some[120] = 1e8;
    some[121] = 1e-6;
    some[122] = Number.NaN;
    some[123] = 0;
    expect(volumes.find(some, 300, 0, 300, 6).map(({ row }) => row)).toEqual([120]);
    const flat = new Float64Array(40).fill(10);
    flat[7] = 15;
    flat[9] = 5000;
    expect(volumes.find(flat, 40, 0, 40, 6).map(({ row }) => row)).toEqual([9]);
    expect(volumes.find(flat, 12, 0, 12, 6)).toEqual([]);
  });
});
