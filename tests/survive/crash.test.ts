import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KillPoint, LOAD_POINTS } from '../../src/base/kill_points.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { random } from '../e2e/market.ts';
import { type Copy, differences, type Original, originals, snapshot } from './copies.ts';
import { type Ended, startLoad } from './program.ts';
import { freshWorld, onCopy, standingWorld, type World } from './worlds.ts';

/**
 * `kill -9` at any instant, then the same command again: the table of a run that nobody disturbed.
 *
 * A default run kills at every point once, in one of the two worlds, a load of one thread; and loads of two threads at
 * two instants of each world. The long run kills at every point of both worlds, at four passages of each, and at two
 * hundred instants, all of them loads of two threads.
 */

const LONG = process.env['BACKHAUL_LONG'] === '1';

/** Whose nodes take rows from a load itself where no longer bars are made. */
const IS_CLUSTER = process.env['BACKHAUL_TEST_ENGINE'] === 'citus';

const databases = await originals();
const folder = scratchFolder();

interface Trial {
  readonly world: World;
  readonly original: Original;
  readonly undisturbed: Record<string, string>;
}

async function trialOf(world: World): Promise<Trial> {
  const original = await databases.original(world.prepare);
  const undisturbed = await onCopy(original, async (copy) => {
    const { tasks, rows } = await load(copy.url, [world.source], { batchBytes: 65_536 });
    expect({ failed: tasks.failed, rejects: rows.rejected > 0 }).toEqual({ failed: 0, rejects: true });
    return snapshot(copy.pool);
  });
  return { world, original, undisturbed };
}

const trials = new Map<string, Trial>();
beforeAll(async () => {
  trials.set('fresh', await trialOf(freshWorld(join(folder, 'fresh'))));
  trials.set('standing', await trialOf(standingWorld(join(folder, 'standing'))));
  if (IS_CLUSTER) trials.set('appended', await trialOf(freshWorld(join(folder, 'appended'), 4, false)));
});

/** Loads that ended by SIGKILL. */
let killed = 0;
afterAll(() => {
  if (LONG) process.stderr.write(`killed at ${killed} instants\n`);
});

/** Runs the load with a kill at a named instant. */
async function killedAt(copy: Copy, world: World, point: KillPoint, passage: number): Promise<Ended> {
  const env = { BACKHAUL_KILL_AT: `${point}:${passage}` };
  const ended = await startLoad(copy.url, [world.source], { env, workers: LONG ? 2 : 1 }).ended;
  if (ended.signal === 'SIGKILL') killed++;
  return ended;
}

/** The same command again, and what it must leave. */
async function resumed(copy: Copy, { world, undisturbed }: Trial): Promise<void> {
  await load(copy.url, [world.source], { batchBytes: 65_536, leaseMs: 5_000 });
  expect(differences(await snapshot(copy.pool), undisturbed)).toEqual([]);
}

/** Where a key is given. Chunks of a hypertable have theirs from the beginning: nobody has to wait for one, either. */
const KEYS: readonly KillPoint[] = ['leaf.keyed', 'leaf.attached', 'leaf.standing'];
const NO_KEYS: readonly KillPoint[] = process.env['BACKHAUL_TEST_ENGINE'] === 'timescale' ? KEYS : [];

/** Points one of the worlds has no cause to pass; every other one must be passed, or its test would prove nothing. */
const OF_MERGES: readonly KillPoint[] = [
  'merge.joined',
  'merge.needed',
  'merge.opened',
  'merge.removed',
  'merge.compared',
  'merge.reading',
  'merge.deleted',
  'merge.copied',
  'merge.taken',
  'merge.recomputed',
];
const ABSENT: Readonly<Record<string, readonly KillPoint[]>> = {
  fresh: [...OF_MERGES, ...NO_KEYS],
  appended: OF_MERGES,
  standing: [
    'copy.opened',
    'copy.written',
    ...KEYS,
    ...(NO_KEYS.length > 0 ? (['merge.needed'] as const) : []),
    // Files go one by one there.
    ...(IS_CLUSTER ? (['merge.joined'] as const) : []),
  ],
};

describe.each(['fresh', 'standing', ...(IS_CLUSTER ? ['appended'] : [])])('a load in a %s world', (name) => {
  const points = LOAD_POINTS.filter((point) => !ABSENT[name]!.includes(point));
  /** What both worlds pass is passed in the one where more stands to be damaged; in a long run, in both. */
  const own =
    LONG || name !== 'fresh' ? points : points.filter((point) => ABSENT['standing']!.includes(point));

  it('killed once at every point of a task’s life, one run after the other, ends as if nothing had been', async () => {
    const trial = trials.get(name)!;
    await onCopy(trial.original, async (copy) => {
      const missed: string[] = [];
      for (const point of own) {
        const { signal, hung, code, stderr } = await killedAt(copy, trial.world, point, 1);
        expect(hung).toBe(false);
        if (signal !== 'SIGKILL') missed.push(`${point}: ended by itself, ${code}: ${stderr.slice(-500)}`);
      }
      expect(missed).toEqual([]);
      await resumed(copy, trial);
    });
  });

  it.skipIf(!LONG).each(points)(
    'killed at %s, at each passage, ends as if nothing had been',
    async (point) => {
      const trial = trials.get(name)!;
      await onCopy(trial.original, async (copy) => {
        for (const passage of [1, 2, 3, 4]) {
          const { signal, hung } = await killedAt(copy, trial.world, point, passage);
          expect(hung).toBe(false);
          if (passage === 1) expect(signal).toBe('SIGKILL');
          if (signal !== 'SIGKILL') break;
        }
        await resumed(copy, trial);
      });
    },
  );

  const seeds = Array.from({ length: LONG ? 20 : 1 }, (_, i) => i + 1);
  it.each(seeds)('killed at random, again and again (seed %i), ends as if nothing had been', async (seed) => {
    const trial = trials.get(name)!;
    const next = random(seed);
    await onCopy(trial.original, async (copy) => {
      for (let kill = 0; kill < (LONG ? 10 : 2); kill++) {
        const program = startLoad(copy.url, [trial.world.source]);
        // The first of these instants lie in the start of the program, the last behind its end.
        await sleep(200 + next() * 1000);
        program.child.kill('SIGKILL');
        const { hung, signal } = await program.ended;
        expect(hung).toBe(false);
        if (signal === 'SIGKILL') killed++;
      }
      await resumed(copy, trial);
    });
  });
});
