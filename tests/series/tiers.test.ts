import { beforeEach, describe, expect, it } from 'vitest';
import { setTiers, symbolsOfTiers, type Tier, tiersOf } from '../../src/series/tiers.ts';
import { claim } from '../../src/state/tasks/claim.ts';
import { upsertTasks } from '../../src/state/tasks/task_listing.ts';
import { testDatabase } from '../database.ts';
import { wipe } from '../gaps/loaded_market.ts';
import { samplePlan, sampleTask } from '../state/sample_tasks.ts';

const database = await testDatabase();
const db = database.pool;
const OWNER = '00000000-0000-4000-8000-000000000001';

beforeEach(() => wipe(db));

const tiers = (first: string[], second: string[] = []): Tier[] => tiersOf({ TIER1: first, TIER2: second });

/** Two files for each symbol, in the order of the alphabet. */
function files(...symbols: string[]): ReturnType<typeof sampleTask>[] {
  return symbols.flatMap((symbol) =>
    [1, 2].map((n) => sampleTask(n, { lane: `kraken/${symbol}/3600`, plan: samplePlan({ symbol }) })),
  );
}

async function claimed(limit: number): Promise<string[]> {
  const tasks = await claim(db, { owner: OWNER, limit, leaseMs: 60_000 });
  return tasks.map((task) => `${task.plan.symbol} ${task.sequence}`);
}

describe('tiers', () => {
  it('are claimed first, whatever their files are called; in a lane the order of time stays', async () => {
    await setTiers(db, tiers(['XBTUSD'], ['ETHUSD']));
    await upsertTasks(db, null, files('AAVEUSD', 'ETHUSD', 'XBTUSD'));
    expect(await claimed(3)).toEqual(['XBTUSD 1', 'XBTUSD 2', 'ETHUSD 1']);
    expect(await claimed(9)).toEqual(['ETHUSD 2', 'AAVEUSD 1', 'AAVEUSD 2']);
  });

  it('that change move what waits already, all of a lane together', async () => {
    await upsertTasks(db, null, files('AAVEUSD', 'XBTUSD'));
    await setTiers(db, tiers(['XBTUSD']));
    expect(await claimed(1)).toEqual(['XBTUSD 1']);
    await setTiers(db, tiers(['AAVEUSD']));
    expect(await claimed(2)).toEqual(['AAVEUSD 1', 'AAVEUSD 2']);
    await setTiers(db, []);
    const { rows } = await db.query('SELECT DISTINCT priority FROM backhaul.task WHERE state <> $1', [
      'loaded',
    ]);
    expect(rows).toEqual([{ priority: 100 }]);
  });

  it('are named as they are written, and a symbol is in one of them', () => {
    const set = tiers(['XBTUSD', 'ETHUSD'], ['XDGUSD']);
    expect(symbolsOfTiers(set, ['tier1', '2'])).toEqual(['XBTUSD', 'ETHUSD', 'XDGUSD']);
    expect(() => symbolsOfTiers(set, ['TIER3'])).toThrow('there is no tier TIER3');
    expect(() => tiers(['XBTUSD'], ['XBTUSD'])).toThrow('XBTUSD is in two tiers: TIER1 and TIER2');
  });
});
