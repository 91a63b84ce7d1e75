import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BarColumns, INDICATOR_NAMES, type IndicatorName } from '../../src/bars/columns.ts';
import { plainIndicators } from '../../src/bench/plain_indicators.ts';
import { decodeState, encodeState, SessionClock, STATE_LENGTH } from '../../src/indicators/engine.ts';
import { PlainColumnsEngine } from './plain_columns.ts';
import { barsOf, firstDifference, indicator, MINUTE_US, oneSession, randomOf } from './series.ts';

function compute(cols: BarColumns, clock = SessionClock.utcDay()): BarColumns {
  new PlainColumnsEngine(clock).run(cols, 0, cols.length);
  return cols;
}

describe('against a plain windowed computation, 100,000 bars', () => {
  const ROWS = 100_000;
  const kinds: [string, (random: () => number, rows: number) => number[]][] = [
    ['a random walk', (random, rows) => walk(random, rows, 100, 0.002)],
    ['small prices', (random, rows) => walk(random, rows, 1e-8, 0.01)],
    ['huge prices', (random, rows) => walk(random, rows, 1e12, 0.01)],
    [
      'long flats and sudden jumps',
      (random, rows) => {
        let price = 50;
        return Array.from({ length: rows }, () => {
          if (random() < 0.01) price *= random() < 0.5 ? 0.2 + random() : 1 / (0.2 + random());
          return price;
        });
      },
    ],
  ];

  function walk(random: () => number, rows: number, start: number, step: number): number[] {
    let price = start;
    return Array.from({ length: rows }, () => {
      price *= 1 + (random() - 0.5) * step;
      return price;
    });
  }

  /** What an error is measured against: differences of prices against a thousandth of the price, returns against a basis point. */
  function scale(name: IndicatorName, expected: number, price: number): number {
    if (name.startsWith('macd')) return Math.max(Math.abs(expected), price / 1000);
    if (name === 'log_return' || name === 'volatility_20') return Math.max(Math.abs(expected), 1e-4);
    if (name === 'rsi_14') return Math.max(expected, 1);
    return Math.abs(expected);
  }

  test.each(kinds)('%s agrees to 1e-9', (_, closes) => {
    const random = randomOf(7);
    const cols = barsOf(closes(random, ROWS), random);
    // Gaps of up to a week, and minutes without volume.
    for (let i = 1; i < ROWS; i++) {
      cols.ts[i] = cols.ts[i - 1]! + MINUTE_US * (random() < 0.001 ? Math.ceil(random() * 10_000) : 1);
      if (random() < 0.05) cols.volume[i] = 0;
    }
    compute(cols);
    const plain = plainIndicators(cols, (ts) => new Date(ts / 1000).getUTCDate());
    for (const name of INDICATOR_NAMES) {
      const found = indicator(cols, name);
      const wrong = plain[name].findIndex((expected, i) => {
        if (Number.isNaN(expected)) return !Number.isNaN(found[i]!);
        return !(Math.abs(found[i]! - expected) <= 1e-9 * scale(name, expected, cols.close[i]!));
      });
      expect(`${name} row ${wrong}: ${found[wrong]}`).toBe(`${name} row -1: undefined`);
    }
  });
});

