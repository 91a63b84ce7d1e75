import { beforeEach, describe, expect, it } from 'vitest';
import { scanSeries } from '../../src/gaps/scan.ts';
import { findSuspicious, percentile } from '../../src/gaps/suspicious.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { random } from '../e2e/market.ts';
import { addBars, addCoverage, addSeries, addTask, at, DAY, HOUR, range, wipe } from './loaded_market.ts';

const database = await testDatabase();
const db = database.pool;
const nowUs = at('2024-07-01Z');

beforeEach(() => wipe(db));

async function runs(): Promise<(string | number)[][]> {
  const scans = await scanSeries(db, { filter: ALL_SERIES, fromUs: null, toUs: nowUs, nowUs });
  const found = await findSuspicious(db, scans);
  return found.map(({ series, fromUs, toUs, candles, habit, ratio }) => [
    series.symbol,
    new Date(fromUs / 1000).toISOString().slice(0, 16),
    new Date(toUs / 1000).toISOString().slice(0, 16),
    candles,
    habit,
    ratio,
  ]);
}

/** Hourly bars of half a year, but those `missing` says. */
async function halfYear(symbol: string, missing: (us: number, i: number) => boolean): Promise<number> {
  const id = await addSeries(db, 'kraken', symbol, 3600);
  const task = await addTask(db, { symbol });
  await addCoverage(db, id, task, [range('2024-01-01Z', '2024-07-01Z')]);
  const stamps: number[] = [];
  for (let us = at('2024-01-01Z'), i = 0; us < at('2024-07-01Z'); us += HOUR, i++)
    if (!missing(us, i)) stamps.push(us);
  await addBars(db, id, stamps);
  return id;
}

const during = (us: number, from: string, to: string): boolean => us >= at(from) && us < at(to);

describe('a suspicious run', () => {
  it('is longer than four times what the series is used to', async () => {
    // Traded every hour but on 3 and 4 March: 36 hours, and 4 hours on 9 May.
    await halfYear(
      'BUSY',
      (us) =>
        during(us, '2024-03-03T12:00Z', '2024-03-05T00:00Z') ||
        during(us, '2024-05-09T00:00Z', '2024-05-09T04:00Z'),
    );
    // One bar in ten: 36 hours without one are nothing strange there, two weeks are.
    const next = random(3);
    await halfYear('THIN', (us) => next() > 0.1 || during(us, '2024-04-01Z', '2024-04-15Z'));
    const found = await runs();
    expect(found.map((run) => run[0])).toEqual(['BUSY', 'THIN']);
    expect(found[0]).toEqual(['BUSY', '2024-03-03T12:00', '2024-03-05T00:00', 36, 1, 36]);
    const [, from, to, candles, habit] = found[1]!;
    expect(from! <= '2024-04-01T00:00' && to! >= '2024-04-15T00:00').toBe(true);
    expect(candles).toBeGreaterThanOrEqual(14 * 24);
    // 0.9^43 is a hundredth.
    expect(habit).toBeGreaterThan(25);
    expect(habit).toBeLessThan(70);
  });

  it('begins at one bar more than four habits', async () => {
    await halfYear('FIVE', (us) => during(us, '2024-05-09T00:00Z', '2024-05-09T05:00Z'));
    await halfYear('FOUR', (us) => during(us, '2024-05-09T00:00Z', '2024-05-09T04:00Z'));
    expect(await runs()).toEqual([['FIVE', '2024-05-09T00:00', '2024-05-09T05:00', 5, 1, 5]]);
  });

  it('is none where no file vouches: that is a gap', async () => {
    const id = await addSeries(db, 'kraken', 'HOLE', 3600);
    const task = await addTask(db, { symbol: 'HOLE' });
    await addCoverage(db, id, task, [
      range('2024-01-01Z', '2024-01-20Z'),
      range('2024-01-25Z', '2024-07-01Z'),
    ]);
    const stamps: number[] = [];
    for (let us = at('2024-01-01Z'); us < at('2024-07-01Z'); us += HOUR) {
      if (!during(us, '2024-01-19T22:00Z', '2024-01-25T02:00Z')) stamps.push(us);
    }
    await addBars(db, id, stamps);
    // Of the run, two bars at either end are vouched for: too few.
    expect(await runs()).toEqual([]);
  });

  it('may be the end of a file that was cut off', async () => {
    await halfYear('CUT', (us) => us >= at('2024-06-20T07:00Z'));
    expect(await runs()).toEqual([['CUT', '2024-06-20T07:00', '2024-07-01T00:00', 257, 1, 257]]);
  });

  it('of stocks is measured within sessions: a night is none', async () => {
    const id = await addSeries(db, 'us_stocks_sip', 'AAPL', 60);
    const days = ['2024-06-03', '2024-06-04', '2024-06-05', '2024-06-06'];
    const stamps: number[] = [];
    for (const day of days) {
      const fileFromUs = at(`${day}T04:00Z`);
      await addTask(db, {
        venue: 'us_stocks_sip',
        symbol: null,
        intervalS: 60,
        fileFromUs,
        fileToUs: fileFromUs + DAY,
      });
      for (let us = at(`${day}T13:30Z`); us < at(`${day}T20:00Z`); us += 60e6) {
        if (!during(us, '2024-06-05T15:00Z', '2024-06-05T15:45Z')) stamps.push(us);
      }
    }
    await addBars(db, id, stamps);
    expect(await runs()).toEqual([['AAPL', '2024-06-05T15:00', '2024-06-05T15:45', 45, 1, 45]]);
  });
});

describe('the percentile', () => {
  it('is the nearest rank', () => {
    const spacings: [number, number][] = [
      [0, 90],
      [1, 8],
      [7, 1],
      [30, 1],
    ];
    expect(percentile(spacings, 0.9)).toBe(0);
    expect(percentile(spacings, 0.98)).toBe(1);
    expect(percentile(spacings, 0.99)).toBe(7);
    expect(percentile(spacings, 1)).toBe(30);
    expect(percentile([], 0.99)).toBe(0);
  });
});
