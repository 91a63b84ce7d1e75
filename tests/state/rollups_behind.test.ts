import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { inTransaction } from '../../src/database/connect.ts';
import { notedRollups, noteRollups } from '../../src/state/series/rollups.ts';
import { findOrMakeSeries } from '../../src/state/series/series_ids.ts';
import { claim } from '../../src/state/tasks/claim.ts';
import { finish } from '../../src/state/tasks/finish.ts';
import { upsertTasks } from '../../src/state/tasks/task_listing.ts';
import { testDatabase } from '../database.ts';
import { sampleTask } from './sample_tasks.ts';

const { pool } = await testDatabase();

/** Notes longer bars of the sample's hours; resolves to whether some are still to be made, by their length. */
async function note(rollupS: number, symbol: string | null = 'XBTUSD'): Promise<boolean> {
  await noteRollups(pool, [{ venue: 'kraken', symbol, intervalS: 3600, rollupS }]);
  const noted = await notedRollups(pool);
  return noted.find((one) => one.rollupS === rollupS && one.symbol === symbol)!.behind;
}

it('longer bars are behind where bars stand or a file that was claimed before is at work, and nowhere else', async () => {
  expect(await note(7200)).toBe(false);
  await upsertTasks(pool, null, [sampleTask(1)]);
  expect(await note(14_400)).toBe(false);
  const [task] = await claim(pool, { owner: randomUUID(), limit: 1, leaseMs: 60_000 });
  expect(await note(21_600)).toBe(true);
  expect(await note(21_600, null)).toBe(true);
  expect(await note(21_600, 'ETHUSD')).toBe(true);
  const [series] = await findOrMakeSeries(pool, [{ venue: 'kraken', symbol: 'XBTUSD', intervalS: 3600 }]);
  const counts = { rowsRead: 1, rowsLoaded: 1, rowsRejected: 0, rowsDuplicate: 0, rowsEmpty: 0 };
  const [fromUs, toUs] = [1_704_067_200_000_000, 1_704_070_800_000_000];
  await inTransaction(pool, (client) =>
    finish(client, {
      taskId: task!.taskId,
      attempt: task!.attempt,
      ...counts,
      rowsConflict: 0,
      rowsOutside: 0,
      firstTsUs: fromUs,
      lastTsUs: fromUs,
      laneLoaded: null,
      ends: [{ seriesId: series!.id, fromUs, toUs, lastTsUs: fromUs, state: null }],
    }),
  );
  expect(await note(28_800)).toBe(true);
  expect(await note(28_800, null)).toBe(true);
  expect(await note(28_800, 'ETHUSD')).toBe(false);
  // What was noted once stays as it was.
  expect(await note(7200)).toBe(false);
  expect(await note(21_600)).toBe(true);
});
