import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Client } from 'pg';
import { beforeEach, describe, expect, test } from 'vitest';
import { inTransaction } from '../../src/database/connect.ts';
import type { Fault } from '../../src/faults/fault.ts';
import type { TaskState, Transition } from '../../src/state/machine.ts';
import { finishRun, resumeRun, startRun } from '../../src/state/runs/run_store.ts';
import { statusSummary } from '../../src/state/runs/status.ts';
import { sessionName } from '../../src/state/tasks/attempt.ts';
import { type ClaimedTask, type ClaimOptions, claim } from '../../src/state/tasks/claim.ts';
import { type Finished, finish } from '../../src/state/tasks/finish.ts';
import { fail, release, releaseOrphans, retryLater } from '../../src/state/tasks/give_up.ts';
import { isAtWork, unfinished } from '../../src/state/tasks/lane_standing.ts';
import { expire, heartbeat } from '../../src/state/tasks/lease.ts';
import type { FoundTask } from '../../src/state/tasks/listing_decision.ts';
import { requeueFailed, skip } from '../../src/state/tasks/requeue.ts';
import { upsertTasks } from '../../src/state/tasks/task_listing.ts';
import { testDatabase } from '../database.ts';
import { nextState, samplePlan, sampleTask } from './sample_tasks.ts';

const database = await testDatabase();
const { pool } = database;

const OWNER = randomUUID();
const OTHER = randomUUID();
const FAULT: Fault = { kind: 'network', message: 'The connection broke.' };
const COUNTS = {
  rowsRead: 13,
  rowsLoaded: 7,
  rowsRejected: 1,
  rowsDuplicate: 2,
  rowsEmpty: 3,
  rowsConflict: 1,
  rowsOutside: 4,
  firstTsUs: 1_704_067_200_000_000,
  lastTsUs: 1_704_070_800_123_457,
  laneLoaded: null,
};

const claimSome = (limit: number, over: Partial<ClaimOptions> = {}): Promise<ClaimedTask[]> =>
  claim(pool, { owner: OWNER, limit, leaseMs: 60_000, ...over });

const finishOne = (task: { taskId: number; attempt: number }, over: Partial<Finished> = {}): Promise<void> =>
  inTransaction(pool, (client) =>
    finish(client, { ...COUNTS, taskId: task.taskId, attempt: task.attempt, ...over }),
  );

async function add(...tasks: readonly FoundTask[]): Promise<number[]> {
  await upsertTasks(pool, null, tasks);
  const { rows } = await pool.query<{ task_id: number; uri: string }>(
    'SELECT task_id, uri FROM backhaul.task',
  );
  const ids = new Map(rows.map((row) => [row.uri, row.task_id]));
  return tasks.map((task) => ids.get(task.uri)!);
}

interface Row {
  readonly state: TaskState;
  readonly attempt: number;
  readonly owner: string | null;
  readonly failures: number;
}

async function read(id: number): Promise<Row> {
  const { rows } = await pool.query<Row>(
    'SELECT state, attempt, owner, failures FROM backhaul.task WHERE task_id = $1',
    [id],
  );
  return rows[0]!;
}

/** The whole table as it is compared before and after a write that must change nothing. */
async function everything(): Promise<unknown> {
  const tasks = await pool.query('SELECT * FROM backhaul.task ORDER BY task_id');
  const events = await pool.query('SELECT count(*) FROM backhaul.task_event');
  return { tasks: tasks.rows, events: events.rows };
}

const numbers = (tasks: readonly ClaimedTask[]): (number | null)[] => tasks.map((task) => task.sequence);

beforeEach(async () => {
  await pool.query('TRUNCATE backhaul.task, backhaul.run RESTART IDENTITY CASCADE');
});

