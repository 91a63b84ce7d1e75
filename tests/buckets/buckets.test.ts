import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import {
  aggregate,
  aggregateThrough,
  BUCKET_LENGTH,
  clearBucket,
  settle,
} from '../../src/buckets/aggregator.ts';
import { type BucketGrid, bucketGrid, dayGrid } from '../../src/buckets/bucket_grid.ts';
import { joined, knownFrom, knownTo } from '../../src/buckets/covered.ts';
import { isRollup, makes } from '../../src/buckets/rollup_rule.ts';
import { joinsBy } from '../../src/calendar/joined_files.ts';
import { calendarOf } from '../../src/calendar/market_calendar.ts';
import { NO_SPLITS } from '../../src/indicators/engine.ts';

const at = (text: string): number => Date.parse(text) * 1000;
const MINUTE_US = 60e6;

function days(grid: BucketGrid, from: string, count: number): string[] {
  const starts: string[] = [];
  for (let us = grid.floor(at(from)), n = 0; n < count; n++, us = grid.endOf(us))
    starts.push(new Date(us / 1000).toISOString().slice(0, 16));
  return starts;
}

describe('buckets begin', () => {
  it('with the days of the exchange, of 23 and 25 hours where its clocks change', () => {
    const grid = bucketGrid(86_400, 'America/New_York');
    expect(days(grid, '2024-03-09T15:00Z', 4)).toEqual([
      '2024-03-09T05:00',
      '2024-03-10T05:00',
      '2024-03-11T04:00',
      '2024-03-12T04:00',
    ]);
    expect(days(grid, '2024-11-02T15:00Z', 3)).toEqual([
      '2024-11-02T04:00',
      '2024-11-03T04:00',
      '2024-11-04T05:00',
    ]);
    // A half day is a day: its bars end at 18:00 UTC.
    expect(grid.floor(at('2024-11-29T17:59Z'))).toBe(at('2024-11-29T05:00Z'));
  });

  it('with sessions that begin the evening before: a Sunday evening is Monday', () => {
    const grid = bucketGrid(86_400, 'America/Chicago 17:00');
    expect(grid.floor(at('2024-06-09T22:00Z'))).toBe(at('2024-06-09T22:00Z'));
    expect(grid.floor(at('2024-06-10T21:59Z'))).toBe(at('2024-06-09T22:00Z'));
    const weeks = bucketGrid(604_800, 'America/Chicago 17:00');
    expect(weeks.floor(at('2024-06-09T22:00Z'))).toBe(at('2024-06-09T22:00Z'));
    expect(weeks.floor(at('2024-06-09T21:59Z'))).toBe(at('2024-06-02T22:00Z'));
  });

  it('on Monday and on the first, at UTC’s multiples within a day', () => {
    expect(days(bucketGrid(604_800, 'UTC'), '2024-03-03T12:00Z', 2)).toEqual([
      '2024-02-26T00:00',
      '2024-03-04T00:00',
    ]);
    expect(days(bucketGrid(2_592_000, 'UTC'), '2024-02-29T12:00Z', 3)).toEqual([
      '2024-02-01T00:00',
      '2024-03-01T00:00',
      '2024-04-01T00:00',
    ]);
    expect(days(bucketGrid(14_400, 'America/New_York'), '2024-03-10T07:30Z', 2)).toEqual([
      '2024-03-10T04:00',
      '2024-03-10T08:00',
    ]);
  });

  it('for intervals that others fill', () => {
    expect([60, 300, 3600, 14_400, 86_400, 604_800, 2_592_000].every(isRollup)).toBe(true);
    expect([0, 420, 100_000, 172_800].some(isRollup)).toBe(false);
    expect([makes(60, 300), makes(3600, 604_800), makes(86_400, 2_592_000)]).toEqual([true, true, true]);
    expect([makes(300, 300), makes(3600, 300), makes(1500, 3600), makes(604_800, 2_592_000)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

/** Minutes of a random walk; some had no trade, some have no volume. */
const minutes = fc.array(
  fc.record({
    after: fc.integer({ min: 1, max: 40 }),
    price: fc.double({ min: 1, max: 100, noNaN: true }),
    up: fc.double({ min: 0, max: 3, noNaN: true }),
    volume: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: Number.NaN }),
  }),
  { minLength: 1, maxLength: 120 },
);

/** Splits: in which minute, and what ratio. */
const ratios = fc
  .array(fc.tuple(fc.nat(2_400), fc.constantFrom(2, 4, 1.5, 3, 0.1)), { maxLength: 4 })
  .map((some) => some.sort(([a], [b]) => a - b));

describe('aggregation', () => {
  it('gives the same bits however the stream is split, and those of a plain sum', async () => {
    const property = fc.property(
      minutes,
      fc.array(fc.nat(130), { maxLength: 8 }),
      ratios,
      (some, cuts, all) => {
        const splits = {
          fromUs: all.map(([minute]) => at('2024-01-01') + minute * MINUTE_US),
          ratios: all.map(([, ratio]) => ratio),
        };
        const cols = new BarColumns(some.length, false);
        let ts = at('2024-01-01');
        some.forEach(({ after, price, up, volume }, i) => {
          ts += after * MINUTE_US;
          cols.ts[i] = ts;
          cols.open[i] = price;
          cols.high[i] = price + up;
          cols.low[i] = price - up / 4;
          cols.close[i] = price + up / 2;
          cols.volume[i] = volume;
          cols.trades[i] = Number.isNaN(volume) ? Number.NaN : i;
        });
        const grid = bucketGrid(900, 'UTC');
        const out = new BarColumns(some.length, false);
        const state = new Float64Array(BUCKET_LENGTH);
        clearBucket(state, 0);
        const ends = [...cuts.map((cut) => Math.min(cut, some.length)), some.length].sort((a, b) => a - b);
        let from = 0;
        const small = new BarColumns(1, false);
        for (const to of ends)
          while (from < to) {
            const lastUs = cols.ts[from - 1] ?? -Infinity;
            from = aggregateThrough(splits, lastUs, grid, state, 0, -Infinity, cols, from, to, small, 0);
            out.append(small, 0, small.length);
            small.length = 0;
          }
        settle(splits, cols.ts[some.length - 1]!, state, 0, -Infinity, Infinity, small, 0);
        out.append(small, 0, small.length);
        const rows = [...cols.ts.keys()];
        const plain = [...Map.groupBy(rows, (i) => Math.floor(cols.ts[i]! / 900e6) * 900e6)].map(
          ([start, is]) => {
            // What came before a split inside the bucket is put into the scale behind it.
            const scaled = is.map((i) => {
              const price = {
                open: cols.open[i]!,
                high: cols.high[i]!,
                low: cols.low[i]!,
                close: cols.close[i]!,
              };
              splits.fromUs.forEach((us, k) => {
                if (us <= start || us >= start + 900e6 || cols.ts[i]! >= us) return;
                for (const name of ['open', 'high', 'low', 'close'] as const)
                  price[name] /= splits.ratios[k]!;
              });
              return price;
            });
            let volume = Number.NaN;
            is.forEach((i, n) => {
              splits.fromUs.forEach((us, k) => {
                if (us > start && us <= cols.ts[i]! && n > 0 && us > cols.ts[is[n - 1]!]!)
                  volume *= splits.ratios[k]!;
              });
              const more = cols.volume[i]!;
              if (!Number.isNaN(more)) volume = Number.isNaN(volume) ? more : volume + more;
            });
            splits.fromUs.forEach((us, k) => {
              if (us > cols.ts[is.at(-1)!]! && us > start && us < start + 900e6) volume *= splits.ratios[k]!;
            });
            const trades = is.map((i) => cols.trades[i]!).filter((one) => !Number.isNaN(one));
            const sum = (list: number[]): number =>
              list.length === 0 ? Number.NaN : list.slice(1).reduce((a, b) => a + b, list[0]!);
            return [
              start,
              scaled[0]!.open,
              Math.max(...scaled.map(({ high }) => high)),
              Math.min(...scaled.map(({ low }) => low)),
              scaled.at(-1)!.close,
              volume,
              sum(trades),
            ];
          },
        );
        const made = Array.from({ length: out.length }, (_, i) =>
          (['ts', 'open', 'high', 'low', 'close', 'volume', 'trades'] as const).map((name) => out[name][i]),
        );
        expect(made).toEqual(plain);
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  it('stops where there is no room, and drops what begins before all is known', () => {
    const cols = new BarColumns(3, false);
    cols.ts.set([0, 1, 2].map((n) => n * 900e6));
    const out = new BarColumns(1, false);
    const state = new Float64Array(BUCKET_LENGTH);
    clearBucket(state, 0);
    const grid = bucketGrid(900, 'UTC');
    expect(aggregate(grid, state, 0, -Infinity, cols, 0, 3, out, 0)).toBe(2);
    out.length = 0;
    clearBucket(state, 0);
    expect(aggregate(grid, state, 0, 900e6, cols, 0, 3, out, 0)).toBe(3);
    expect([...out.ts.subarray(0, out.length)]).toEqual([900e6]);
    settle(NO_SPLITS, 1800e6, state, 0, 0, 2700e6 - 1, out, 0);
    expect(out.length).toBe(1);
  });
});

describe('what is known', () => {
  const file = { fileFromUs: null, fileToUs: null, wantFromUs: null, wantToUs: null, intervalUs: MINUTE_US };
  it('begins with the day of the first bar where no name tells, and ends with the last', () => {
    const utc = dayGrid('UTC');
    const [firstUs, lastUs] = [at('2024-01-02T00:07Z'), at('2024-01-03T10:58Z')];
    expect(knownFrom({ ...file, firstUs }, utc)).toBe(at('2024-01-02'));
    expect(knownTo({ ...file, lastUs })).toBe(at('2024-01-03T10:59Z'));
    expect(knownFrom({ ...file, firstUs, wantFromUs: at('2024-01-02T00:05Z') }, utc)).toBe(
      at('2024-01-02T00:05Z'),
    );
    expect(knownTo({ ...file, lastUs, fileToUs: at('2024-01-04') })).toBe(at('2024-01-04'));
  });

  it('is joined where the market had no day of trade between, and nowhere else', () => {
    const utc = dayGrid('UTC');
    const joins = (venue: string, days: BucketGrid, to: string, from: string): boolean =>
      joinsBy(calendarOf(venue), days)(at(to), at(from));
    const crypto = (to: string, from: string): boolean => joins('kraken', utc, to, from);
    expect(crypto('2024-01-03T14:05Z', '2024-01-04')).toBe(true);
    expect(crypto('2024-01-04', '2024-01-04')).toBe(true);
    expect(crypto('2024-01-04', '2024-01-05')).toBe(false);
    expect(crypto('2024-01-03T14:05Z', '2024-01-05')).toBe(false);
    const newYork = dayGrid('America/New_York');
    const us = (to: string, from: string): boolean => joins('us_stocks_sip', newYork, to, from);
    // A weekend, Good Friday with one, and a Wednesday that is missing.
    expect(us('2024-01-05T20:59Z', '2024-01-08T05:00Z')).toBe(true);
    expect(us('2024-03-28T23:59Z', '2024-04-01T04:00Z')).toBe(true);
    expect(us('2024-01-09T20:59Z', '2024-01-11T05:00Z')).toBe(false);
    expect(us('2024-01-05T20:59Z', '2024-01-09T05:00Z')).toBe(false);
    const forex = (to: string, from: string): boolean => joins('global_forex', utc, to, from);
    expect(forex('2024-01-05T22:00Z', '2024-01-07')).toBe(true);
    expect(forex('2024-01-05T22:00Z', '2024-01-08')).toBe(true);
    expect(forex('2024-01-05T22:00Z', '2024-01-09')).toBe(false);
    const one = { fromUs: at('2024-01-01'), toUs: at('2024-01-03') };
    const two = { fromUs: at('2024-01-03'), toUs: at('2024-01-04') };
    const three = { fromUs: at('2024-01-05'), toUs: at('2024-01-06') };
    expect(joined([three, two, one], joinsBy(calendarOf('kraken'), utc))).toEqual([
      { fromUs: one.fromUs, toUs: two.toUs },
      three,
    ]);
  });
});
