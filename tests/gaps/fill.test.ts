import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FillFilter, type FillSummary, fillGaps, fromFiles } from '../../src/gaps/fill.ts';
import { GAP_STATES, type Gap, listGaps, lockFilling, recordScan } from '../../src/gaps/gap_store.ts';
import { scanSeries } from '../../src/gaps/scan.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadOptions } from '../../src/load/load_events.ts';
import { incrementalSelection } from '../../src/series/incremental.ts';
import { ALL_SERIES, type SeriesFilter } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { candles, LOAD_DEFAULTS, load, scratchFolder } from '../e2e/loading.ts';
import { type Bar, krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { addBars, addSeries, addTask, at, DAY, wipe } from './loaded_market.ts';

/** Quarters of Kraken and days of stocks with holes, filled from the files that were left out. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const nowUs = at('2025-01-01T00:00Z');
const never = new AbortController().signal;
const quarterS = (quarter: number): number => Date.UTC(2024, 3 * quarter - 3, 1) / 1000;

/** Bars of four hours: fewer of them prove the same. */
const bars4h = new Map<string, Bar[]>();
const zipOf = (quarter: number): string => join(folder, `Kraken_OHLCVT_2024Q${quarter}.zip`);

beforeAll(() => {
  for (const [symbol, seed] of [
    ['XBTUSD', 1],
    ['ETHUSD', 2],
    ['IDLEUSD', 3],
  ] as const) {
    bars4h.set(
      symbol,
      walk(symbol, quarterS(1), quarterS(5), 14_400, seed, symbol === 'IDLEUSD' ? 0.02 : 0.8),
    );
  }
  for (const quarter of [1, 2, 3, 4]) {
    const entries = [...bars4h].map(([symbol, bars]) => ({
      name: `${symbol}_240.csv`,
      data: krakenCsv(
        bars.filter((bar) => bar.time >= quarterS(quarter) && bar.time < quarterS(quarter + 1)),
      ),
    }));
    // Nobody traded it in the second quarter at all, and its entry is empty.
    write(folder, `Kraken_OHLCVT_2024Q${quarter}.zip`, zipBytes(entries));
  }
});

beforeEach(() => wipe(db));

const OPTIONS: LoadOptions = {
  ...LOAD_DEFAULTS,
  sources: [],
  databaseUrl: database.url,
  workers: 1,
};

/** Starting threads takes longer than these files. */
const ONE = { workers: 1 } as const;

async function scan(filter: SeriesFilter = ALL_SERIES, toUs: number | null = null): Promise<Gap[]> {
  const scans = await scanSeries(db, { filter, fromUs: null, toUs, nowUs });
  await recordScan(db, scans, toUs === null, nowUs);
  return open();
}

async function open(): Promise<Gap[]> {
  const gaps = await listGaps(db, { ...ALL_SERIES, states: GAP_STATES, fromUs: null, toUs: null });
  return gaps.filter((gap) => gap.state !== 'filled');
}

function fill(sources: readonly string[], over: Partial<FillFilter> = {}): Promise<FillSummary> {
  const filter = { ...ALL_SERIES, fromUs: null, toUs: null, ...over };
  return fillGaps(
    database.url,
    filter,
    nowUs,
    fromFiles({ ...OPTIONS, sources, symbols: filter.symbols }, (options, select) =>
      runLoad(
        options,
        () => {},
        { drain: never, abort: never },
        async () => select,
      ),
    ),
  );
}

const text = (us: number): string => new Date(us / 1000).toISOString().slice(0, 16);
const ranges = (gaps: readonly Gap[]): string[] =>
  gaps.map((gap) => `${gap.symbol} ${text(gap.fromUs)} … ${text(gap.toUs)} ${gap.state}`);

describe('a fill from files', () => {
  it('loads the missing quarter from its zip, and the table is that of a load of all', async () => {
    await load(database.url, [1, 2, 3, 4].map(zipOf), ONE);
    const whole = await candles(db);
    await wipe(db);
    await load(database.url, [1, 3, 4].map(zipOf), ONE);
    const gaps = await scan();
    expect(ranges(gaps)).toEqual(
      ['ETHUSD', 'IDLEUSD', 'XBTUSD'].map(
        (symbol) => `${symbol} 2024-04-01T00:00 … 2024-07-01T00:00 unfillable`,
      ),
    );
    const summary = await fill([folder]);
    expect(summary).toMatchObject({ gaps: 3, filled: 3, failed: 0, sources: 3, remaining: [] });
    expect(await candles(db)).toBe(whole);
    expect(await scan()).toEqual([]);
  });

  it('reads nothing but the entries that hold something missing, and of them no more than that', async () => {
    await load(database.url, [zipOf(1), zipOf(2), zipOf(4)], { symbols: ['XBTUSD'], workers: 1 });
    const [gap, ...none] = await scan();
    expect(none).toEqual([]);
    const before = await candles(db);
    const summary = await fill([folder], { fromUs: at('2024-08-10T00:00Z') });
    expect(summary.sources).toBe(1);
    expect(summary.load!.tasks).toMatchObject({ loaded: 1, unchanged: 0 });
    // What was asked for is filled, the rest of the gap remains.
    expect(ranges(await open())).toEqual(['XBTUSD 2024-07-01T00:00 … 2024-08-10T00:00 unfillable']);
    expect((await open())[0]!.gapId).toBe(gap!.gapId);
    const { rows } = await db.query<{ first: Date }>(
      `SELECT min(ts) AS first FROM backhaul.candles WHERE ts >= '2024-07-01' AND ts < '2024-10-01'`,
    );
    expect(rows[0]!.first.getTime()).toBeGreaterThanOrEqual(at('2024-08-10Z') / 1000);
    // Bars before the new ones are as they were; behind them indicators are others, the bars are not.
    const lines = (text: string): string[] => text.split('\n');
    const older = lines(before).filter((line) => line.includes('"2024-0'));
    expect(lines(await candles(db)).filter((line) => /"2024-0[1-6]/.test(line))).toEqual(older);
  });

  it('takes a file that does not say what it covers for what its bars say', async () => {
    const bars = bars4h.get('XBTUSD')!.filter((bar) => bar.time < quarterS(2));
    const whole = write(folder, 'plain/all/XBTUSD_240.csv', krakenCsv(bars));
    const cut = (from: number, to: number): string => krakenCsv(bars.slice(from, to));
    const head = write(folder, 'plain/head/XBTUSD_240.csv', cut(0, 150));
    const tail = write(folder, 'plain/tail/XBTUSD_240.csv', cut(225, bars.length));
    const middle = write(folder, 'plain/middle/XBTUSD_240.csv', cut(162, 212));
    await load(database.url, [whole], ONE);
    const expected = await candles(db);
    await wipe(db);
    await load(database.url, [head, tail], ONE);
    const end = bars.at(-1)!.time * 1e6 + 14_400_000_000;
    const [gap] = await scan(ALL_SERIES, end);
    expect([gap!.fromUs, gap!.toUs]).toEqual([bars[149]!.time * 1e6 + 14_400_000_000, bars[225]!.time * 1e6]);
    // A file of the middle says nothing of what lies beside it.
    expect((await fill([middle])).remaining.map((one) => [one.fromUs, one.toUs])).toEqual([
      [bars[149]!.time * 1e6 + 14_400_000_000, bars[162]!.time * 1e6],
      [bars[211]!.time * 1e6 + 14_400_000_000, bars[225]!.time * 1e6],
    ]);
    expect((await fill([whole])).remaining).toEqual([]);
    expect(await candles(db)).toBe(expected);
  });

  it('loads a missing day of all symbols whole', async () => {
    const days = massiveDays(join(folder, 'massive'), 4, ['AAA', 'BBB', 'CCC', 'DDD'], 5);
    await load(database.url, days, ONE);
    const whole = await candles(db);
    await wipe(db);
    await load(database.url, [days[0]!, days[1]!, days[3]!], ONE);
    // Nobody has seen DDD before the second day, so of it only the third can be missing.
    const gaps = await scan(ALL_SERIES, at('2024-04-05T00:00Z'));
    expect(new Set(gaps.map((gap) => text(gap.fromUs)))).toEqual(new Set(['2024-04-03T13:30']));
    const summary = await fill([join(folder, 'massive')]);
    expect(summary).toMatchObject({ sources: 1, remaining: [], failed: 0 });
    expect(await candles(db)).toBe(whole);
  });

  it('changes nothing where the sources hold nothing of what is missing', async () => {
    await oneGap();
    const before = await open();
    const summary = await fill([zipOf(4)]);
    expect(summary).toMatchObject({ gaps: 1, filled: 0, sources: 0 });
    expect(await open()).toEqual(before);
    expect((await db.query(`SELECT FROM backhaul.task WHERE uri LIKE '%Q4%'`)).rowCount).toBe(0);
    await db.query('TRUNCATE backhaul.gap');
    expect(await fill([zipOf(4)])).toMatchObject({ gaps: 0, sources: 0 });
  });

  it('says which gaps failed and why, and fills them when the file is whole again', async () => {
    await oneGap();
    const bars = bars4h.get('XBTUSD')!.filter((bar) => bar.time >= quarterS(2) && bar.time < quarterS(3));
    const broken = { name: 'XBTUSD_240.csv', data: krakenCsv(bars), crc: 12345 };
    mkdirSync(join(folder, 'broken'), { recursive: true });
    const path = write(folder, 'broken/Kraken_OHLCVT_2024Q2.zip', zipBytes([broken]));
    const summary = await fill([path]);
    expect(summary).toMatchObject({ filled: 0, failed: 1, sources: 1 });
    const failed = summary.remaining.find((gap) => gap.state === 'failed')!;
    expect(failed.symbol).toBe('XBTUSD');
    expect(failed.error).toMatchObject({ kind: 'corrupt', where: { entry: 'XBTUSD_240.csv' } });
    await scan(ALL_SERIES, at('2024-09-01Z'));
    expect((await open()).map((gap) => gap.state)).toEqual(['failed']);
    expect(await fill([zipOf(2)])).toMatchObject({ filled: 1, remaining: [] });
  });

  it('beside another fill and a load of the same file ends as one of them alone', async () => {
    await load(database.url, [1, 2, 3, 4].map(zipOf), ONE);
    const whole = await candles(db);
    await wipe(db);
    await load(database.url, [1, 3, 4].map(zipOf), ONE);
    await scan();
    const ends = await Promise.allSettled([
      fill([zipOf(2)]),
      fill([zipOf(2)]),
      load(database.url, [zipOf(2)], ONE),
    ]);
    // Who comes while the other fills waits a while; on a slow machine that is not enough.
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason.message).toMatch(/^Another program is filling gaps/);
      else expect('failures' in end.value ? end.value.failures : end.value.remaining).toEqual([]);
    }
    expect(ends.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(2);
    expect((await candles(db)) === whole).toBe(true);
    expect(await scan()).toEqual([]);
    const { rows } = await db.query('SELECT DISTINCT state FROM backhaul.gap');
    expect(rows).toEqual([{ state: 'filled' }]);
  });

  it('is the work of one program at a time, and what a dead one left filling is open again', async () => {
    await oneGap();
    const other = await database.client();
    expect(await lockFilling(other)).toBe(true);
    await expect(fill([zipOf(2)])).rejects.toMatchObject({ fault: { kind: 'database' } });
    await db.query(`UPDATE backhaul.gap SET state = 'filling'`);
    await scan();
    expect((await open()).map((gap) => gap.state)).toContain('filling');
    await other.end();
    await scan();
    expect((await open()).map((gap) => gap.state)).not.toContain('filling');
  });
});

/** The second quarter is missing, as if the first and the third had been loaded. */
async function oneGap(): Promise<void> {
  const id = await addSeries(db, 'kraken', 'XBTUSD', 14_400);
  for (const from of ['2024-01-01Z', '2024-07-01Z']) {
    const fileFromUs = at(from);
    await addTask(db, { intervalS: 14_400, fileFromUs, fileToUs: fileFromUs + 91 * DAY });
    await addBars(db, id, [fileFromUs]);
  }
  await scan(ALL_SERIES, at('2024-09-01Z'));
}

describe('an incremental load', () => {
  async function loadNewer(sources: readonly string[]): ReturnType<typeof runLoad> {
    return runLoad({ ...OPTIONS, sources }, () => {}, { drain: never, abort: never }, incrementalSelection);
  }

  it('leaves out files that end before the last bars, and goes on where they end', async () => {
    const bars = bars4h.get('XBTUSD')!;
    await load(database.url, [zipOf(2), zipOf(3)], { symbols: ['XBTUSD'], workers: 1 });
    const all = write(folder, 'newer/XBTUSD_240.csv', krakenCsv(bars));
    const summary = await loadNewer([zipOf(1), zipOf(2), zipOf(3), zipOf(4), all]);
    // The fourth quarter and the plain file; of symbols without a bar yet, all four.
    expect(summary.failures).toEqual([]);
    const loaded = await db.query<{ name: string }>(
      `SELECT regexp_replace(uri, '.*/', '') || ' ' || coalesce(entry, '') AS name FROM backhaul.task
       WHERE lane = 'kraken/XBTUSD/14400' ORDER BY 1`,
    );
    expect(loaded.rows.map((row) => row.name.trim())).toEqual([
      'Kraken_OHLCVT_2024Q2.zip XBTUSD_240.csv',
      'Kraken_OHLCVT_2024Q3.zip XBTUSD_240.csv',
      'Kraken_OHLCVT_2024Q4.zip XBTUSD_240.csv',
      'XBTUSD_240.csv',
    ]);
    const { rows } = await db.query<{ n: number; first: Date }>(
      `SELECT count(*)::int AS n, min(ts) AS first FROM backhaul.candles WHERE symbol = 'XBTUSD'`,
    );
    expect(rows[0]!.n).toBe(bars.filter((bar) => bar.time >= quarterS(2)).length);
    // The same again has nothing to do.
    expect(await loadNewer([zipOf(1), zipOf(2), zipOf(3), zipOf(4), all])).toMatchObject({
      nothingToDo: true,
    });
  });
});
