import { EventEmitter } from 'node:events';
import { MessagePort } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { WorkerPool } from '../../src/workers/pool.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';

/** Threads outlast a load; nothing that is a load's does: sessions left open fail this file at its end. */

const database = await testDatabase();
const folder = scratchFolder();
const START = Date.UTC(2024, 3, 1) / 1000;

it('know nothing of the last load in the next, and are listened to no more than in the first', async () => {
  const warnings: string[] = [];
  const warned = (warning: Error & { readonly target?: unknown }): void => {
    if (warning.target instanceof MessagePort) warnings.push(warning.message);
  };
  process.on('warning', warned);
  const { defaultMaxListeners } = EventEmitter;
  // One for as long as the thread lives, one while it parts with a load.
  EventEmitter.defaultMaxListeners = 2;
  const files = ['XBTUSD', 'ETHUSD'].map((symbol, seed) =>
    write(folder, `${symbol}_60.csv`, krakenCsv(walk(symbol, START, START + 50 * 3600, 3600, seed, 1))),
  );
  const told: string[] = [];
  // Ids, partitions and series are other ones the second time.
  for (const order of [files, files.toReversed()]) {
    await wipe(database.pool);
    for (const file of order)
      expect(await load(database.url, [file])).toMatchObject({ rows: { loaded: 50 } });
    told.push(await candles(database.pool));
  }
  EventEmitter.defaultMaxListeners = defaultMaxListeners;
  process.off('warning', warned);
  expect(told[1]).toBe(told[0]);
  expect(warnings).toEqual([]);
});

it('are taken if they wait and were made as the load asks for, and serve one load at a time', async () => {
  const first = WorkerPool.take(1);
  const second = WorkerPool.take(1);
  expect(second).not.toBe(first);
  await first.leave();
  process.env['BACKHAUL_OF_THIS_TEST'] = 'another environment, which threads copy when they are made';
  const third = WorkerPool.take(1);
  delete process.env['BACKHAUL_OF_THIS_TEST'];
  expect(third).not.toBe(first);
  const fourth = WorkerPool.take(1);
  expect(fourth).toBe(first);
  for (const pool of [second, third, fourth]) await pool.destroy();
});
