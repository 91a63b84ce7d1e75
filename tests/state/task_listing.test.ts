import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { inTransaction } from '../../src/database/connect.ts';
import type { Fault } from '../../src/faults/fault.ts';
import { TASK_STATES } from '../../src/state/machine.ts';
import type { TaskPlan } from '../../src/state/task_plan.ts';
import { claim } from '../../src/state/tasks/claim.ts';
import { finish } from '../../src/state/tasks/finish.ts';
import { fail } from '../../src/state/tasks/give_up.ts';
import {
  decide,
  type FoundTask,
  type StandingTask,
  widenPlan,
} from '../../src/state/tasks/listing_decision.ts';
import { skip } from '../../src/state/tasks/requeue.ts';
import { type ListingCounts, previewTasks, upsertTasks } from '../../src/state/tasks/task_listing.ts';
import { testDatabase } from '../database.ts';
import { samplePlan, sampleTask } from './sample_tasks.ts';

const database = await testDatabase();
const { pool } = database;

const OWNER = randomUUID();
const FAULT: Fault = { kind: 'corrupt', message: 'The central directory is damaged.' };
const NONE: ListingCounts = {
  new: 0,
  changed: 0,
  waiting: 0,
  running: 0,
  unchanged: 0,
  failed: 0,
  skipped: 0,
  bytesToDo: 0,
};

const list = (...tasks: readonly FoundTask[]): Promise<ListingCounts> => upsertTasks(pool, null, tasks);

async function loadAll(): Promise<void> {
  for (const { taskId, attempt } of await claim(pool, { owner: OWNER, limit: 1000, leaseMs: 60_000 }))
    await inTransaction(pool, (client) =>
      finish(client, {
        taskId,
        attempt,
        rowsRead: 5,
        rowsLoaded: 5,
        rowsRejected: 0,
        rowsDuplicate: 0,
        rowsEmpty: 0,
        rowsConflict: 0,
        rowsOutside: 0,
        firstTsUs: 1_000_001,
        lastTsUs: 9_000_009,
        laneLoaded: null,
      }),
    );
}

async function failAll(): Promise<void> {
  for (const { taskId, attempt } of await claim(pool, { owner: OWNER, limit: 1000, leaseMs: 60_000 }))
    await fail(pool, taskId, attempt, FAULT);
}

interface Row {
  readonly state: string;
  readonly etag: string;
  readonly plan: TaskPlan | null;
  readonly attempt: number;
  readonly rows_loaded: number | null;
  readonly replaces: unknown;
  readonly error: Fault | null;
}

async function rows(): Promise<Row[]> {
  const result = await pool.query<Row>(
    'SELECT state, etag, plan, attempt, rows_loaded, replaces, error FROM backhaul.task ORDER BY task_id',
  );
  return result.rows;
}

async function events(): Promise<string[]> {
  const result = await pool.query<{ event: string }>(
    'SELECT event FROM backhaul.task_event ORDER BY event_id',
  );
  return result.rows.map((row) => row.event);
}

beforeEach(async () => {
  await pool.query('TRUNCATE backhaul.task RESTART IDENTITY CASCADE');
});

