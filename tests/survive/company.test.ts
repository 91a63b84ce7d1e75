import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KillPoint, LOAD_POINTS } from '../../src/base/kill_points.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { random } from '../e2e/market.ts';
import { type Copy, differences, type Original, originals, snapshot } from './copies.ts';
import { startLoad, thawed, untilFrozen } from './program.ts';
import { freshWorld, onCopy, standingWorld, type World } from './worlds.ts';

/** Several loaders on one database: all work is done once, and nobody waits for ever for somebody who is frozen. */

const LONG = process.env['BACKHAUL_LONG'] === '1';

/** Whose nodes take rows from a load itself where no longer bars are made. */
const IS_CLUSTER = process.env['BACKHAUL_TEST_ENGINE'] === 'citus';

const databases = await originals();
const folder = scratchFolder();

interface Stage {
  readonly world: World;
  readonly original: Original;
  readonly undisturbed: Record<string, string>;
}

const stages = new Map<string, Stage>();
beforeAll(async () => {
  for (const [name, world] of [
    ['fresh', freshWorld(join(folder, 'fresh'))],
    ['standing', standingWorld(join(folder, 'standing'))],
    ...(IS_CLUSTER ? ([['appended', freshWorld(join(folder, 'appended'), 4, false)]] as const) : []),
  ] as const) {
    const original = await databases.original(world.prepare);
    const undisturbed = await onCopy(original, async (copy) => {
      await load(copy.url, [world.source], { batchBytes: 65_536 });
      return snapshot(copy.pool);
    });
    stages.set(name, { world, original, undisturbed });
  }
});

/** The tasks that a finish is noted for more often than they were put back to be loaded again. */
async function doneTwice(copy: Copy): Promise<unknown[]> {
  const { rows } = await copy.pool.query(
    `SELECT task_id, count(*) FILTER (WHERE event = 'finish') AS finished, count(*) FILTER (WHERE event = 'replace') AS replaced
     FROM backhaul.task_event GROUP BY task_id
     HAVING count(*) FILTER (WHERE event = 'finish') <> 1 + count(*) FILTER (WHERE event = 'replace')`,
  );
  return rows;
}

describe('loaders on one database', () => {
  const names = [...(LONG ? ['fresh'] : []), 'standing', ...(IS_CLUSTER ? ['appended'] : [])];
  const trials = names.flatMap((name) =>
    (LONG ? [2, 3, 4, 6, 8] : [3]).map((loaders) => ({ name, loaders })),
  );
  it.each(trials)(
    '$loaders of them, killed and started at random, in a $name world',
    async ({ name, loaders }) => {
      const { world, original, undisturbed } = stages.get(name)!;
      await onCopy(original, async (copy) => {
        const live = async (seed: number): Promise<void> => {
          const next = random(seed);
          for (let life = 0; life < (LONG ? 2 : 1); life++) {
            await sleep(next() * 300);
            const program = startLoad(copy.url, [world.source]);
            await sleep(300 + next() * 900);
            program.child.kill('SIGKILL');
            await program.ended;
          }
          const { code, hung, stderr } = await startLoad(copy.url, [world.source]).ended;
          expect({ hung, code: code === 3 ? 0 : code }, stderr).toEqual({ hung: false, code: 0 });
        };
        await Promise.all(Array.from({ length: loaders }, (_, i) => live(100 * loaders + i)));
        expect(differences(await snapshot(copy.pool), undisturbed)).toEqual([]);
        expect(await doneTwice(copy)).toEqual([]);
      });
    },
  );
});

/** Chunks of a hypertable have their key from the beginning: nobody gives them one. */
const KEYED_FROM_BIRTH = process.env['BACKHAUL_TEST_ENGINE'] === 'timescale';
const FROZEN: readonly { readonly name: string; readonly point: KillPoint }[] = LONG
  ? [
      ...LOAD_POINTS.filter(
        (point) => !point.startsWith('merge.') && !(KEYED_FROM_BIRTH && point.startsWith('leaf.')),
      ).map((point) => ({
        name: 'fresh',
        point,
      })),
      ...LOAD_POINTS.filter((point) => !point.startsWith('copy.')).map((point) => ({
        name: 'standing',
        point,
      })),
    ]
  : [
      // Without a transaction, in the one that writes rows, in the one that gives keys, and in a merge.
      { name: 'fresh', point: 'claim.made' },
      { name: 'fresh', point: 'task.finished' },
      ...(KEYED_FROM_BIRTH ? [] : [{ name: 'fresh', point: 'leaf.attached' } as const]),
      { name: 'standing', point: 'merge.recomputed' },
      ...(IS_CLUSTER
        ? ([
            { name: 'appended', point: 'copy.written' },
            { name: 'appended', point: 'task.finished' },
          ] as const)
        : []),
    ];

describe.skipIf(process.platform !== 'linux').concurrent('a loader that is frozen past its lease', () => {
  it.for(FROZEN)(
    'at $point, in a $name world, changes nothing when it is thawed',
    async ({ name, point }, context) => {
      const { world, original, undisturbed } = stages.get(name)!;
      const copy = await original.copy();
      context.onTestFinished(() => copy.drop());
      const env = { BACKHAUL_FREEZE_AT: point };
      const frozen = startLoad(copy.url, [world.source], { env, workers: LONG ? 2 : 1 });
      await untilFrozen(frozen);
      // Another one does all there is to do, once the lease of 5 s is over.
      const { tasks } = await load(copy.url, [world.source], { batchBytes: 65_536, leaseMs: 5_000 });
      expect(tasks.failed).toBe(0);
      expect(differences(await snapshot(copy.pool), undisturbed)).toEqual([]);
      const woken = await thawed(frozen);
      expect({ hung: woken.hung, signal: woken.signal }).toEqual({ hung: false, signal: null });
      expect(differences(await snapshot(copy.pool), undisturbed)).toEqual([]);
      expect(await doneTwice(copy)).toEqual([]);
    },
  );
});
