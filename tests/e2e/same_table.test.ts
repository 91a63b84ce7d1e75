import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LoadOptions } from '../../src/load/load_events.ts';
import { testDatabase } from '../database.ts';
import { candles, load as loadFiles, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, massiveDays, random, walk, write } from './market.ts';

/** The content of `candles` does not depend on how the files got there. */

const database = await testDatabase();
const folder = scratchFolder();
const replaced = scratchFolder();
const TICKERS = ['A', 'AA', 'BRK.B', 'NA', 'TRUE', 'ZZZ', 'aapl'];
const Q = (quarter: number): number => Date.UTC(2024, 3 * quarter, 1) / 1000;

/** With longer bars of their own markets. */
const load = (url: string, sources: readonly string[], options: Partial<LoadOptions> = {}) =>
  loadFiles(url, sources, { rollups: [14_400, 86_400], ...options });

let files: string[] = [];
let expected = '';

beforeAll(async () => {
  const days = massiveDays(join(folder, 'massive'), 6, TICKERS, 7);
  const hours = walk('XBTUSD', Q(0), Q(3), 3600, 3);
  const quarters = [0, 1, 2].map((q) =>
    write(
      folder,
      `kraken/q${q + 1}/XBTUSD_60.csv`,
      krakenCsv(hours.filter((bar) => bar.time >= Q(q) && bar.time < Q(q + 1))),
    ),
  );
  files = [...days, ...quarters];
  // One file after the other, oldest first, one worker: nothing can go out of order.
  for (const file of files) {
    const summary = await load(database.url, [file], { workers: 1 });
    expect(summary.tasks).toMatchObject({ loaded: 1, failed: 0 });
  }
  expected = await candles(database.pool);
  expect(expected.split('\n').length).toBeGreaterThan(5_000);
});

describe('the same table', () => {
  for (const workers of [1, 4]) {
    it(`comes from all files at once on ${workers} workers`, async () => {
      await wipe(database.pool);
      const summary = await load(database.url, [folder], { workers, batchBytes: 20_000 });
      expect(summary.failures).toEqual([]);
      expect(summary.tasks.loaded).toBe(files.length);
      expect(await candles(database.pool)).toBe(expected);
    });
  }

  it('comes from one file a run in any order of arrival: late ones recompute what follows', async () => {
    await wipe(database.pool);
    const next = random(1);
    const order = files.map((file) => ({ file, key: next() })).sort((a, b) => a.key - b.key);
    for (const { file } of order) await load(database.url, [file], { workers: 1 });
    expect(await candles(database.pool)).toBe(expected);
  });

  it('comes from a file of many batches that replaces one, while another vouches for some of its middle', async () => {
    const bars = walk('ETHUSD', Q(0), Q(0) + 3 * 86_400, 60, 3, 0.9);
    const noon = Q(0) + 1.4 * 86_400;
    const some = bars.filter((_, i) => i % 3 !== 1);
    const middle = some.filter(({ time }) => time >= noon && time < noon + 40_000);
    const whole = write(replaced, 'whole/ETHUSD_1.csv', krakenCsv(some));
    const mid = write(replaced, 'mid/ETHUSD_1.csv', krakenCsv(middle));
    await wipe(database.pool);
    for (const file of [mid, whole]) await load(database.url, [file], { batchBytes: 65_536 });
    write(replaced, 'whole/ETHUSD_1.csv', krakenCsv(bars));
    await load(database.url, [whole], { batchBytes: 65_536 });
    const now = await candles(database.pool);
    await wipe(database.pool);
    await load(database.url, [whole]);
    expect(now === (await candles(database.pool))).toBe(true);
  });

  it('comes from two loaders at once', async () => {
    await wipe(database.pool);
    const both = await Promise.all([
      load(database.url, [folder], { workers: 2 }),
      load(database.url, [folder], { workers: 2 }),
    ]);
    expect(both.flatMap((one) => one.failures)).toEqual([]);
    // They are one run, and each tells the whole of it; each file was loaded by one of them.
    expect(both[1].runId).toBe(both[0].runId);
    expect(both.map(({ tasks }) => tasks.loaded)).toEqual([files.length, files.length]);
    const { rows } = await database.pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM backhaul.task_event WHERE event = 'finish'`,
    );
    expect(rows[0]!.n).toBe(files.length);
    expect(await candles(database.pool)).toBe(expected);
  });

  it('stays when everything is loaded again, which does nothing and says so', async () => {
    const again = await load(database.url, [folder]);
    expect(again).toMatchObject({ nothingToDo: true, tasks: { loaded: 0, unchanged: files.length } });
    expect(await candles(database.pool)).toBe(expected);
  });

  it('keeps of each series the states of its checkpoints, its last, and of the others one a month', async () => {
    const { rows } = await database.pool.query(
      `WITH bar AS (
         SELECT b.series_id, b.ts, i.ts IS NOT NULL AS kept, floor(extract(epoch FROM b.ts) / 2592000) AS month,
                floor(extract(epoch FROM b.ts) / s.interval_s)::int8 % 251 = 0 AS is_checkpoint
         FROM backhaul.bars b JOIN backhaul.series s USING (series_id)
         LEFT JOIN backhaul.indicator_state i ON (i.series_id, i.ts) = (b.series_id, b.ts))
       SELECT count(*) FILTER (WHERE is_checkpoint) > 20 AS some,
              bool_and(kept) FILTER (WHERE is_checkpoint) AS checkpoints,
              count(*) FILTER (WHERE kept AND NOT is_checkpoint)
                <= count(DISTINCT (series_id, month)) AS one_a_month,
              (SELECT count(*) FROM backhaul.indicator_state) = count(*) FILTER (WHERE kept) AS real FROM bar`,
    );
    expect(rows[0]).toEqual({ some: true, checkpoints: true, one_a_month: true, real: true });
    const last = await database.pool.query(
      `SELECT series_id FROM (SELECT series_id, max(ts) AS bar FROM backhaul.bars GROUP BY series_id) b
       LEFT JOIN (SELECT series_id, max(ts) AS state FROM backhaul.indicator_state GROUP BY series_id) i USING (series_id)
       WHERE bar IS DISTINCT FROM state`,
    );
    expect(last.rows).toEqual([]);
  });

  it('leaves every partition standing and every count reconciled', async () => {
    const { rows } = await database.pool.query(
      `SELECT (SELECT count(*) FROM backhaul.partition WHERE state = 'bare') AS bare,
              (SELECT count(*) FROM backhaul.task WHERE rows_read <> rows_loaded + rows_rejected + rows_duplicate) AS off,
              (SELECT sum(rows_loaded) FROM backhaul.task)::int = (SELECT count(*) FROM backhaul.bars b
                WHERE series_id NOT IN (SELECT series_id FROM backhaul.derivation))::int AS all_there`,
    );
    expect(rows[0]).toEqual({ bare: 0, off: 0, all_there: true });
  });
});