describe('continuity', () => {
  /** Bars of all sorts: ordinary, flat, without volume, kept with a price of zero or less, and no bars at all. */
  const close = fc.oneof(
    { weight: 20, arbitrary: fc.double({ min: 1, max: 100, noNaN: true }) },
    { weight: 5, arbitrary: fc.constant(42.1) },
    { weight: 1, arbitrary: fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e200) },
  );

  test('any split, through stored and encoded states, gives the same bits as one run', () => {
    const property = fc.property(
      fc.array(close, { minLength: 1, maxLength: 700, size: 'max' }),
      fc.array(fc.nat(700), { maxLength: 12 }),
      (closes, places) => {
        const whole = compute(barsOf(closes));
        const parts = barsOf(closes);
        const ends = [...new Set([...places.map((p) => p % closes.length), closes.length])].sort(
          (a, b) => a - b,
        );
        const state = new Float64Array(2 * STATE_LENGTH);
        let from = 0;
        for (const [k, to] of ends.entries()) {
          const engine = new PlainColumnsEngine(SessionClock.utcDay());
          engine.load(state, STATE_LENGTH);
          engine.run(parts, from, to);
          engine.store(state, STATE_LENGTH);
          if (k % 2 === 0) decodeState(encodeState(state, STATE_LENGTH), state.subarray(STATE_LENGTH));
          from = to;
        }
        for (const [k, out] of whole.indicators.entries()) {
          const row = firstDifference(out, parts.indicators[k]!, closes.length);
          expect(`${INDICATOR_NAMES[k]} differs at ${row}`).toBe(`${INDICATOR_NAMES[k]} differs at -1`);
        }
      },
    );
    fc.assert(property, { numRuns: 60 });
  });

  test('an engine used for other series in between is none the wiser', () => {
    const random = randomOf(3);
    const a = Array.from({ length: 400 }, () => 10 + random());
    const b = Array.from({ length: 400 }, () => 1e6 * random());
    const whole = [compute(barsOf(a)), compute(barsOf(b))] as const;
    const parts = [barsOf(a), barsOf(b)] as const;
    const states = new Float64Array(2 * STATE_LENGTH);
    const engine = new PlainColumnsEngine(SessionClock.utcDay());
    for (let from = 0; from < 400; from += 25) {
      for (const [s, cols] of parts.entries()) {
        engine.load(states, s * STATE_LENGTH);
        engine.run(cols, from, from + 25);
        engine.store(states, s * STATE_LENGTH);
      }
    }
    for (const [s, cols] of parts.entries()) {
      for (const [k, out] of cols.indicators.entries()) {
        expect(firstDifference(out, whole[s]!.indicators[k]!, 400)).toBe(-1);
      }
    }
  });

  test('reset forgets the series before', () => {
    const cols = barsOf(Array.from({ length: 300 }, (_, i) => 5 + Math.sin(i)));
    const engine = new PlainColumnsEngine(SessionClock.utcDay());
    engine.run(barsOf([1e9, 2, 1e-3, 7]), 0, 4);
    engine.reset();
    engine.run(cols, 0, 300);
    const fresh = compute(barsOf(Array.from({ length: 300 }, (_, i) => 5 + Math.sin(i))));
    for (const [k, out] of cols.indicators.entries()) {
      expect(firstDifference(out, fresh.indicators[k]!, 300)).toBe(-1);
    }
  });

  test('the last stamp goes with the state', () => {
    const engine = new PlainColumnsEngine(SessionClock.utcDay());
    expect(engine.lastTs).toBe(Number.NEGATIVE_INFINITY);
    const cols = barsOf([1, 2, Number.NaN]);
    engine.run(cols, 0, 0);
    expect(engine.lastTs).toBe(Number.NEGATIVE_INFINITY);
    engine.run(cols, 0, 3);
    const state = new Float64Array(STATE_LENGTH);
    engine.store(state, 0);
    decodeState(encodeState(state, 0), state);
    const other = new PlainColumnsEngine(SessionClock.utcDay());
    other.load(state, 0);
    expect(other.lastTs).toBe(cols.ts[2]);
  });
});

