import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { recompute } from '../../src/series/recompute.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { statusSummary } from '../../src/state/runs/status.ts';
import { migrate, SCHEMA_VERSION } from '../../src/state/schema/migrate.ts';
import { requeueFailed } from '../../src/state/tasks/requeue.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder } from '../e2e/loading.ts';

const FIXTURES = 'tests/state/fixtures';
/** Where the files lay that the old database was loaded from. */
const OLD_FOLDER = '/sample';

const old = await testDatabase({ content: 'empty' });
const fresh = await testDatabase();
const folder = scratchFolder();

const dump = readFileSync(join(FIXTURES, 'version_0.1.0.sql'), 'utf8')
  .replaceAll(`file://${OLD_FOLDER}`, pathToFileURL(folder).href)
  .replaceAll(OLD_FOLDER, folder);
const DAY_S = 86_400;
const BARS = readFileSync(join(FIXTURES, 'XBTUSD_1440.csv'), 'utf8').trimEnd().split('\n');

/** The sample's days of XBTUSD, as a file. */
const days = (from: number, to: number): string => `${BARS.slice(from, to).join('\n')}\n`;

/** Days of ETHUSD from 2024-05-01 on; the first is no number in its open. */
function ethusd(days: number): string {
  const bars = Array.from(
    { length: days },
    (_, i) => `${1_714_694_400 + i * DAY_S},3002,3012,2991,3006,11,15\n`,
  );
  return `1714521600,3001,3010,2990,3005,12.5,17\n1714608000,abc,3010,2990,3005,12.5,17\n${bars.join('')}`;
}

/**
 * The same bars in both, and the same indicators but for the last bits: how a rolling sum is added up is no promise
 * between versions.
 */
async function expectSame(): Promise<void> {
  const read = async ({ pool }: typeof old): Promise<Record<string, unknown>[]> =>
    (await pool.query('SELECT * FROM backhaul.candles ORDER BY venue, symbol, interval_s, ts')).rows;
  const [ours, theirs] = [await read(old), await read(fresh)];
  expect(ours.length).toBe(theirs.length);
  ours.forEach((bar, i) => {
    for (const [name, value] of Object.entries(bar)) {
      const other = theirs[i]![name];
      if (typeof value !== 'number' || typeof other !== 'number') expect(value, name).toEqual(other);
      else
        expect(Math.abs(value - other), `${name}: ${value}, ${other}`).toBeLessThanOrEqual(
          1e-12 * Number(bar['close']),
        );
    }
  });
}

describe('a database of version 0.1.0', () => {
  test('is migrated to the newest version, with all that is in it', async () => {
    const client = await old.client();
    await client.query(dump);
    expect(await migrate(old.pool)).toEqual({ from: 5, to: SCHEMA_VERSION });
    expect(await migrate(old.pool)).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION });
    const { states } = await statusSummary(old.pool);
    expect(states.loaded).toMatchObject({ tasks: 2, rowsRead: 35, rowsLoaded: 34, rowsRejected: 1 });
    expect(states.failed.tasks).toBe(1);
  });

  test('has every column that a new one has, in the same order', async () => {
    const columns = async (db: typeof old.pool): Promise<unknown> =>
      (
        await db.query(
          `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
           WHERE table_schema = 'backhaul' AND table_name !~ '^bars_2' ORDER BY 1, ordinal_position`,
        )
      ).rows;
    expect(await columns(old.pool)).toEqual(await columns(fresh.pool));
    const { rows } = await old.pool.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns
       WHERE table_schema = 'backhaul' AND table_name = 'bars_2024_04' ORDER BY ordinal_position`,
    );
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining([...INDICATOR_NAMES]));
  });

  test('holds the bars that the newest version makes of the same files', async () => {
    writeFileSync(join(folder, 'XBTUSD_1440.csv'), days(0, 30));
    writeFileSync(join(folder, 'ETHUSD_1440.csv'), ethusd(3));
    const summary = await load(fresh.url, [folder]);
    expect(summary.rows.loaded).toBe(34);
    await expectSame();
  });

  test('loads on from the states in it', async () => {
    const later = join(folder, 'later');
    mkdirSync(later);
    writeFileSync(join(later, 'XBTUSD_1440.csv'), days(30, 60));
    for (const { url } of [old, fresh]) {
      const { rows } = await load(url, [later]);
      expect(rows).toMatchObject({ loaded: 30, rejected: 0 });
    }
    await expectSame();
  });

  test('merges: longer files in place of the old ones; and loads what had failed', async () => {
    cpSync(join(FIXTURES, 'XBTUSD_1440.csv'), join(folder, 'XBTUSD_1440.csv'));
    writeFileSync(join(folder, 'ETHUSD_1440.csv'), ethusd(40));
    writeFileSync(join(folder, 'SOLUSD_1440.csv'), '1714521600,135.1,140,130.2,137.7,1000.5,321\n');
    expect(await requeueFailed(old.pool, null)).toEqual({ requeued: 0, unplanned: 1 });
    for (const { url } of [old, fresh]) expect((await load(url, [folder])).tasks.failed).toBe(0);
    const { rows } = await old.pool.query(
      'SELECT symbol, count(*)::int AS bars FROM backhaul.candles GROUP BY symbol ORDER BY symbol',
    );
    expect(rows).toEqual([
      { symbol: 'ETHUSD', bars: 41 },
      { symbol: 'SOLUSD', bars: 1 },
      { symbol: 'XBTUSD', bars: 60 },
    ]);
    await expectSame();
  });

  test('is, once recomputed, bit for bit what the newest version loads', async () => {
    const signal = new AbortController().signal;
    const indicators = INDICATOR_NAMES;
    for (const { pool } of [old, fresh])
      await recompute(pool, { filter: ALL_SERIES, fromUs: null, indicators, signal, onSeries: () => {} });
    expect(await candles(old.pool)).toBe(await candles(fresh.pool));
  });
});
