import { beforeEach, describe, expect, it } from 'vitest';
import { fillGaps, fromFiles } from '../../src/gaps/fill.ts';
import { recordScan } from '../../src/gaps/gap_store.ts';
import { scanSeries } from '../../src/gaps/scan.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadEvent } from '../../src/load/load_events.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { candles, LOAD_DEFAULTS, load, scratchFolder, wipe } from './loading.ts';
import { type Bar, krakenCsv, walk, write } from './market.ts';

/** A download that was cut while its last bar was still open, and a later one that tells that bar whole. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const START = Date.UTC(2024, 3, 1) / 1000;
const bars = walk('XBTUSD', START, START + 200 * 3600, 3600, 3, 1);
const CUT = 80;
const last = bars[CUT]!;
const unfinished: Bar = {
  ...last,
  high: Math.max(last.open, last.low),
  close: last.low,
  volume: last.volume / 2,
  trades: Math.max(1, last.trades - 1),
};

const file = (name: string, some: readonly Bar[]): string =>
  write(folder, `${name}/XBTUSD_60.csv`, krakenCsv(some));
const cut = file('cut', [...bars.slice(0, CUT), unfinished]);
const later = file('later', bars.slice(CUT - 10));
const whole = file('whole', bars);

beforeEach(() => wipe(db));

async function tableOf(...runs: readonly (readonly string[])[]): Promise<string> {
  await wipe(db);
  for (const files of runs) await load(database.url, files, { workers: 1 });
  return candles(db);
}

const sums = async (): Promise<Record<string, number>> =>
  (
    await db.query<Record<string, number>>(
      `SELECT sum(rows_loaded)::int AS loaded, sum(rows_duplicate)::int AS duplicate, sum(rows_conflict)::int AS conflict,
         (SELECT count(*)::int FROM backhaul.conflict) AS noted, (SELECT count(*)::int FROM backhaul.candles) AS bars
       FROM backhaul.task`,
    )
  ).rows[0]!;

describe('the unfinished last bar of a file', () => {
  it('is completed by a file that tells more of it, whichever comes first, and is no bar twice', async () => {
    const expected = await tableOf([whole]);
    expect(await tableOf([cut], [later])).toBe(expected);
    expect(await sums()).toEqual({ loaded: 200, duplicate: 11, conflict: 1, noted: 1, bars: 200 });
    expect(await tableOf([later], [cut])).toBe(expected);
    expect(await sums()).toEqual({ loaded: 200, duplicate: 11, conflict: 1, noted: 1, bars: 200 });
    expect(await tableOf([cut, later])).toBe(expected);
  });

  it('is said to be completed', async () => {
    const events: LoadEvent[] = [];
    await load(database.url, [cut], { workers: 1 });
    await load(database.url, [later], { workers: 1 }, (event) => events.push(event));
    expect(events.filter((event) => event.type === 'note').map((event) => event.message)).toContainEqual(
      expect.stringMatching(
        /later\/XBTUSD_60\.csv completes a bar that was unfinished where another file ends$/,
      ),
    );
  });

  it.each([
    ['a bar that is not the last of its file', CUT - 5, { volume: 9999 }],
    ['another open', CUT, { open: last.open * 0.9999, volume: 9999 }],
    ['less volume', CUT, { volume: unfinished.volume / 2 }],
    ['a narrower range', CUT, { low: (last.low + Math.min(last.open, last.close)) / 2, volume: 9999 }],
  ] as const)('is kept as it stands against %s', async (_what, at, other) => {
    await load(database.url, [cut], { workers: 1 });
    const before = await candles(db);
    const differing = file('differing', [
      ...bars.slice(CUT - 10, at),
      { ...bars[at]!, ...other },
      ...bars.slice(at + 1, CUT),
    ]);
    const summary = await load(database.url, [differing], { workers: 1 });
    expect(summary.rows.conflict).toBe(1);
    expect(await candles(db)).toBe(before);
  });

  it('is completed when the gap behind it is filled, from a file that is dated and from one that is not', async () => {
    const expected = await tableOf([whole]);
    const nowUs = (START + 200 * 3600) * 1e6;
    const dated = write(
      folder,
      'Kraken_OHLCVT_2024Q2.zip',
      zipBytes([{ name: 'XBTUSD_60.csv', data: krakenCsv(bars) }]),
    );
    const never = new AbortController().signal;
    for (const source of [later, dated]) {
      await tableOf([cut]);
      const filter = { ...ALL_SERIES, fromUs: null, toUs: null };
      await recordScan(db, await scanSeries(db, { ...filter, filter, nowUs }), true, nowUs);
      const attempt = fromFiles(
        {
          ...LOAD_DEFAULTS,
          ...filter,
          sources: [source],
          databaseUrl: database.url,
          workers: 1,
          maxRejects: 0,
          maxRejectShare: null,
        },
        (options, select) =>
          runLoad(
            options,
            () => {},
            { drain: never, abort: never },
            async () => select,
          ),
      );
      expect(await fillGaps(database.url, filter, nowUs, attempt)).toMatchObject({
        filled: 1,
        remaining: [],
      });
      expect(await candles(db)).toBe(expected);
    }
  });
});
