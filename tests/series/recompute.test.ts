import { beforeAll, describe, expect, it } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { recompute } from '../../src/series/recompute.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder } from '../e2e/loading.ts';
import { krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';
import { at } from '../gaps/loaded_market.ts';

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const quarterS = (quarter: number): number => Date.UTC(2024, 3 * quarter - 3, 1) / 1000;
const signal = new AbortController().signal;
let whole = '';

beforeAll(async () => {
  const bars = walk('XBTUSD', quarterS(1), quarterS(4), 3600, 5, 0.7);
  const files = [1, 2, 3].map((quarter) =>
    write(
      folder,
      `Kraken_OHLCVT_2024Q${quarter}/XBTUSD_60.csv`,
      krakenCsv(bars.filter((bar) => bar.time >= quarterS(quarter) && bar.time < quarterS(quarter + 1))),
    ),
  );
  // The session of stocks is New York's day: their VWAP starts with it.
  await load(database.url, [...files, ...massiveDays(folder, 3, ['AAPL', 'MSFT'], 9)], { workers: 1 });
  whole = await candles(db);
});

async function run(fromUs: number | null, symbols: string[] | null = null): Promise<Map<string, number>> {
  const changed = new Map<string, number>();
  const done = await recompute(db, {
    filter: { ...ALL_SERIES, symbols },
    fromUs,
    indicators: INDICATOR_NAMES,
    signal,
    onSeries: (series, rows) => changed.set(series.symbol, rows),
  });
  expect(done.changed).toBe([...changed.values()].reduce((sum, rows) => sum + rows, 0));
  return changed;
}

/** Row versions: a row that is written again gets another. */
async function versions(): Promise<Map<string, string>> {
  const { rows } = await db.query<{ key: string; version: string }>(
    `SELECT series_id || ' ' || ts AS key, xmin::text AS version FROM backhaul.bars`,
  );
  return new Map(rows.map((row) => [row.key, row.version]));
}

describe('a recomputation', () => {
  it('goes on from the nearest stored state: what lies before it is not looked at', async () => {
    const spoil = `UPDATE backhaul.bars SET rsi_14 = 0 WHERE ts = (SELECT max(ts) FROM backhaul.candles WHERE symbol = 'XBTUSD' AND ts < $1)`;
    await db.query(spoil, ['2024-02-20']);
    await db.query(spoil, ['2024-08-20']);
    // Each file has left the state behind its last bar: the nearest is the second quarter's.
    expect((await run(at('2024-08-01Z'), ['XBTUSD'])).get('XBTUSD')).toBe(1);
    expect(await candles(db)).not.toBe(whole);
    expect((await run(null, ['XBTUSD'])).get('XBTUSD')).toBe(1);
    expect(await candles(db)).toBe(whole);
  });

  it('of sound indicators changes nothing, wherever it starts', async () => {
    const before = await versions();
    for (const from of [null, at('2024-05-05T05:00Z'), at('2024-07-01Z'), at('2030-01-01Z')]) {
      expect([...(await run(from)).values()]).toEqual([0, 0, 0]);
      expect(await candles(db)).toBe(whole);
    }
    expect(await versions()).toEqual(before);
  });

  it('puts back what was changed, writes those rows alone, and ends at the table of a load from scratch', async () => {
    await db.query(
      `UPDATE backhaul.bars SET sma_20 = sma_20 + 1, vwap = NULL WHERE ts >= '2024-04-03' AND ts < '2024-04-05' AND sma_20 IS NOT NULL`,
    );
    const before = await versions();
    const changed = await run(at('2024-04-02Z'));
    expect(changed.get('XBTUSD')).toBeGreaterThan(0);
    expect(changed.get('AAPL')).toBeGreaterThan(0);
    expect(await candles(db)).toBe(whole);
    const after = await versions();
    const written = [...after].filter(([key, version]) => before.get(key) !== version).length;
    expect(written).toBe([...changed.values()].reduce((sum, rows) => sum + rows, 0));
  });

  it('leaves a table that later files go on from, as if nothing had happened', async () => {
    const more = walk('XBTUSD', quarterS(4), quarterS(5), 3600, 6, 0.7);
    const path = write(folder, 'Kraken_OHLCVT_2024Q4/XBTUSD_60.csv', krakenCsv(more));
    await run(null);
    await load(database.url, [path], { workers: 1 });
    const grown = await candles(db);
    expect((await run(null)).get('XBTUSD')).toBe(0);
    expect(await candles(db)).toBe(grown);
  });
});
