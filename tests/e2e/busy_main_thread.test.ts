import { beforeAll, expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, massiveDays, walk, write } from './market.ts';

/** A thread ends while the main thread is at something else: what it has told before counts, whenever it is heard. */

const database = await testDatabase();
const folder = scratchFolder();
const HOUR = 3600;
/** Longer than the last statement of a task and its COMMIT take. */
const HOG_MS = 25;

/** Leaves the main thread a moment now and then, while `work` is under way. */
async function hogged<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    const until = performance.now() + HOG_MS;
    while (performance.now() < until);
  }, 1);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function table(workers: number): Promise<string> {
  await wipe(database.pool);
  expect(await load(database.url, [folder], { workers })).toMatchObject({ tasks: { failed: 0 } });
  return candles(database.pool);
}

let expected: string;
beforeAll(async () => {
  // The last symbol of a file, which is told last, is not in the first one: its lane learns that it has no state.
  massiveDays(folder, 4, ['A', 'AA', 'NA', 'aapl'], 7);
  for (const q of [0, 1, 2]) {
    const from = (400_000 + 1_000 * q) * HOUR;
    write(
      folder,
      `kraken/q${q + 1}/XBTUSD_60.csv`,
      krakenCsv(walk('XBTUSD', from, from + 1_000 * HOUR, HOUR, q)),
    );
  }
  expected = await table(1);
});

it('a load with 3 workers gives the same table while the main thread is busy', async () => {
  // Compared as a whole: a difference goes on to the end of a series, and would be thousands of lines.
  expect((await hogged(() => table(3))) === expected).toBe(true);
});