describe('upsertTasks', () => {
  test('adds each place once, however often and by however many it is found', async () => {
    const tasks = Array.from({ length: 200 }, (_, n) =>
      sampleTask(n % 150, { entry: n % 3 === 0 ? 'a' : null }),
    );
    const places = new Set(tasks.map((task) => `${task.uri} ${task.entry}`)).size;
    const counts = await Promise.all([list(...tasks), list(...tasks.toReversed()), list(...tasks)]);
    expect((await rows()).length).toBe(places);
    expect(counts.reduce((sum, one) => sum + one.new, 0)).toBe(places);
    expect(counts.reduce((sum, one) => sum + one.waiting, 0)).toBe(2 * places);
    expect(await list(...tasks)).toEqual({ ...NONE, waiting: places, bytesToDo: places * 1000 });
    expect(await list()).toEqual(NONE);
  });

  test('takes more than one statement carries, and finds all of them again', async () => {
    const tasks = Array.from({ length: 5_001 }, (_, n) => sampleTask(n, { lane: `lane ${n % 100}` }));
    expect(await list(...tasks)).toMatchObject({ new: 5_001 });
    expect(await list(...tasks)).toMatchObject({ waiting: 5_001 });
  });

  test('an unloaded file stays away until it has changed, or is read another way', async () => {
    const ids = await list(sampleTask(1), sampleTask(2), sampleTask(3)).then(async () =>
      (await pool.query<{ task_id: number }>('SELECT task_id FROM backhaul.task ORDER BY uri')).rows.map(
        (row) => row.task_id,
      ),
    );
    for (const id of ids) expect(await skip(pool, id, 'unloaded')).toBe(true);
    const again = [
      sampleTask(1),
      sampleTask(2, { etag: 'another' }),
      sampleTask(3, { plan: samplePlan({ venue: 'elsewhere' }) }),
    ];
    expect(await list(...again)).toEqual({ ...NONE, skipped: 1, changed: 2, bytesToDo: 2000 });
    const events = await pool.query(
      `SELECT from_state, to_state FROM backhaul.task_event WHERE event = 'restore'`,
    );
    expect(events.rows).toEqual(Array(2).fill({ from_state: 'skipped', to_state: 'pending' }));
    expect(await claim(pool, { owner: OWNER, limit: 9, leaseMs: 60_000 })).toHaveLength(2);
  });

  test('keeps everything a plan says', async () => {
    const plan = samplePlan({
      storage: {
        kind: 'zip',
        objectBytes: 2 ** 40,
        objectEtag: '"x"',
        headerOffset: 7,
        compressedSize: 1,
        uncompressedSize: 2,
        crc32: 2 ** 32 - 1,
        method: 8,
      },
      wantSymbols: { XXBTZUSD: 'XBTUSD' },
      fileFromUs: -1,
    });
    const task = sampleTask(1, { entry: 'ünï/😀.csv', plan, sequence: null });
    await list(task);
    const [claimed] = await claim(pool, { owner: OWNER, limit: 1, leaseMs: 1000 });
    const { modifiedMs: _, ...stored } = task;
    expect(claimed).toMatchObject(stored);
  });

  test('leaves what is loaded alone, until its content changes', async () => {
    await list(sampleTask(1), sampleTask(2));
    await loadAll();
    expect(await list(sampleTask(1), sampleTask(2))).toEqual({ ...NONE, unchanged: 2 });
    const changed = sampleTask(1, { etag: 'new' });
    expect(await list(changed, sampleTask(2))).toEqual({
      ...NONE,
      changed: 1,
      unchanged: 1,
      bytesToDo: 1000,
    });
    expect(await rows()).toMatchObject([
      {
        state: 'pending',
        etag: 'new',
        rows_loaded: 5,
        replaces: {
          etag: '1-1',
          rowsLoaded: 5,
          firstTsUs: 1_000_001,
          lastTsUs: 9_000_009,
          plan: samplePlan(),
        },
      },
      { state: 'loaded', replaces: null },
    ]);
    expect((await events()).at(-1)).toBe('replace');
    const [claimed] = await claim(pool, { owner: OWNER, limit: 1, leaseMs: 1000 });
    expect(claimed).toMatchObject({
      attempt: 2,
      replaces: { etag: '1-1' },
      laneAtClaim: { loaded: 2, foreignAhead: 0 },
    });
  });

  test('loads again what is asked for more widely, and not what is asked for more narrowly', async () => {
    const narrow = samplePlan({ wantFromUs: 100, wantToUs: 200, wantSymbols: { A: 'A' } });
    await list(sampleTask(1, { plan: narrow }));
    await loadAll();
    const inside = samplePlan({ wantFromUs: 150, wantToUs: 200, wantSymbols: { A: 'A' } });
    expect(await list(sampleTask(1, { plan: inside }))).toEqual({ ...NONE, unchanged: 1 });
    const wider = samplePlan({ wantFromUs: 150, wantToUs: 300, wantSymbols: { B: 'B' } });
    expect(await list(sampleTask(1, { plan: wider }))).toMatchObject({ changed: 1 });
    expect((await rows())[0]!.plan).toMatchObject({
      wantFromUs: 100,
      wantToUs: 300,
      wantSymbols: { A: 'A', B: 'B' },
    });
  });

  test('loads again what is read in another way, not what has other limits', async () => {
    await list(sampleTask(1));
    await loadAll();
    const limits = samplePlan({ maxRejects: 5, onConflict: 'replace' });
    expect(await list(sampleTask(1, { plan: limits }))).toMatchObject({ unchanged: 1 });
    const waived = sampleTask(1, { plan: samplePlan({ onInvalid: ['off-grid'] }) });
    expect(await list(waived)).toMatchObject({ changed: 1 });
    await loadAll();
    expect(await list(sampleTask(1))).toMatchObject({ unchanged: 1 });
    expect(await list(sampleTask(1, { plan: samplePlan({ intervalS: 60 }) }))).toMatchObject({ changed: 1 });
  });

  test('leaves what has failed alone, until its content or the plan changes', async () => {
    await list(sampleTask(1), sampleTask(2), sampleTask(3));
    await failAll();
    const found = [
      sampleTask(1),
      sampleTask(2, { etag: 'new' }),
      sampleTask(3, { plan: samplePlan({ maxRejects: 99_999 }) }),
    ];
    expect(await list(...found)).toEqual({ ...NONE, failed: 1, changed: 2, bytesToDo: 2000 });
    expect((await rows()).map((row) => row.state)).toEqual(['failed', 'pending', 'pending']);
    expect((await events()).slice(-2)).toEqual(['requeue', 'requeue']);
  });

  test('refreshes what is pending, without losing what was asked for before', async () => {
    await list(sampleTask(1));
    const newer = sampleTask(1, { etag: 'new', plan: samplePlan({ wantFromUs: 5, maxRejects: 1 }) });
    expect(await list(newer)).toMatchObject({ waiting: 1 });
    expect(await rows()).toMatchObject([{ etag: 'new', plan: { wantFromUs: null, maxRejects: 1 } }]);
  });

  test('leaves running ones alone', async () => {
    await list(sampleTask(1));
    await claim(pool, { owner: OWNER, limit: 1, leaseMs: 60_000 });
    const before = await rows();
    expect(await list(sampleTask(1, { etag: 'new' }))).toEqual({ ...NONE, running: 1 });
    expect(await rows()).toEqual(before);
  });

  test('fails what a listing finds broken, by two legal moves, once', async () => {
    const broken = sampleTask(1, { plan: null, layout: null, lane: null, sequence: null, fault: FAULT });
    expect(await list(broken, sampleTask(2))).toMatchObject({ failed: 1, new: 1 });
    expect(await rows()).toMatchObject([
      { state: 'failed', error: FAULT, plan: null, attempt: 1 },
      { state: 'pending' },
    ]);
    expect(await events()).toEqual(['claim', 'fail']);
    expect(await list(broken)).toEqual({ ...NONE, failed: 1 });
    expect(await events()).toEqual(['claim', 'fail']);
    expect(await list(sampleTask(1))).toMatchObject({ changed: 1 });
    expect((await rows())[0]).toMatchObject({ state: 'pending', plan: samplePlan() });
  });

  test('fails a loaded one whose new content is broken, and keeps one whose content is the same', async () => {
    await list(sampleTask(1), sampleTask(2));
    await loadAll();
    const broken = { plan: null, layout: null, lane: null, fault: FAULT };
    expect(await list(sampleTask(1, broken), sampleTask(2, { ...broken, etag: 'new' }))).toEqual({
      ...NONE,
      unchanged: 1,
      failed: 1,
    });
    expect(await rows()).toMatchObject([
      { state: 'loaded' },
      { state: 'failed', rows_loaded: 5, replaces: { etag: '1-2' } },
    ]);
  });

  test('is foretold by previewTasks, which writes nothing', async () => {
    await list(...[1, 2, 3, 4].map((n) => sampleTask(n)));
    await loadAll();
    await list(sampleTask(5));
    await failAll();
    await list(sampleTask(6));
    const found = [
      sampleTask(1),
      sampleTask(2, { etag: 'new' }),
      sampleTask(5),
      sampleTask(6),
      sampleTask(7),
      sampleTask(8, { plan: null, fault: FAULT }),
      sampleTask(7),
    ];
    const before = await rows();
    expect(await previewTasks(pool, found)).toEqual([
      'loaded',
      'changed',
      'failed',
      'pending',
      'new',
      'failed',
      'new',
    ]);
    expect(await rows()).toEqual(before);
  });

  test('shows a lane to no claim half listed', async () => {
    const claims = (async () => {
      const got: (number | null)[] = [];
      for (let n = 0; n < 60; n++)
        got.push(
          ...(await claim(pool, { owner: OWNER, limit: 5, leaseMs: 60_000 })).map((task) => task.sequence),
        );
      return got;
    })();
    // Last first: a claim between two rows of this listing would start the lane in its middle.
    await list(...Array.from({ length: 100 }, (_, n) => sampleTask(100 - n)));
    const got = await claims;
    expect(got).toEqual(Array.from({ length: got.length }, (_, n) => n + 1));
    expect(got.length).toBeGreaterThan(0);
  });
});

