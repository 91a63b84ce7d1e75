import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scanSeries } from '../../src/gaps/scan.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { inspected } from '../inspect/inspecting.ts';
import { load, scratchFolder } from './loading.ts';
import { write } from './market.ts';

/** Massive's datasets beyond stocks, as they lie in its bucket: under which series, at which instants, without gaps. */

const database = await testDatabase();
const db = database.pool;
const us = (text: string): number => Date.parse(text) * 1000;

/** Stamps every `minutes` from one instant up to another, ISO without seconds. */
function stamps(from: string, to: string, minutes: number): string[] {
  const ends = us(to);
  const found: string[] = [];
  for (let at = us(from); at < ends; at += minutes * 60e6) found.push(`${at}000`);
  return found;
}

const FUTURES =
  'ticker,exchange,volume,open,close,high,low,window_start,transactions,dollar_volume,session_end_date';
const SESSIONS =
  'ticker,session_end_date,volume,open,close,high,low,settlement_price,window_start,transactions,dollar_volume';

async function holes(symbol: string, intervalS: number): Promise<number> {
  const scans = await scanSeries(db, {
    filter: { ...ALL_SERIES, symbols: [symbol], intervals: [intervalS] },
    fromUs: null,
    toUs: us('2026-06-15T22:00Z'),
    nowUs: us('2026-06-16T22:00Z'),
  });
  return scans.reduce((sum, scan) => sum + scan.holes.length, 0);
}

describe('futures', () => {
  const folder = scratchFolder();
  const minutes = (date: string, rows: readonly string[]): void => {
    const text = rows
      .map((at, i) => `GCQ6,4,7,${i === 0 ? '20,20,20,20' : '10,10,10,10'},${at},2,1e4,${date}\n`)
      .join('');
    const [year, month] = date.split('-');
    write(
      folder,
      `us_futures_comex/minute_aggs_v1/${year}/${month}/${date}.csv.gz`,
      gzipSync(`${FUTURES}\n${text}`),
    );
  };
  const session = (date: string, opens: string): void => {
    const row = `GCQ6,${date},700,10.5,10.75,11,-1,10.7,${us(opens)}000,20,7e6\n`;
    const [year, month] = date.split('-');
    write(
      folder,
      `us_futures_comex/session_aggs_v1/${year}/${month}/${date}.csv.gz`,
      gzipSync(`${SESSIONS}\n${row}`),
    );
  };

  it('begin in the evening before, over weekends too, and session bars are of the date they end on', async () => {
    // A Friday, and the Monday whose session begins on Sunday: 17:00 to 16:00 in Chicago, five hours behind UTC.
    minutes('2026-06-12', stamps('2026-06-11T22:00Z', '2026-06-12T21:00Z', 1));
    minutes('2026-06-15', stamps('2026-06-14T22:00Z', '2026-06-15T21:00Z', 1));
    session('2026-06-12', '2026-06-11T22:00Z');
    session('2026-06-15', '2026-06-14T22:00Z');
    const summary = await load(database.url, [folder]);
    expect(summary).toMatchObject({ rows: { loaded: 2 * 23 * 60 + 2, rejected: 0 }, failures: [] });
    const { rows } = await db.query(
      `SELECT ts, low, volume, vwap FROM backhaul.candles WHERE venue = 'us_futures_comex' AND interval_s = 86400
       AND symbol = 'GCQ6' ORDER BY ts`,
    );
    expect(rows.map(({ ts, low, volume }) => [ts.toISOString(), low, volume])).toEqual([
      ['2026-06-12T05:00:00.000Z', -1, 700],
      ['2026-06-15T05:00:00.000Z', -1, 700],
    ]);
    // One bar at 20, all others at 10: the mean of a session runs on over UTC's midnight and begins with the next.
    const { rows: means } = await db.query(
      `SELECT vwap FROM backhaul.candles WHERE venue = 'us_futures_comex' AND interval_s = 60
       AND ts IN ('2026-06-12T00:00Z', '2026-06-14T22:00Z') ORDER BY ts`,
    );
    expect(means[0].vwap).toBeCloseTo((20 + 120 * 10) / 121, 9);
    expect(means[1].vwap).toBe(20);
    expect(await holes('GCQ6', 60)).toBe(0);
    expect(await holes('GCQ6', 86_400)).toBe(0);
  });

  it('are not cut off by a holiday: the session after it has begun before it', async () => {
    // Thanksgiving of 2025 was a Thursday: its session is the Friday's.
    minutes('2025-11-28', stamps('2025-11-26T23:00Z', '2025-11-28T18:45Z', 5));
    const summary = await load(database.url, [`${folder}/us_futures_comex/minute_aggs_v1/2025`]);
    expect(summary).toMatchObject({ tasks: { loaded: 1, failed: 0 }, rows: { rejected: 0 } });
  });
});

