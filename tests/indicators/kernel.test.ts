import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BarColumns, INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { RowKernel } from '../../src/bars/row_kernel.ts';
import { IndicatorEngine, SessionClock, STATE_LENGTH } from '../../src/indicators/engine.ts';
import { ln } from '../../src/indicators/ln.ts';
import { PlainLoops } from './plain_loops.ts';
import { barsOf, firstDifference, MINUTE_US, oneSession, randomOf } from './series.ts';

const ROWS = 800;
const inKernel = new RowKernel(1, ROWS, 0, 0).columns(ROWS);

/** The same bars in the kernel's memory; what is behind them and what was computed before is rubbish. */
function moved(cols: BarColumns): BarColumns {
  inKernel.length = 0;
  inKernel.append(cols, 0, cols.length);
  for (const out of inKernel.indicators) out.fill(-7);
  return inKernel;
}

/** Kernel and plain loops over the same bars, cut at `places`, each piece on from the state of the one before. */
function expectEqualBits(cols: BarColumns, clock: () => SessionClock, places: readonly number[]): void {
  const other = moved(cols);
  const ends = [...new Set([...places.map((place) => place % cols.length), cols.length])].sort(
    (a, b) => a - b,
  );
  const plain = new PlainLoops(clock());
  const engine = new IndicatorEngine(clock(), RowKernel.of(inKernel)!);
  const state = new Float64Array(STATE_LENGTH);
  let from = 0;
  for (const to of ends) {
    plain.run(cols, from, to);
    engine.load(state, 0);
    engine.run(other, from, to);
    engine.store(state, 0);
    const slot = firstDifference(plain.state(), state, STATE_LENGTH);
    expect(`state differs at ${slot}`).toBe('state differs at -1');
    from = to;
  }
  for (const [k, out] of cols.indicators.entries()) {
    const row = firstDifference(out, other.indicators[k]!, cols.length);
    expect(`${INDICATOR_NAMES[k]} differs at ${row}`).toBe(`${INDICATOR_NAMES[k]} differs at -1`);
  }
}

describe('the kernel gives the same bits as the plain loops', () => {
  const price = fc.oneof(
    { weight: 20, arbitrary: fc.double({ min: 1, max: 100, noNaN: true }) },
    { weight: 8, arbitrary: fc.constant(42.1) },
    { weight: 2, arbitrary: fc.double() },
    { weight: 1, arbitrary: fc.constantFrom(0, -0, -1, Number.NaN, Infinity, 1e150, -1e150, 5e-324, 1e-310) },
  );

  test('for bars of all sorts, however they are split', () => {
    const property = fc.property(
      fc.array(price, { minLength: 1, maxLength: ROWS, size: 'max' }),
      fc.array(fc.nat(ROWS), { maxLength: 10 }),
      fc.nat(),
      (closes, places, seed) => {
        const random = randomOf(seed);
        const cols = barsOf(closes, random);
        for (let i = 0; i < closes.length; i++) {
          if (random() < 0.08) cols.volume[i] = [0, -5, Number.NaN][Math.floor(random() * 3)]!;
          if (random() < 0.02) cols.high[i] = closes[(i * 7) % closes.length]!;
          if (i > 0) cols.ts[i] = cols.ts[i - 1]! + MINUTE_US * (random() < 0.02 ? 1 + random() * 3000 : 1);
        }
        expectEqualBits(cols, () => SessionClock.zone('America/New_York'), places);
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  test('for walks of ordinary prices, over sessions and without', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomOf(seed);
      let close = 100;
      const closes = Array.from({ length: ROWS }, () => (close *= 1 + (random() - 0.5) / 50));
      expectEqualBits(barsOf(closes, random), oneSession, [seed * 13, seed * 29]);
      expectEqualBits(barsOf(closes, random), () => SessionClock.utcDay(), []);
    }
  });
});

describe('ln', () => {
  test('is within an ulp of Math.log, from the least to the greatest double', () => {
    const property = fc.property(
      fc.oneof(
        fc.double({ min: 5e-324, max: Number.MAX_VALUE, noNaN: true }),
        fc.double({ min: 0.5, max: 2, noNaN: true }),
        fc.double({ min: 1 - 2e-6, max: 1 + 2e-6, noNaN: true }),
        fc.integer({ min: -1074, max: 1023 }).map((k) => 2 ** k),
      ),
      (x) => {
        const expected = Math.log(x);
        expect(Math.abs(ln(x) - expected)).toBeLessThanOrEqual(Number.EPSILON * Math.abs(expected));
      },
    );
    fc.assert(property, { numRuns: 5000 });
  });

  test('of powers of two are multiples of ln 2, and of 1 is nothing', () => {
    expect(ln(1)).toBe(0);
    expect(ln(2)).toBe(Math.LN2);
    expect(ln(0.5)).toBe(-Math.LN2);
  });
});