const bound = fc.option(fc.integer({ min: -5, max: 5 }), { nil: null });
const symbols = fc.option(
  fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.constant('X'), { noNullPrototype: true }),
  {
    nil: null,
  },
);
const plan = fc
  .record({ wantFromUs: bound, wantToUs: bound, wantSymbols: symbols })
  .map((wants) => samplePlan(wants));

describe('decide', () => {
  /** Whether a plan asks for a bar of `symbol` at `ts`. */
  const asksFor = (one: TaskPlan, symbol: string, ts: number): boolean =>
    (one.wantFromUs === null || ts >= one.wantFromUs) &&
    (one.wantToUs === null || ts < one.wantToUs) &&
    (one.wantSymbols === null || symbol in one.wantSymbols);

  test('a widened plan asks for all that either plan asked for', () => {
    fc.assert(
      fc.property(
        plan,
        plan,
        fc.constantFrom('A', 'B', 'C', 'D'),
        fc.integer({ min: -6, max: 6 }),
        (a, b, symbol, ts) => {
          if (asksFor(a, symbol, ts) || asksFor(b, symbol, ts)) {
            expect(asksFor(widenPlan(a, b)!, symbol, ts)).toBe(true);
          }
        },
      ),
    );
  });

  test('what it has stored once, it keeps the next time', () => {
    const standing = fc.record({
      state: fc.constantFrom(...TASK_STATES),
      etag: fc.constantFrom('e', 'f'),
      layout: fc.constantFrom('l', 'm'),
      lane: fc.constant('lane'),
      sequence: fc.constantFrom(1, 2),
      plan: fc.option(plan, { nil: null }),
      rowsConflict: fc.constantFrom(null, 0, 3),
      isOverruled: fc.boolean(),
    });
    fc.assert(
      fc.property(standing, plan, (before, wanted) => {
        const found = sampleTask(1, { etag: 'e', layout: 'l', lane: 'lane', sequence: 1, plan: wanted });
        const { step, plan: stored } = decide(before, found);
        if (step === 'keep') return;
        // A reload ends as loaded; what was pending is.
        const state = step === 'refresh' ? before.state : 'loaded';
        const after: StandingTask = {
          state,
          etag: 'e',
          layout: 'l',
          lane: 'lane',
          sequence: 1,
          plan: stored,
          rowsConflict: 3,
          isOverruled: false,
        };
        expect(decide(after, found).step).toBe('keep');
      }),
    );
  });
});