describe('indices', () => {
  it("have neither volume nor trades, and days from Chicago's midnight", async () => {
    const folder = scratchFolder();
    const header = 'ticker,open,close,high,low,window_start\n';
    const winter = us('2025-01-07T06:00Z');
    const day = `I:NDX,1.5,2,2,1,${winter}000\nI:SPREAD,-1.5,-2,-1,-2,${winter}000\n`;
    write(folder, 'us_indices/day_aggs_v1/2025/01/2025-01-07.csv.gz', gzipSync(header + day));
    const summary = await load(database.url, [folder]);
    expect(summary).toMatchObject({ rows: { loaded: 2, rejected: 0 }, failures: [] });
    const { rows } = await db.query(
      `SELECT symbol, ts, close, volume, trades FROM backhaul.candles WHERE venue = 'us_indices' ORDER BY symbol`,
    );
    expect(rows.map((row) => ({ ...row, ts: row.ts.toISOString() }))).toEqual([
      { symbol: 'I:NDX', ts: '2025-01-07T06:00:00.000Z', close: 2, volume: null, trades: null },
      { symbol: 'I:SPREAD', ts: '2025-01-07T06:00:00.000Z', close: -2, volume: null, trades: null },
    ]);
  });
});

describe('premiums and mark prices of Binance', () => {
  it('are series of their own beside the pair, without a volume', async () => {
    const folder = scratchFolder();
    const kline = (prices: string): string => `1735689600000,${prices},0,1735689659999,0,12,0,0,0\n`;
    const file = 'SOLUSDT/1m/SOLUSDT-1m-2025-01-01.csv';
    write(folder, `futures/um/daily/premiumIndexKlines/${file}`, kline('-0.0004,0.0001,-0.0006,-0.0003'));
    write(folder, `futures/um/daily/markPriceKlines/${file}`, kline('190.1,191,189,190.5'));
    write(folder, `futures/um/daily/indexPriceKlines/${file}`, kline('190,191,189,190.25'));
    const summary = await load(database.url, [folder]);
    expect(summary).toMatchObject({ rows: { loaded: 3, rejected: 0 }, failures: [] });
    const { rows } = await db.query(
      `SELECT venue, close, volume, trades FROM backhaul.candles WHERE symbol = 'SOLUSDT' ORDER BY venue`,
    );
    expect(rows).toEqual([
      { venue: 'binance-um-index', close: 190.25, volume: null, trades: null },
      { venue: 'binance-um-mark', close: 190.5, volume: null, trades: null },
      { venue: 'binance-um-premium', close: -0.0003, volume: null, trades: null },
    ]);
  });
});

describe('a file that is loaded', () => {
  it('and cannot be read as it is asked for now stays, and the load says what is wrong', async () => {
    const folder = scratchFolder();
    const rows = stamps('2024-01-02T14:30Z', '2024-01-02T14:40Z', 1).map((at) => `IBM,10,1,1,1,1,${at},1\n`);
    const header = 'ticker,volume,open,close,high,low,window_start,transactions\n';
    write(folder, '2024-01-02.csv.gz', gzipSync(header + rows.join('')));
    const first = await load(database.url, [folder]);
    expect(first).toMatchObject({
      rows: { loaded: 10 },
      byRecords: [{ what: 'interval', is: '1m', said: null, files: 1 }],
    });
    const again = await load(database.url, [folder], { interval: 86_400 });
    expect(again).toMatchObject({
      nothingToDo: false,
      tasks: { unchanged: 0, failed: 1 },
      failures: [{ fault: { expected: '--interval says 1d', found: 'records 1m apart' } }],
    });
    const { rows: kept } = await db.query(
      `SELECT count(*)::int AS n FROM backhaul.candles WHERE symbol = 'IBM'`,
    );
    expect(kept[0].n).toBe(10);
    expect((await load(database.url, [folder])).nothingToDo).toBe(true);
  });
});

describe('a file of days among those of minutes', () => {
  const header = 'ticker,volume,open,close,high,low,window_start,transactions\n';
  const row = (symbol: string, at: string): string => `${symbol},10,1,1,1,1,${us(at)}000,1\n`;
  const path = 'us_stocks_sip/minute_aggs_v1/2025/01/2025-01-31.csv.gz';
  // Midnight in New York.
  const days = ['DAYA', 'DAYB', 'DAYC'].map((symbol) => row(symbol, '2025-01-31T05:00Z'));
  const standing = async (): Promise<number> => {
    const { rows } = await db.query(
      `SELECT count(*)::int AS n FROM backhaul.candles WHERE symbol LIKE 'DAY_'`,
    );
    return rows[0].n;
  };

  it('is refused, for its bars are no minutes', async () => {
    const folder = scratchFolder();
    write(folder, path, gzipSync(header + days.join('')));
    expect(await load(database.url, [folder])).toMatchObject({
      tasks: { loaded: 0, failed: 1 },
      failures: [{ fault: { kind: 'not-a-bar-file', found: expect.stringContaining('all at midnight') } }],
    });
    expect(await standing()).toBe(0);
    expect(await inspected(join(folder, path))).toMatchObject({
      reading: { fault: { kind: 'not-a-bar-file', expected: 'bars of 60 s' } },
    });
  });

  it('is not seen in minutes of which one is at midnight, or which are asked for up to there', async () => {
    const folder = scratchFolder();
    write(folder, path, gzipSync(header + [...days, row('DAYC', '2025-01-31T05:01Z')].join('')));
    const summary = await load(database.url, [folder], { toUs: us('2025-01-31T05:01Z') });
    expect(summary.failures).toEqual([]);
    expect(await standing()).toBe(3);
  });
});
