import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, walk, write } from './market.ts';

/** A file that is loaded is due again where another rule would bring something else of it, and where not, it is not. */

const HOUR = 3600;
const FROM = Date.UTC(2024, 2, 1) / 1000;
const BARS = walk('XBTUSD', FROM, FROM + 300 * HOUR, HOUR, 5, 1);
const folder = scratchFolder();
const first = write(folder, 'first/XBTUSD_60.csv', krakenCsv(BARS));
/** The same again, forty bars of it corrected. */
const corrected = write(
  folder,
  'corrected/XBTUSD_60.csv',
  krakenCsv(
    BARS.map((bar, i) => (i >= 100 && i < 140 ? { ...bar, close: bar.open, volume: bar.volume + 1 } : bar)),
  ),
);
/** Three bars whose high is below their open. */
const broken = write(
  folder,
  'broken/ETHUSD_60.csv',
  krakenCsv(
    walk('ETHUSD', FROM, FROM + 200 * HOUR, HOUR, 7, 1).map((bar, i) =>
      i % 70 === 9 ? { ...bar, high: bar.open / 2, low: bar.open / 3 } : bar,
    ),
  ),
);

describe('another rule', () => {
  it('--on-conflict replace has the bars their way that gave way before, and the indicators behind', async () => {
    const { url, pool } = await testDatabase();
    const whole = await testDatabase();
    await load(url, [first], { workers: 1 });
    const kept = await load(url, [corrected], { workers: 1 });
    expect(kept.rows).toMatchObject({ conflict: 40, loaded: 0 });
    const again = { workers: 1, onConflict: 'replace' as const };
    expect((await load(url, [corrected], again)).rows).toMatchObject({ conflict: 40 });
    await load(whole.url, [corrected], { workers: 1 });
    expect(await candles(pool)).toBe(await candles(whole.pool));
    expect((await load(url, [corrected], again)).nothingToDo).toBe(true);
    // What others told differs from nothing that stands.
    expect((await load(url, [corrected], { workers: 1 })).nothingToDo).toBe(true);
    // Of both at once the later one keeps its way; the other one alone has its own again, and keeps it.
    expect((await load(url, [first, corrected], again)).nothingToDo).toBe(true);
    expect((await load(url, [first], again)).rows).toMatchObject({ conflict: 40 });
    expect((await load(url, [first], again)).nothingToDo).toBe(true);
    await wipe(whole.pool);
    await load(whole.url, [first], { workers: 1 });
    expect(await candles(pool)).toBe(await candles(whole.pool));
  });

  it('--on-invalid keep brings what was set aside; to reject again takes nothing away', async () => {
    const { url, pool } = await testDatabase();
    const limits = { workers: 1, maxRejectShare: null };
    expect((await load(url, [broken], limits)).rows).toMatchObject({ rejected: 3, loaded: 197 });
    expect((await load(url, [broken], { ...limits, onInvalid: 'keep' })).rows).toMatchObject({ loaded: 200 });
    const { rows } = await pool.query('SELECT count(*)::int AS n FROM backhaul.candles');
    expect(rows).toEqual([{ n: 200 }]);
    expect((await load(url, [broken], limits)).nothingToDo).toBe(true);
  });

  it('--max-rejects makes a file that had too many due again', async () => {
    const { url } = await testDatabase();
    expect((await load(url, [broken], { workers: 1, maxRejects: 1 })).tasks).toMatchObject({ failed: 1 });
    expect((await load(url, [broken], { workers: 1, maxRejects: 5 })).tasks).toMatchObject({ loaded: 1 });
  });

  it('--max-inflated-bytes makes a file that came to too much due again', async () => {
    const { url } = await testDatabase();
    const packed = join(folder, 'packed/XBTUSD_60.csv.gz');
    mkdirSync(join(folder, 'packed'));
    writeFileSync(packed, gzipSync(krakenCsv(BARS)));
    const small = { workers: 1, inflate: { bytes: 4_000, ratio: 200 } };
    expect((await load(url, [packed], small)).tasks).toMatchObject({ failed: 1 });
    expect((await load(url, [packed], small)).tasks).toMatchObject({ failed: 1, loaded: 0 });
    const large = { workers: 1, inflate: { bytes: 4_000_000, ratio: 200 } };
    expect((await load(url, [packed], large)).tasks).toMatchObject({ failed: 0, loaded: 1 });
    expect((await load(url, [packed], { workers: 1 })).nothingToDo).toBe(true);
  });

  it('a layout that was named is not given up for a guess', async () => {
    const { url, pool } = await testDatabase();
    const own = write(
      folder,
      'own.yaml',
      `name: own
paths: '(?<symbol>[A-Z]+)_(?<interval>60)\\.csv$'
columns: [time, open, high, low, close, volume, trades]
header: none
time: { unit: s }
venue: mine
symbol: { group: symbol }
interval: 1h
`,
    );
    await load(url, [first], { workers: 1, layout: own });
    expect((await load(url, [first], { workers: 1 })).nothingToDo).toBe(true);
    const { rows } = await pool.query('SELECT DISTINCT venue FROM backhaul.candles');
    expect(rows).toEqual([{ venue: 'mine' }]);
    expect((await load(url, [first], { workers: 1, layout: 'kraken-ohlcvt' })).tasks).toMatchObject({
      loaded: 1,
    });
  });

  it('where it was named moves no bar when a later load that names nothing brings more, or a changed file', async () => {
    const { url, pool } = await testDatabase();
    const path = write(folder, 'named/XBTUSD_60.csv', krakenCsv(BARS));
    const names = async () =>
      (await pool.query(`SELECT venue, count(*)::int AS bars FROM backhaul.candles GROUP BY venue`)).rows;
    await load(url, [path], { venue: 'desk', toUs: (FROM + 100 * HOUR) * 1e6 });
    expect((await load(url, [path], { prices: 'numeric' })).tasks).toMatchObject({ loaded: 1 });
    expect(await names()).toEqual([{ venue: 'desk', bars: BARS.length }]);
    write(folder, 'named/XBTUSD_60.csv', krakenCsv(BARS.slice(0, -7)));
    expect((await load(url, [path])).tasks).toMatchObject({ loaded: 1 });
    expect(await names()).toEqual([{ venue: 'desk', bars: BARS.length - 7 }]);
    expect((await load(url, [path])).nothingToDo).toBe(true);
    expect((await load(url, [path], { venue: 'kraken' })).tasks).toMatchObject({ loaded: 1 });
    expect(await names()).toEqual([{ venue: 'kraken', bars: BARS.length - 7 }]);
  });

  it('leaves a file be that only a layout of its own reads, when nothing is said of it and it has not changed', async () => {
    const { url } = await testDatabase();
    const layout = write(
      folder,
      'levels.yaml',
      `name: levels
paths: 'levels\\.csv$'
columns: [time, open, high, low, close, volume, trades]
header: none
time: { unit: s }
venue: mine
symbol: LEVELS
interval: 1h
`,
    );
    const csv = write(folder, 'strange/levels.csv', krakenCsv(BARS));
    await load(url, [csv], { layout });
    expect(await load(url, [csv])).toMatchObject({ nothingToDo: true, tasks: { failed: 0, unchanged: 1 } });
    expect((await load(url, [csv], { dryRun: true })).tasks).toMatchObject({ failed: 0, unchanged: 1 });
    // Asked for by another word that does not read it, it has failed for whoever asks.
    expect((await load(url, [csv], { interval: 60 })).tasks).toMatchObject({ failed: 1 });
    write(folder, 'strange/levels.csv', krakenCsv(BARS.slice(1)));
    expect((await load(url, [csv])).tasks).toMatchObject({ failed: 1 });
  });

  it('--reload loads it all again, to the same table', async () => {
    const { url, pool } = await testDatabase();
    await load(url, [first, broken], { workers: 1 });
    const before = await candles(pool);
    const again = await load(url, [first, broken], { workers: 2, reload: true });
    expect(again.tasks).toMatchObject({ loaded: 2, unchanged: 0 });
    expect(await candles(pool)).toBe(before);
    expect((await load(url, [first, broken], { workers: 1 })).nothingToDo).toBe(true);
  });
});