describe('claim', () => {
  test('takes the first in order: unknown sequence, then time, then name by bytes, then entry', async () => {
    await add(
      sampleTask(5, { uri: 'file:///b' }),
      sampleTask(5, { uri: 'file:///B' }),
      sampleTask(5, { uri: 'file:///B', entry: 'x' }),
      sampleTask(3, { uri: 'file:///z' }),
      sampleTask(9, { uri: 'file:///y', sequence: null }),
      sampleTask(-1, { uri: 'file:///before-1970' }),
    );
    const got = [...(await claimSome(1)), ...(await claimSome(2)), ...(await claimSome(10))];
    expect(got.map(({ uri, entry }) => uri + (entry ?? ''))).toEqual([
      'file:///y',
      'file:///before-1970',
      'file:///z',
      'file:///B',
      'file:///Bx',
      'file:///b',
    ]);
  });

  test('gives all a worker needs, and marks the row', async () => {
    const task = sampleTask(1, { entry: 'XBTUSD_60.csv', plan: samplePlan({ wantFromUs: 5 }) });
    const [id] = await add(task);
    expect(await claimSome(1)).toEqual([
      {
        taskId: id,
        attempt: 1,
        uri: task.uri,
        entry: task.entry,
        etag: task.etag,
        sizeBytes: 1000,
        layout: 'kraken-ohlcvt',
        lane: task.lane,
        sequence: 1,
        plan: task.plan,
        replaces: null,
        failures: 0,
        laneAtClaim: { loaded: 0, foreignAhead: 0 },
      },
    ]);
    const { rows } = await pool.query('SELECT state, owner, attempt FROM backhaul.task');
    expect(rows).toEqual([{ state: 'running', owner: OWNER, attempt: 1 }]);
    const events = await pool.query('SELECT event, attempt, owner FROM backhaul.task_event');
    expect(events.rows).toEqual([{ event: 'claim', attempt: 1, owner: OWNER }]);
  });

  test('never claims over an earlier task of the lane that is not due', async () => {
    const [a] = await add(...[1, 2, 3].map((n) => sampleTask(n)));
    await add(sampleTask(9, { lane: 'other' }));
    await claimSome(1);
    await retryLater(pool, a!, 1, FAULT, 60_000);
    expect(numbers(await claimSome(10))).toEqual([9]);
    await pool.query('UPDATE backhaul.task SET not_before = now() WHERE task_id = $1', [a]);
    expect(numbers(await claimSome(10))).toEqual([1, 2, 3]);
  });

  test('goes on in a lane whose earlier tasks run or have ended', async () => {
    const [a, b] = await add(...[1, 2, 3, 4].map((n) => sampleTask(n)));
    expect(numbers(await claimSome(1))).toEqual([1]);
    expect(numbers(await claimSome(1, { owner: OTHER }))).toEqual([2]);
    await fail(pool, a!, 1, FAULT);
    await finishOne({ taskId: b!, attempt: 1 });
    const [third] = await claimSome(1);
    expect(third).toMatchObject({ sequence: 3, laneAtClaim: { loaded: 1, foreignAhead: 0 } });
  });

  test('leaves a lane alone behind a pending task that another session holds', async () => {
    const [a] = await add(...[1, 2].map((n) => sampleTask(n)), sampleTask(3, { lane: 'other' }));
    const client = await database.client();
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM backhaul.task WHERE task_id = $1 FOR UPDATE', [a]);
    expect(numbers(await claimSome(10))).toEqual([3]);
    await client.query('ROLLBACK');
    expect(numbers(await claimSome(10))).toEqual([1, 2]);
  });

  test('two claimers never get the same task, and together get all', async () => {
    await add(...Array.from({ length: 300 }, (_, n) => sampleTask(n, { lane: `lane ${n % 7}` })));
    const claimer = async (owner: string): Promise<number[]> => {
      const got: number[] = [];
      for (;;) {
        const some = await claimSome(3, { owner });
        if (some.length === 0) return got;
        got.push(...some.map((task) => task.taskId));
      }
    };
    const all = (await Promise.all(Array.from({ length: 6 }, () => claimer(randomUUID())))).flat();
    expect(all).toHaveLength(300);
    expect(new Set(all).size).toBe(300);
  });

  /** What is known of the table is what a test says: not what a vacuum may gather in the middle of it. */
  const seed = async (lane: string, state: string, tasks = 2000): Promise<void> => {
    await pool.query(
      `SET session_replication_role = replica;
       INSERT INTO backhaul.task (uri, etag, size_bytes, layout, sequence, lane, plan, state, owner, lease_until, attempt,
         claimed_at, finished_at, rows_read, rows_loaded, rows_rejected, rows_duplicate, rows_empty, lane_turn)
       SELECT 'file:///${state}/' || lane || n, '1', 1, 'kraken-ohlcvt', n, lane,
         jsonb_build_object('venue', split_part(lane, '/', 1), 'intervalS', 60), '${state}',
         CASE WHEN '${state}' = 'running' THEN gen_random_uuid() END, CASE WHEN '${state}' = 'running' THEN now() END, 1,
         now(), CASE WHEN '${state}' = 'loaded' THEN now() END, 1, CASE WHEN '${state}' = 'loaded' THEN 1 END, 0, 0, 0,
         CASE WHEN '${state}' = 'loaded' THEN n END
       FROM (SELECT n, ${lane} AS lane FROM generate_series(1, ${tasks}) n) s;
       RESET session_replication_role`,
    );
  };
  const MUCH: readonly Parameters<typeof seed>[] = [
    // Files of all symbols behind those of one symbol, and the other way round.
    [`'a/S' || n || '/60'`, 'loaded'],
    [`'a/*/60'`, 'pending'],
    [`'b/*/60'`, 'loaded'],
    [`'b/S' || n % 900 || '/60'`, 'pending'],
    [`'b/T' || n || '/60'`, 'running'],
    // Nothing may begin: one of the other kind is at work, or a delayed one is ahead.
    [`'c/*/60'`, 'running', 1],
    [`'c/S' || n || '/60'`, 'pending'],
    [`'d/S/60'`, 'running', 1],
    [`'d/*/60'`, 'pending'],
    [`'e/*/60'`, 'pending'],
  ];

  /** Rows that the parts of a plan read, to be returned or not. */
  const rowsRead = (part: Record<string, unknown>): number =>
    (Number(part['Actual Rows']) + Number(part['Rows Removed by Filter'] ?? 0)) *
      Number(part['Actual Loops']) +
    ((part['Plans'] as Record<string, unknown>[] | undefined) ?? []).reduce(
      (sum, one) => sum + rowsRead(one),
      0,
    );

  test.each([
    ['without statistics', null],
    ['with those of pending ones', 'pending'],
    ['with those of running ones', 'running'],
    ['with those of loaded ones', 'loaded'],
    ['with its own', 'own'],
  ])('reads as little however much stands, waits or may not begin, %s', async (_, before) => {
    await pool.query('ALTER TABLE backhaul.task SET (autovacuum_enabled = false)');
    await pool.query(`DELETE FROM pg_statistic WHERE starelid = 'backhaul.task'::regclass`);
    // The planner believes what was true when the table was last analyzed, TRUNCATE or not.
    if (before !== null && before !== 'own') {
      await seed(`'z/*/60'`, before);
      await pool.query('ANALYZE backhaul.task');
      await pool.query('TRUNCATE backhaul.task RESTART IDENTITY CASCADE');
    }
    for (const lanes of MUCH) await seed(...lanes);
    await pool.query(
      `UPDATE backhaul.task SET not_before = now() + interval '1 hour' WHERE lane = 'e/*/60' AND sequence = 1`,
    );
    if (before === 'own') await pool.query('ANALYZE backhaul.task');
    for (let n = 0; n < 3; n++) {
      const client = await database.client();
      let read = 0;
      const query = async (asked: string | { text: string; values: unknown[] }): Promise<unknown> => {
        if (typeof asked === 'string') return client.query(asked);
        await client.query(`PREPARE claim (uuid, int, float8) AS ${asked.text}`);
        const values = asked.values.map((value) => `'${value}'`).join(', ');
        const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE claim (${values})`);
        read = rowsRead(rows[0]['QUERY PLAN'][0].Plan);
        return { rows: [] };
      };
      await claim({ query } as unknown as Client, { owner: OWNER, limit: 8, leaseMs: 60_000 });
      // Each of the 8 in turn is some rows of each part of the plan.
      expect(read).toBeGreaterThan(8);
      expect(read).toBeLessThan(1500);
    }
    const lanes = await pool.query(
      `SELECT split_part(lane, '/', 1) AS venue, count(*)::int AS claimed FROM backhaul.task WHERE owner = $1
       GROUP BY 1 ORDER BY 1`,
      [OWNER],
    );
    expect(lanes.rows).toEqual([
      { venue: 'a', claimed: 12 },
      { venue: 'b', claimed: 12 },
    ]);
  });
});

describe('finish', () => {
  test('stores the counts and the stamps to the microsecond, and clears what a try before left', async () => {
    const [id] = await add(sampleTask(1));
    await claimSome(1);
    await retryLater(pool, id!, 1, FAULT, 0);
    await claimSome(1);
    await finishOne({ taskId: id!, attempt: 2 });
    const { rows } = await pool.query(
      `SELECT state, error, owner, lease_until, rows_read, rows_loaded, rows_rejected, rows_duplicate, rows_empty, rows_conflict,
         rows_outside, (extract(epoch FROM first_ts) * 1000000)::bigint AS first_us,
         (extract(epoch FROM last_ts) * 1000000)::bigint AS last_us FROM backhaul.task`,
    );
    expect(rows).toEqual([
      {
        state: 'loaded',
        error: null,
        owner: null,
        lease_until: null,
        rows_read: 13,
        rows_loaded: 7,
        rows_rejected: 1,
        rows_duplicate: 2,
        rows_empty: 3,
        rows_conflict: 1,
        rows_outside: 4,
        first_us: COUNTS.firstTsUs,
        last_us: COUNTS.lastTsUs,
      },
    ]);
  });

  test('refuses counts that do not add up, by name', async () => {
    const [id] = await add(sampleTask(1));
    await claimSome(1);
    await expect(finishOne({ taskId: id!, attempt: 1 }, { rowsLoaded: 8 })).rejects.toMatchObject({
      fault: { kind: 'reconcile' },
    });
    expect(await read(id!)).toMatchObject({ state: 'running' });
  });

  test('tells a lost lease from a predecessor', async () => {
    const [a, b] = await add(sampleTask(1), sampleTask(2));
    await claimSome(2);
    await expect(finishOne({ taskId: b!, attempt: 1 })).rejects.toMatchObject({
      fault: { kind: 'predecessor' },
    });
    await expect(finishOne({ taskId: b!, attempt: 2 })).rejects.toMatchObject({
      fault: { kind: 'lost-lease' },
    });
    await release(pool, a!, 1, 'drain');
    await expect(finishOne({ taskId: b!, attempt: 1 })).rejects.toMatchObject({
      fault: { kind: 'predecessor' },
    });
    await claimSome(1);
    await fail(pool, a!, 2, FAULT);
    await finishOne({ taskId: b!, attempt: 1 });
    expect(await read(b!)).toMatchObject({ state: 'loaded' });
  });

  test('goes with its transaction: rolled back, the task still runs', async () => {
    const [id] = await add(sampleTask(1));
    await claimSome(1);
    const lost = inTransaction(pool, async (client) => {
      await finish(client, { ...COUNTS, taskId: id!, attempt: 1 });
      throw new Error('before commit');
    });
    await expect(lost).rejects.toThrow('before commit');
    expect(await read(id!)).toMatchObject({ state: 'running', attempt: 1 });
  });
});

describe('an attempt that has lost its task', () => {
  test('changes nothing, whatever it writes', async () => {
    const [id] = await add(sampleTask(1));
    await claimSome(1);
    await release(pool, id!, 1, 'drain');
    await claimSome(1, { owner: OTHER });
    const before = await everything();
    expect(await fail(pool, id!, 1, FAULT)).toBe('lost');
    expect(await retryLater(pool, id!, 1, FAULT, 0)).toBe('lost');
    expect(await release(pool, id!, 1, 'drain')).toBe('lost');
    expect(await skip(pool, id!, 'late')).toBe(false);
    expect(await heartbeat(pool, OWNER, [{ taskId: id!, attempt: 1 }], 1)).toEqual([]);
    expect(await heartbeat(pool, OTHER, [{ taskId: id!, attempt: 1 }], 1)).toEqual([]);
    await expect(finishOne({ taskId: id!, attempt: 1 })).rejects.toMatchObject({
      fault: { kind: 'lost-lease' },
    });
    expect(await everything()).toEqual(before);
  });

  test('loses to expire when both come at once: the later of the two has no effect', async () => {
    const [id] = await add(sampleTask(1));
    await claimSome(1, { leaseMs: -1 });
    const worker = await database.client();
    await worker.query('BEGIN');
    await finish(worker, { ...COUNTS, taskId: id!, attempt: 1 });
    // Not committed yet: expire neither waits for it nor takes the task.
    expect(await expire(pool)).toEqual([]);
    await worker.query('COMMIT');
    expect(await expire(pool)).toEqual([]);
    expect(await read(id!)).toMatchObject({ state: 'loaded' });
  });
});

describe('a row that another session has locked', () => {
  test('is not waited for by whoever ends an attempt, and nothing of it changes', async () => {
    const [a, b] = await add(sampleTask(1), sampleTask(2));
    await claimSome(2);
    const holder = await pool.connect();
    try {
      await holder.query(`BEGIN; SELECT FROM backhaul.task WHERE task_id = ${a} FOR UPDATE`);
      const before = await everything();
      expect(await fail(pool, a!, 1, FAULT)).toBe('held');
      expect(await retryLater(pool, a!, 1, FAULT, 0)).toBe('held');
      expect(await release(pool, a!, 1, 'drain')).toBe('held');
      expect(await release(pool, a!, 2, 'drain')).toBe('lost');
      expect(await everything()).toEqual(before);
      expect(await releaseOrphans(pool, OWNER, [], 'gone')).toEqual({ released: 1, held: [a] });
      expect(await read(b!)).toMatchObject({ state: 'pending' });
      expect(await releaseOrphans(pool, OWNER, [{ taskId: a!, attempt: 1 }], 'gone')).toEqual({
        released: 0,
        held: [],
      });
      // What the node had prepared comes to be committed after all.
      await finish(holder, { ...COUNTS, taskId: a!, attempt: 1 });
      await holder.query('COMMIT');
    } finally {
      holder.release();
    }
    expect(await retryLater(pool, a!, 1, FAULT, 0)).toBe('lost');
    expect(await releaseOrphans(pool, OWNER, [], 'gone')).toEqual({ released: 0, held: [] });
    expect(await read(a!)).toMatchObject({ state: 'loaded' });
  });
});

describe('leases', () => {
  test('a heartbeat keeps what is owned, and only that', async () => {
    const [a, b] = await add(sampleTask(1), sampleTask(2), sampleTask(3));
    const got = await claimSome(2, { leaseMs: -1 });
    await claimSome(1, { owner: OTHER, leaseMs: 60_000 });
    await release(pool, b!, 1, 'drain');
    expect(await heartbeat(pool, OWNER, got, 60_000)).toEqual([{ taskId: a, attempt: 1 }]);
    expect(await expire(pool)).toEqual([]);
    expect(await read(a!)).toMatchObject({ state: 'running' });
  });

  test('a heartbeat does not wait for a commit under way', async () => {
    const [id] = await add(sampleTask(1));
    const got = await claimSome(1);
    const worker = await database.client();
    await worker.query('BEGIN');
    await finish(worker, { ...COUNTS, taskId: id!, attempt: 1 });
    expect(await heartbeat(pool, OWNER, got, 60_000)).toHaveLength(1);
    await worker.query('ROLLBACK');
  });

  test('a lease that is over gives the task back, without a failure, and ends its session', async () => {
    const [id] = await add(sampleTask(1));
    await claimSome(1, { leaseMs: -1 });
    const stale = await database.client(sessionName({ taskId: id!, attempt: 1 }));
    const ended = new Promise((resolve) => stale.once('end', resolve));
    expect(await expire(pool)).toMatchObject([{ taskId: id, attempt: 1, reason: 'lease' }]);
    await ended;
    expect(await read(id!)).toEqual({ state: 'pending', attempt: 1, owner: null, failures: 0 });
    expect(await claimSome(1, { owner: OTHER })).toMatchObject([{ taskId: id, attempt: 2 }]);
  });

  test('tasks that a run has left behind when it ended are free before their lease is over', async () => {
    const [id] = await add(sampleTask(1));
    const ending = await database.client();
    const runId = await startRun(ending, { owner: OWNER, command: 'load', options: {} });
    await claimSome(1);
    await finishRun(pool, runId, 'interrupted', null);
    expect(await expire(pool)).toEqual([]);
    await ending.end();
    await expect.poll(() => expire(pool)).toMatchObject([{ taskId: id, reason: 'owner-gone' }]);
  });

  test('tasks of a program that is gone are free before their lease is over', async () => {
    const [id] = await add(sampleTask(1), sampleTask(2));
    const alive = await database.client();
    const dying = await database.client();
    const runId = await startRun(alive, { owner: OTHER, command: 'load', options: { a: 1 } });
    await startRun(dying, { owner: OWNER, command: 'load', options: {} });
    await claimSome(1);
    await claimSome(1, { owner: OTHER });
    expect(await expire(pool)).toEqual([]);
    await dying.end();
    await expect.poll(() => expire(pool)).toMatchObject([{ taskId: id, reason: 'owner-gone' }]);
    const { rows } = await pool.query('SELECT state FROM backhaul.run ORDER BY run_id');
    expect(rows).toEqual([{ state: 'running' }, { state: 'lost' }]);
    expect(await finishRun(pool, runId, 'finished', { rows: 1 })).toBe(true);
    expect(await finishRun(pool, runId, 'failed', null)).toBe(false);
  });

  test('a run that takes its lock again is alive again', async () => {
    await add(sampleTask(1));
    const first = await database.client();
    const runId = await startRun(first, { owner: OWNER, command: 'load', options: {} });
    await first.end();
    const lost = async (): Promise<unknown> => {
      await expire(pool);
      return (await pool.query('SELECT state FROM backhaul.run')).rows[0];
    };
    await expect.poll(lost).toEqual({ state: 'lost' });
    await resumeRun(await database.client(), runId);
    await claimSome(1);
    expect(await expire(pool)).toEqual([]);
    expect((await pool.query('SELECT state FROM backhaul.run')).rows).toEqual([{ state: 'running' }]);
  });
});

describe('the rest of a life', () => {
  test('retryLater delays, and counts the failure; release does neither', async () => {
    const [id] = await add(sampleTask(1));
    await claimSome(1);
    expect(await retryLater(pool, id!, 1, FAULT, 3_600_000)).toBe('moved');
    expect(await claimSome(1)).toEqual([]);
    expect(await unfinished(pool)).toEqual({ pending: 1, running: 0, overdue: [] });
    await pool.query('UPDATE backhaul.task SET not_before = now()');
    await claimSome(1);
    expect(await release(pool, id!, 2, 'drained')).toBe('moved');
    expect(await claimSome(1)).toMatchObject([{ failures: 1, attempt: 3 }]);
  });

  test('requeueFailed takes those named, or all, and leaves those without a plan to a listing', async () => {
    const broken = sampleTask(4, {
      plan: null,
      lane: null,
      layout: null,
      fault: { kind: 'corrupt', message: 'm' },
    });
    const ids = await add(...[1, 2, 3].map((n) => sampleTask(n)), broken);
    await claimSome(10);
    for (const id of ids.slice(0, 3)) await fail(pool, id, 1, FAULT);
    expect(await requeueFailed(pool, [])).toEqual({ requeued: 0, unplanned: 0 });
    expect(await requeueFailed(pool, [ids[0]!])).toEqual({ requeued: 1, unplanned: 0 });
    expect(await requeueFailed(pool, null)).toEqual({ requeued: 2, unplanned: 1 });
    expect(await claimSome(10)).toMatchObject([{ attempt: 2, failures: 0 }, { attempt: 2 }, { attempt: 2 }]);
  });

  test('skip sets a pending task aside; the lane goes on without it', async () => {
    const [a, b] = await add(sampleTask(1), sampleTask(2));
    expect(await skip(pool, a!, 'not wanted')).toBe(true);
    expect(await skip(pool, a!, 'not wanted')).toBe(false);
    await claimSome(1);
    await finishOne({ taskId: b!, attempt: 1 });
    expect(await unfinished(pool)).toEqual({ pending: 0, running: 0, overdue: [] });
  });

  test('the status adds it all up', async () => {
    const ids = await add(...[1, 2, 3, 4].map((n) => sampleTask(n)), sampleTask(5, { lane: 'other' }));
    await claimSome(3);
    await finishOne({ taskId: ids[0]!, attempt: 1 });
    await fail(pool, ids[1]!, 1, FAULT);
    await retryLater(pool, ids[2]!, 1, FAULT, 60_000);
    await claimSome(1);
    const status = await statusSummary(pool);
    expect(status.states).toMatchObject({
      pending: { tasks: 2, bytes: 2000 },
      running: { tasks: 1 },
      loaded: {
        tasks: 1,
        rowsRead: 13,
        rowsLoaded: 7,
        rowsRejected: 1,
        rowsDuplicate: 2,
        rowsEmpty: 3,
        rowsConflict: 1,
      },
      failed: { tasks: 1 },
      skipped: { tasks: 0, bytes: 0 },
    });
    expect(status.failures).toMatchObject([{ taskId: ids[1], fault: FAULT }]);
    expect(status.running).toMatchObject([{ taskId: ids[4] }]);
    expect(status.delayed).toMatchObject([{ taskId: ids[2], fault: FAULT, failures: 1 }]);
    expect(status.laneCount).toBe(2);
    expect(status.lanes[0]).toMatchObject({ pending: 2, running: 0, loaded: 1, failed: 1, rowsLoaded: 7 });
    expect(status.rates.tasksPerMinute).toBe(1);
  });
});

/** One thing some owner does to some task, with the attempt it believes in. */
interface Move {
  readonly event: Exclude<Transition, 'replace' | 'restore'>;
  readonly task: number;
  /** 0: the attempt it has; 1, 2 …: an older one. */
  readonly behind: number;
}

const move: fc.Arbitrary<Move> = fc.record({
  event: fc.constantFrom('claim', 'claim', 'skip', 'finish', 'finish', 'fail', 'retry', 'expire', 'requeue'),
  task: fc.nat(5),
  behind: fc.constantFrom(0, 0, 0, 1, 2),
});

describe('the machine', () => {
  test('any sequence of events leaves exactly what the table of moves says', async () => {
    // Two lanes of three tasks; the model knows states, attempts and the order, nothing of SQL.
    const run = async (moves: readonly Move[]): Promise<void> => {
      await pool.query('TRUNCATE backhaul.task, backhaul.run RESTART IDENTITY CASCADE');
      const ids = await add(...[0, 1, 2, 3, 4, 5].map((n) => sampleTask(n, { lane: `lane ${n % 2}` })));
      const model = ids.map(() => ({ state: 'pending' as TaskState, attempt: 0 }));
      const earlier = (n: number): number[] => [0, 1, 2, 3, 4, 5].filter((m) => m < n && m % 2 === n % 2);
      for (const { event, task, behind } of moves) {
        const id = ids[task]!;
        const it = model[task]!;
        const named = { taskId: id, attempt: it.attempt - behind };
        const legal = nextState(it.state, event) !== null;
        const free = earlier(task).every(
          (m) => model[m]!.state !== 'pending' && model[m]!.state !== 'running',
        );
        let expected = legal;
        let effect: boolean;
        if (event === 'claim') {
          // Nobody chooses: it is the first that waits.
          const first = model.findIndex(({ state }) => state === 'pending');
          expected = first === task;
          const wanted = await claimSome(1);
          expect(wanted.map(({ taskId }) => taskId)).toEqual(first === -1 ? [] : [ids[first]]);
          effect = wanted[0]?.taskId === id;
          if (first !== -1 && !effect) {
            await release(pool, wanted[0]!.taskId, wanted[0]!.attempt, 'not this one');
            model[first]!.attempt++;
          }
        } else if (event === 'skip') effect = await skip(pool, id, 'test');
        else if (event === 'requeue') effect = (await requeueFailed(pool, [id])).requeued === 1;
        else if (event === 'expire') {
          await pool.query(
            `UPDATE backhaul.task SET lease_until = now() - interval '1 s' WHERE task_id = $1 AND state = 'running'`,
            [id],
          );
          effect = (await expire(pool)).length === 1;
        } else {
          expected &&= behind === 0;
          if (event === 'fail') effect = (await fail(pool, id, named.attempt, FAULT)) === 'moved';
          else if (event === 'retry')
            effect = (await retryLater(pool, id, named.attempt, FAULT, 0)) === 'moved';
          else {
            expected &&= free;
            effect = await finishOne(named).then(
              () => true,
              () => false,
            );
          }
        }
        expect(effect).toBe(expected);
        if (expected) {
          it.state = nextState(it.state, event)!;
          if (event === 'claim') it.attempt++;
        }
        const { rows } = await pool.query('SELECT state, attempt FROM backhaul.task ORDER BY task_id');
        expect(rows).toEqual(model);
      }
      await expectLegalHistory();
    };
    await fc.assert(fc.asyncProperty(fc.array(move, { minLength: 10, maxLength: 40 }), run), {
      numRuns: 8,
      // Bounds the search for a shorter counterexample.
      interruptAfterTimeLimit: 30_000,
    });
  });

  /** Every task's events are a chain from pending to its state, each attempt claimed once, and lanes end in order. */
  async function expectLegalHistory(): Promise<void> {
    const { rows } = await pool.query<{
      task_id: number;
      lane: string;
      sequence: number;
      state: TaskState;
      events: {
        from_state: TaskState;
        to_state: TaskState;
        event: Transition;
        attempt: number;
        event_id: number;
      }[];
    }>(
      `SELECT t.task_id, t.lane, t.sequence, t.state, coalesce(jsonb_agg(e.* ORDER BY e.event_id)
         FILTER (WHERE e.event_id IS NOT NULL), '[]') AS events
       FROM backhaul.task t LEFT JOIN backhaul.task_event e USING (task_id) GROUP BY t.task_id`,
    );
    for (const { state, events } of rows) {
      let at: TaskState = 'pending';
      for (const event of events) {
        expect(event.from_state).toBe(at);
        at = event.to_state;
      }
      expect(at).toBe(state);
      const claims = events.filter(({ event }) => event === 'claim').map(({ attempt }) => attempt);
      expect(claims).toEqual(claims.map((_, n) => n + 1));
    }
    const stateAt = (task: (typeof rows)[number], id: number): TaskState =>
      task.events.findLast((event) => event.event_id < id)?.to_state ?? 'pending';
    for (const task of rows)
      for (const event of task.events.filter((one) => one.event === 'finish'))
        for (const before of rows.filter((one) => one.lane === task.lane && one.sequence < task.sequence))
          expect(['loaded', 'failed', 'skipped']).toContain(stateAt(before, event.event_id));
  }

  test('owners at work at once, with leases that end under them, load every task exactly once and in order', async () => {
    await pool.query('CREATE TABLE IF NOT EXISTS public.loaded (task_id bigint, attempt int)');
    await pool.query('TRUNCATE public.loaded');
    await add(...Array.from({ length: 60 }, (_, n) => sampleTask(n, { lane: `lane ${n % 4}` })));
    let random = 12345;
    const chance = (): number => {
      random = (random * 1103515245 + 12345) % 2 ** 31;
      return random / 2 ** 31;
    };
    const work = async (task: ClaimedTask): Promise<void> => {
      const dice = chance();
      if (dice < 0.1) return void (await retryLater(pool, task.taskId, task.attempt, FAULT, 0));
      if (dice < 0.15) return void (await fail(pool, task.taskId, task.attempt, FAULT));
      // Its program dies: nobody tells the task, its lease runs out.
      if (dice < 0.25) return;
      await inTransaction(pool, async (client) => {
        await client.query('INSERT INTO public.loaded VALUES ($1, $2)', [task.taskId, task.attempt]);
        await finish(client, { ...COUNTS, taskId: task.taskId, attempt: task.attempt });
      }).catch(async (error: { fault?: Fault }) => {
        if (error.fault?.kind === 'predecessor')
          await release(pool, task.taskId, task.attempt, 'predecessor');
        else expect(error.fault?.kind).toBe('lost-lease');
      });
    };
    const owner = async (): Promise<void> => {
      const id = randomUUID();
      const isDone = async (): Promise<boolean> => {
        const { pending, running } = await unfinished(pool);
        return pending + running === 0;
      };
      while (!(await isDone())) {
        // Some leases are over before the work has begun.
        const tasks = await claimSome(3, { owner: id, leaseMs: chance() < 0.3 ? -1 : 200 });
        if (tasks.length === 0 || chance() < 0.3) await expire(pool);
        await Promise.all(tasks.map(work));
      }
    };
    await Promise.all([owner(), owner(), owner()]);
    await expectLegalHistory();
    const { rows } = await pool.query(
      `SELECT count(*) FILTER (WHERE state = 'loaded') AS loaded, count(*) FILTER (WHERE state = 'failed') AS failed,
         (SELECT count(*) FROM public.loaded) AS written,
         (SELECT count(*) FROM public.loaded JOIN backhaul.task t USING (task_id, attempt) WHERE t.state = 'loaded') AS right
       FROM backhaul.task`,
    );
    expect(rows[0].loaded + rows[0].failed).toBe(60);
    expect(rows[0].written).toBe(rows[0].loaded);
    expect(rows[0].right).toBe(rows[0].loaded);
    expect(rows[0].loaded).toBeGreaterThan(30);
  });
});

describe('whether somebody is at work on series', () => {
  const market = (symbol: string | null, intervalS = 3600) => ({ venue: 'kraken', symbol, intervalS });
  const at = async (
    symbol: string | null,
  ): Promise<(files: ReturnType<typeof market>) => Promise<boolean>> => {
    const lane = `kraken/${symbol ?? '*'}/3600`;
    await add(sampleTask(1, { lane, plan: samplePlan({ symbol }) }));
    expect(await claimSome(1)).toHaveLength(1);
    return (files) => isAtWork(pool, [market('SOLUSD', 60), files]);
  };

  test('of one symbol: its own files and those of all symbols, of no other symbol or interval', async () => {
    const asked = await at('XBTUSD');
    expect(await asked(market('XBTUSD'))).toBe(true);
    expect(await asked(market(null))).toBe(true);
    expect(await asked(market('ETHUSD'))).toBe(false);
    expect(await asked(market('XBTUSD', 60))).toBe(false);
    expect(await asked(market(null, 60))).toBe(false);
  });

  test('of all symbols: every symbol', async () => {
    const asked = await at(null);
    expect(await asked(market(null))).toBe(true);
    expect(await asked(market('XBTUSD'))).toBe(true);
    expect(await asked(market('XBTUSD', 60))).toBe(false);
  });
});