describe('exactness', () => {
  test('after a crash the bands of a flat price have no width, wherever the window stands', () => {
    for (let before = 1; before <= 120; before++) {
      const noise = Array.from({ length: before }, (_, i) => 1e9 * (1 + Math.sin(i)));
      const cols = compute(barsOf([...noise, ...Array<number>(50).fill(0.1)]));
      for (let i = before + 19; i < before + 50; i++) {
        expect(indicator(cols, 'bb_upper')[i]).toBe(0.1);
        expect(indicator(cols, 'bb_lower')[i]).toBe(0.1);
        expect(indicator(cols, 'sma_20')[i]).toBe(0.1);
      }
      expect(indicator(cols, 'sma_50')[before + 49]).toBe(0.1);
    }
  });

  test('a price that never moves is its own average in all of them', () => {
    const cols = barsOf(Array<number>(400).fill(0.1));
    cols.high.fill(0.1);
    cols.low.fill(0.1);
    compute(cols);
    for (const name of ['sma_20', 'sma_50', 'ema_20', 'ema_50', 'ema_100', 'ema_200'] as const) {
      expect(new Set(indicator(cols, name).slice(199, 400))).toEqual(new Set([0.1]));
    }
    for (const name of ['macd', 'macd_signal', 'macd_hist', 'atr_14', 'volatility_20'] as const) {
      expect(new Set(indicator(cols, name).slice(199, 400))).toEqual(new Set([0]));
    }
    expect(indicator(cols, 'rsi_14')[399]).toBe(100);
  });

  test('constant returns have no volatility', () => {
    const cols = compute(barsOf(Array.from({ length: 100 }, (_, i) => 2 ** i)));
    expect(new Set(indicator(cols, 'log_return').slice(1, 100))).toEqual(new Set([Math.LN2]));
    expect(new Set(indicator(cols, 'volatility_20').slice(20, 100))).toEqual(new Set([0]));
  });

  test('ten million bars later the averages are still those of their windows', () => {
    const random = randomOf(11);
    const rows = 50_000;
    // Prices over twelve magnitudes: the rounding errors of the high ones would outweigh the low ones in a running sum.
    const cols = barsOf(
      Array.from({ length: rows }, (_, i) => 10 ** (6 * Math.sin(i / 500)) * (1 + random())),
      random,
    );
    const engine = new PlainColumnsEngine(oneSession());
    let runningSum = 0;
    for (let round = 0; round < 200; round++) {
      engine.run(cols, 0, rows);
      for (let i = 0; i < rows; i++) runningSum += cols.close[i]! - cols.close[(i + rows - 50) % rows]!;
    }
    for (const [name, n] of [
      ['sma_20', 20],
      ['sma_50', 50],
    ] as const) {
      for (let i = rows - 5000; i < rows; i++) {
        let sum = 0;
        for (let k = i - n + 1; k <= i; k++) sum += cols.close[k]!;
        const error = Math.abs(indicator(cols, name)[i]! / (sum / n) - 1);
        if (!(error <= 1e-12)) expect.fail(`${name} row ${i} is off by ${error}`);
      }
    }
    // The series is one on which the usual running sum does drift: in all it has added and taken away the same.
    expect(Math.abs(runningSum)).toBeGreaterThan(1e-9);
  });
});

