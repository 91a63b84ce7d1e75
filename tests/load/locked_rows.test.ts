import type { Client } from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect } from '../../src/database/connect.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadEvent, LoadOptions, LoadSummary } from '../../src/load/load_events.ts';
import { testDatabase } from '../database.ts';
import { candles, LOAD_DEFAULTS, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';

/**
 * A node of a cluster that dies between PREPARE and its own decision leaves its task's row locked until it is back. Here
 * a session holds the row, and the attempt's own is ended: to the load that is the same.
 */

const database = await testDatabase();
const folder = scratchFolder();
const START = Date.UTC(2024, 3, 1) / 1000;

const bars = walk('XBTUSD', START, START + 60 * 3600, 3600, 5, 1);
/** Two files of one lane, the first of which is held, and one of another. */
const held = write(folder, 'q1/XBTUSD_60.csv', krakenCsv(bars.slice(0, 30)));
write(folder, 'q2/XBTUSD_60.csv', krakenCsv(bars.slice(30)));
write(folder, 'q2/ETHUSD_60.csv', krakenCsv(walk('ETHUSD', START + 86_400, START + 3 * 86_400, 3600, 6, 1)));

/** A load under way. */
interface Disturbed {
  readonly drain: AbortController;
  readonly events: LoadEvent[];
  readonly ending: Promise<LoadSummary>;
  /** Resolves once such an event has come. */
  readonly heard: (is: (event: LoadEvent) => boolean) => Promise<void>;
}

let gate: Client;
let holder: Client;
let disturbed: Disturbed | null = null;
beforeEach(async () => {
  await wipe(database.pool);
  gate = await connect(database.url, { applicationName: 'test gate' });
  holder = await connect(database.url, { applicationName: 'test holder' });
});
afterEach(async () => {
  await gate.end();
  await holder.end();
  disturbed?.drain.abort();
  await disturbed?.ending.catch(() => {});
  disturbed = null;
});

/** A load of these whose first attempt has lost its session, while somebody has the task's row locked. */
async function withRowHeld(
  sources: readonly string[],
  options: Partial<LoadOptions> = {},
): Promise<Disturbed> {
  // Before its last statement the attempt writes there.
  await gate.query('BEGIN; LOCK TABLE backhaul.coverage IN EXCLUSIVE MODE');
  const drain = new AbortController();
  const events: LoadEvent[] = [];
  let wake = (): void => {};
  const ending = runLoad(
    { ...LOAD_DEFAULTS, sources, databaseUrl: database.url, ...options },
    (event) => {
      events.push(event);
      wake();
    },
    { drain: drain.signal, abort: new AbortController().signal },
  );
  ending.catch(() => {});
  const heard: Disturbed['heard'] = async (is) => {
    while (!events.some(is))
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  disturbed = { drain, events, ending, heard };
  let pid: number | undefined;
  for (; pid === undefined; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const { rows } = await database.pool.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
         AND application_name ~ '^backhaul [0-9]+/[0-9]+$' AND wait_event_type = 'Lock'`,
    );
    pid = rows[0]?.pid;
  }
  await holder.query('BEGIN');
  const { rowCount } = await holder.query(
    `SELECT FROM backhaul.task WHERE state = 'running' AND uri LIKE '%q1%' FOR UPDATE`,
  );
  expect(rowCount).toBe(1);
  await database.pool.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
  await gate.query('COMMIT');
  await heard((event) => event.type === 'task' && event.outcome === 'retry');
  return disturbed;
}

async function states(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ state: string; n: number }>(
    'SELECT state, count(*)::int AS n FROM backhaul.task GROUP BY state',
  );
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
}

it('other files are loaded while the row of one is locked, and it is when it is free', async () => {
  await load(database.url, [folder]);
  const undisturbed = await candles(database.pool);
  await wipe(database.pool);
  const { events, ending, heard } = await withRowHeld([folder]);
  await heard((event) => event.type === 'task' && event.outcome === 'loaded');
  await heard((event) => event.type === 'note' && event.message.includes('is locked by another session'));
  const done = events.flatMap((event) =>
    event.type === 'task' ? [[event.uri.slice(-16), event.outcome]] : [],
  );
  expect(done).toEqual([
    ['q1/XBTUSD_60.csv', 'retry'],
    ['q2/ETHUSD_60.csv', 'loaded'],
  ]);
  // That of the same lane has a worker to itself, and waits all the same.
  expect(await states()).toEqual({ running: 2, loaded: 1 });
  await holder.query('ROLLBACK');
  expect(await ending).toMatchObject({
    tasks: { loaded: 3, failed: 0 },
    rows: { loaded: 108, duplicate: 0 },
  });
  expect(await candles(database.pool)).toBe(undisturbed);
  const { rows } = await database.pool.query<{ event: string }>(
    `SELECT event FROM backhaul.task_event JOIN backhaul.task USING (task_id) WHERE uri LIKE '%q1%' ORDER BY event_id`,
  );
  expect(rows.map(({ event }) => event)).toEqual(['claim', 'retry', 'claim', 'finish']);
});

it('a drain does not wait for the row, and the same load again takes the file back', async () => {
  const { drain, ending } = await withRowHeld([held]);
  drain.abort();
  expect(await ending).toMatchObject({ interrupted: true, tasks: { loaded: 0 } });
  expect(await states()).toEqual({ running: 1 });
  await holder.query('ROLLBACK');
  expect(await load(database.url, [held])).toMatchObject({ tasks: { loaded: 1 }, rows: { loaded: 30 } });
});

it('a load that has nothing else to do for twice the lease gives up and says what is locked, the next one too', async () => {
  const leaseMs = 1_500;
  const { ending } = await withRowHeld([held], { leaseMs });
  const locked = { fault: { kind: 'database', code: '55P03' } };
  await expect(ending).rejects.toMatchObject(locked);
  expect(await states()).toEqual({ running: 1 });
  await expect(load(database.url, [held], { leaseMs })).rejects.toMatchObject(locked);
  // What is behind it in its lane is tried again.
  let freed: Promise<unknown> | null = null;
  const summary = await load(database.url, [folder], { leaseMs }, (event) => {
    if (event.type === 'task' && event.outcome === 'retry' && event.fault?.code === '55P03')
      freed ??= holder.query('ROLLBACK');
  });
  expect(freed).not.toBeNull();
  expect(summary).toMatchObject({ tasks: { loaded: 3, failed: 0 }, rows: { loaded: 108, duplicate: 0 } });
});
