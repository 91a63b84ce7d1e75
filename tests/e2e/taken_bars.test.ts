import { expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { load, scratchFolder } from './loading.ts';
import { krakenCsv, walk, write } from './market.ts';

/** Bars that somebody else brings while a file with the same ones is being loaded. */

const { pool: db, url, client: connect } = await testDatabase();
const folder = scratchFolder();
const HOUR = 3600;
const FROM = Date.UTC(2024, 2, 1) / 1000;
const bars = walk('XBTUSD', FROM, FROM + 400 * HOUR, HOUR, 11, 1);

it('are compared with, as if they had stood before', async () => {
  await load(url, [write(folder, 'a/XBTUSD_60.csv', krakenCsv(bars.slice(0, 100)))], { workers: 1 });
  const other = await connect();
  await other.query('BEGIN');
  const [equal, differing] = [bars[150]!, bars[160]!];
  for (const [bar, more] of [
    [equal, 0],
    [differing, 1],
  ] as const)
    await other.query(
      `INSERT INTO backhaul.bars (series_id, ts, open, high, low, close, volume, trades)
       SELECT series_id, to_timestamp($1), $2, $3, $4, $5, $6, $7 FROM backhaul.series`,
      [bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume + more, bar.trades],
    );
  // The load waits for what the other has not committed, and then finds it there.
  const loading = load(url, [write(folder, 'b/XBTUSD_60.csv', krakenCsv(bars.slice(100)))], { workers: 1 });
  for (;;) {
    const { rows } = await db.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await other.query('COMMIT');
  const summary = await loading;
  expect(summary.failures).toEqual([]);
  expect(summary.rows).toMatchObject({ loaded: 298, duplicate: 2, conflict: 1 });
  const { rows } = await db.query(
    `SELECT count(*)::int AS bars, (SELECT string_agg(reason #>> '{}', '; ' ORDER BY event_id) FROM backhaul.task_event
       WHERE event = 'retry') AS why FROM backhaul.bars`,
  );
  expect(rows).toEqual([
    { bars: 400, why: expect.stringContaining('another file has brought some of its bars') },
  ]);
});