describe('hostile bars', () => {
  const price = fc.oneof(
    fc.double(),
    fc.double({ min: 1e-8, max: 1e12 }),
    fc.constantFrom(0, -0, 1, Number.NaN, Number.POSITIVE_INFINITY, 1e150, -1e150, 5e-324, 1e308, -1e308),
  );
  const bars = fc.array(fc.tuple(price, price, price, price), { maxLength: 150, size: 'max' });

  function fill(rows: readonly (readonly [number, number, number, number])[]): BarColumns {
    const cols = barsOf(rows.map(() => 1));
    for (const [i, [high, low, close, volume]] of rows.entries()) {
      cols.high[i] = high;
      cols.low[i] = low;
      cols.close[i] = close;
      cols.volume[i] = volume;
    }
    return cols;
  }

  test('nothing throws and nothing comes out infinite', () => {
    const property = fc.property(bars, (rows) => {
      const cols = compute(fill(rows), oneSession());
      for (const [k, out] of cols.indicators.entries()) {
        const row = out.findIndex((x) => Math.abs(x) === Number.POSITIVE_INFINITY);
        expect(`${INDICATOR_NAMES[k]} ${row}`).toBe(`${INDICATOR_NAMES[k]} -1`);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  test('a bar without numbers has no indicators and changes none', () => {
    const property = fc.property(bars, (rows) => {
      // A volume may be missing, no price may.
      const usable = rows.map((row) =>
        row.every((x, k) => Math.abs(x) <= 1e150 || (k === 3 && Number.isNaN(x))),
      );
      const all = compute(fill(rows), oneSession());
      const some = compute(fill(rows.filter((_, i) => usable[i])), oneSession());
      for (const [k, out] of all.indicators.entries()) {
        const kept = out.slice(0, rows.length).filter((_, i) => usable[i]);
        expect(firstDifference(kept, some.indicators[k]!, kept.length)).toBe(-1);
        expect(out.slice(0, rows.length).every((x, i) => usable[i] || Number.isNaN(x))).toBe(true);
      }
    });
    fc.assert(property, { numRuns: 200 });
  });

  test.each([0, -3])(
    'a price of %d has no return; volatility is whole again when it has passed out',
    (bad) => {
      const cols = compute(
        barsOf(Array.from({ length: 120 }, (_, i) => (i === 60 ? bad : 10 + Math.sin(i)))),
      );
      const returns = indicator(cols, 'log_return');
      const nans = Array.from(returns.keys()).filter((i) => Number.isNaN(returns[i]!));
      expect(nans).toEqual([0, 60, 61]);
      const volatility = indicator(cols, 'volatility_20');
      const without = Array.from(volatility.keys()).filter((i) => i >= 20 && Number.isNaN(volatility[i]!));
      expect(without).toEqual(Array.from({ length: 21 }, (_, i) => 60 + i));
      for (const name of ['ema_20', 'ema_50', 'ema_100', 'macd_signal', 'rsi_14', 'atr_14'] as const) {
        expect(indicator(cols, name).slice(100).every(Number.isFinite), name).toBe(true);
      }
    },
  );

  test('two prices below zero have no return between them', () => {
    expect(indicator(compute(barsOf([1, -2, -4])), 'log_return').every(Number.isNaN)).toBe(true);
  });
});

describe('vwap', () => {
  test('a bar without a volume weighs nothing: without any there is no vwap, and all else is as ever', () => {
    const closes = Array.from({ length: 400 }, (_, i) => 10 + Math.sin(i));
    const whole = compute(barsOf(closes));
    const bare = barsOf(closes);
    bare.volume.fill(Number.NaN);
    compute(bare);
    for (const [k, name] of INDICATOR_NAMES.entries()) {
      if (name === 'vwap') expect(bare.indicators[k]!.slice(0, 400).every(Number.isNaN)).toBe(true);
      else expect(firstDifference(bare.indicators[k]!, whole.indicators[k]!, 400), name).toBe(-1);
    }
    const some = barsOf(closes);
    const zeros = barsOf(closes);
    for (let i = 0; i < 400; i++) if (i % 3 !== 1) [some.volume[i], zeros.volume[i]] = [Number.NaN, 0];
    const vwap = indicator(compute(some), 'vwap');
    expect(Number.isNaN(vwap[0]!)).toBe(true);
    expect(vwap[399]).toBeGreaterThan(9);
    expect(firstDifference(vwap, indicator(compute(zeros), 'vwap'), 400)).toBe(-1);
  });

  test('starts anew with each session of its clock', () => {
    const cols = barsOf(Array.from({ length: 3000 }, (_, i) => 10 + Math.sin(i)));
    // 2024-03-09 20:00 UTC on: over New York's short day.
    for (let i = 0; i < 3000; i++) cols.ts[i] = Date.UTC(2024, 2, 9, 20) * 1000 + i * MINUTE_US;
    compute(cols, SessionClock.zone('America/New_York'));
    const day = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York' });
    const plain = plainIndicators(cols, (ts) => day.format(ts / 1000)).vwap;
    for (const [i, expected] of plain.entries()) expect(indicator(cols, 'vwap')[i]).toBeCloseTo(expected, 12);
    const typical = (i: number): number => (cols.high[i]! + cols.low[i]! + cols.close[i]!) / 3;
    const starts = plain.flatMap((x, i) => (Math.abs(x - typical(i)) < 1e-12 ? [i] : []));
    // Midnight of the 10th is 05:00 UTC, of the 11th, a 23-hour day later, 04:00 UTC.
    expect(starts).toEqual([0, 9 * 60, 9 * 60 + 23 * 60]);
  });

  test('is not there while nothing was traded in the session', () => {
    const cols = barsOf([1, 2, 3, 4]);
    cols.volume.set([0, 0, 5, 0]);
    const vwap = indicator(compute(cols), 'vwap');
    expect(Array.from(vwap, Number.isNaN)).toEqual([true, true, false, false]);
    expect(vwap[3]).toBe(vwap[2]);
  });
});
