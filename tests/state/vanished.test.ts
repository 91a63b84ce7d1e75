import { expect, it } from 'vitest';
import { upsertTasks } from '../../src/state/tasks/task_listing.ts';
import { vanishedObjects } from '../../src/state/tasks/vanished.ts';
import { testDatabase } from '../database.ts';
import { sampleTask } from './sample_tasks.ts';

const { pool } = await testDatabase();

it('are those of the source alone, page by page, entries of a zip as one', async () => {
  const names = Array.from({ length: 5_500 }, (_, i) => `file:///d/2024/${String(i).padStart(5, '0')}.csv`);
  const found = [...names, 'file:///d/2024-fixed/1.csv', 'file:///d/2024', 'file:///d/20245.csv'];
  await upsertTasks(
    pool,
    null,
    found.map((uri) => sampleTask(0, { uri, lane: uri })),
  );
  await upsertTasks(
    pool,
    null,
    ['a', 'b'].map((entry) => sampleTask(0, { uri: 'file:///d/2024/z.zip', entry, lane: entry })),
  );
  const all = "uri <> 'file:///d/2024/00003.csv'";
  await pool.query(`UPDATE backhaul.task SET state = 'running', attempt = 1, owner = gen_random_uuid(),
    claimed_at = now(), lease_until = now() WHERE ${all}`);
  await pool.query(`UPDATE backhaul.task SET state = 'loaded', owner = NULL, lease_until = NULL, finished_at = now(),
    rows_read = 0, rows_loaded = 0, rows_rejected = 0, rows_duplicate = 0 WHERE ${all}`);
  const seen = new Set(names.filter((_, i) => i !== 1 && i !== 5_400));
  expect(await vanishedObjects(pool, 'file:///d/2024', seen, 2)).toEqual({
    count: 4,
    some: ['file:///d/2024', 'file:///d/2024/00001.csv'],
  });
  expect(await vanishedObjects(pool, 'file:///d/2024-fixed/', new Set(), 2)).toEqual({
    count: 1,
    some: ['file:///d/2024-fixed/1.csv'],
  });
});
