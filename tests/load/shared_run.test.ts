import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runLoad } from '../../src/load/load.ts';
import type { LoadEvent, LoadSummary } from '../../src/load/load_events.ts';
import { workOf } from '../../src/load/shared_run.ts';
import { incrementalSelection } from '../../src/series/incremental.ts';
import { CLAIM_LOCK } from '../../src/state/moves.ts';
import { startRun } from '../../src/state/runs/run_store.ts';
import { statusSummary } from '../../src/state/runs/status.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { LOAD_DEFAULTS, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';
import { useTestCredentials } from '../producer/sources/s3/s3_setup.ts';
import { S3Server } from '../s3_server/s3_server.ts';

useTestCredentials();
const database = await testDatabase();
const folder = scratchFolder();
const HOURS = 200;
const WITHIN = { timeout: 60_000 };
const START = Date.UTC(2024, 0, 1) / 1000;

/** Six files of as many series, one with a bad record, and a seventh that is no bar file. */
function sources(name: string): string {
  const at = join(folder, name);
  for (const [i, symbol] of ['AAAUSD', 'BBBUSD', 'CCCUSD', 'DDDUSD', 'EEEUSD', 'FFFUSD'].entries()) {
    const csv = krakenCsv(walk(symbol, START, START + HOURS * 3600, 3600, i));
    write(at, `${symbol}_60.csv`, i === 0 ? `${csv}${START + HOURS * 3600},what,is,this,1,1,1\n` : csv);
  }
  write(at, 'GGGUSD_60.csv', 'this is\nno bar file\n');
  return at;
}

function noted(events: readonly LoadEvent[], part: string): number {
  return events.filter((event) => event.type === 'note' && event.message.includes(part)).length;
}

/** Rows that stand. */
async function bars(): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>('SELECT count(*) AS n FROM backhaul.bars');
  return rows[0]!.n;
}

test('loads of the same at the same time are one run: one lists, and all tell the whole', async () => {
  await wipe(database.pool);
  const source = sources('same');
  const events: LoadEvent[] = [];
  // Nobody can store or claim a task before all three are there.
  const holder = await database.client();
  await holder.query(`BEGIN; SELECT ${CLAIM_LOCK}`);
  const options = { maxRejectShare: null };
  const running = [1, 2, 3].map(() => load(database.url, [source], options, (event) => events.push(event)));
  await expect.poll(() => noted(events, 'another loader lists the sources'), WITHIN).toBe(2);
  const status = await statusSummary(database.pool);
  expect([status.lastRun?.state, status.lastRun?.hosts.length]).toEqual(['running', 3]);
  await holder.query('COMMIT');
  const [first, ...others] = await Promise.all(running);
  const told = ({
    runId,
    objects,
    tasks,
    rows,
    series,
    firstTs,
    lastTs,
    failures,
    rejects,
  }: LoadSummary) => ({
    ...{ runId, objects, tasks, rows, series, firstTs, lastTs },
    failures: failures.map(({ uri }) => uri),
    rejects: rejects.map(({ reason, count }) => [reason, count]),
  });
  for (const other of others) expect(told(other)).toEqual(told(first!));
  expect(first!.tasks).toMatchObject({ loaded: 6, failed: 1, unchanged: 0 });
  expect(first!.rows.rejected).toBe(1);
  expect(first!.rows.loaded).toBe(await bars());
  expect(first!.hosts.map(({ state }) => state)).toEqual(['finished', 'finished', 'finished']);
  expect(first!.hosts.reduce((sum, { rows }) => sum + rows, 0)).toBe(first!.rows.loaded);
  const { rows } = await database.pool.query(
    `SELECT count(*) AS runs, count(listing) AS listings, count(DISTINCT coalesce(joined, run_id)) AS shared FROM backhaul.run`,
  );
  expect(rows).toEqual([{ runs: 3, listings: 1, shared: 1 }]);
  // What comes after is a run of its own, and finds what is new.
  write(source, 'HHHUSD_60.csv', krakenCsv(walk('HHHUSD', START, START + 7200, 3600, 9)));
  const later = await load(database.url, [source], options);
  expect([later.hosts, later.tasks.loaded, later.tasks.unchanged]).toEqual([[], 1, 6]);
  expect(later.runId).not.toBe(first!.runId);
});

test('whoever waits for a listing takes over when the lister dies, and does all', async () => {
  await wipe(database.pool);
  const source = sources('dies');
  await load(database.url, [source], { maxRejectShare: null });
  const { rows } = await database.pool.query<{ work: string }>('SELECT work FROM backhaul.run');
  await wipe(database.pool);
  const dying = await database.client();
  const run = { owner: randomUUID(), command: 'load', options: {}, host: 'elsewhere', work: rows[0]!.work };
  const runId = await startRun(dying, run);
  await database.pool.query('UPDATE backhaul.run SET lister = run_id WHERE run_id = $1', [runId]);
  const events: LoadEvent[] = [];
  const loading = load(database.url, [source], { maxRejectShare: null }, (event) => events.push(event));
  await expect.poll(() => noted(events, 'another loader lists the sources'), WITHIN).toBe(1);
  expect(await bars()).toBe(0);
  await dying.end();
  const summary = await loading;
  expect(summary.runId).toBe(runId);
  expect(summary.tasks).toMatchObject({ loaded: 6, failed: 1, unchanged: 0 });
  expect(summary.rows.loaded).toBe(await bars());
  expect(summary.hosts).toMatchObject([
    { host: 'elsewhere', state: 'lost', files: 0, rows: 0 },
    { state: 'finished', files: 6, rows: summary.rows.loaded },
  ]);
});

test('who comes late loads at once, and one for all looks for what is new', async () => {
  await wipe(database.pool);
  const server = await new S3Server().start();
  onTestFinished(() => server.stop());
  server.bucket('flat');
  const put = (symbol: string) =>
    server.put(
      'flat',
      `${symbol}_60.csv`,
      Buffer.from(krakenCsv(walk(symbol, START, START + 7200, 3600, 1))),
    );
  // More than three loaders hold, at work and waiting: where nothing is left to claim the sources are listed again.
  for (let i = 0; i < 24; i++) put(`${String.fromCharCode(65 + i).repeat(3)}USD`);
  const events: LoadEvent[] = [];
  const start = (): Promise<LoadSummary> =>
    load(database.url, ['s3://flat'], { sourceOptions: { endpointUrl: server.endpointUrl } }, (event) =>
      events.push(event),
    );
  const running = async (): Promise<number> => {
    const { rows } = await database.pool.query<{ n: number }>(
      `SELECT count(DISTINCT owner)::int AS n FROM backhaul.task WHERE state = 'running'`,
    );
    return rows[0]!.n;
  };
  // No file can be committed before all three have one, and more is left to claim.
  const holder = await database.client();
  await holder.query('BEGIN; LOCK TABLE backhaul.coverage IN ACCESS EXCLUSIVE MODE');
  const first = start();
  await expect.poll(() => events.filter(({ type }) => type === 'discovered').length, WITHIN).toBe(1);
  put('ZZZUSD');
  const late = [start(), start()];
  await expect.poll(running, WITHIN).toBe(3);
  expect(server.count('list')).toBe(1);
  await holder.query('COMMIT');
  for (const { tasks, hosts } of await Promise.all([first, ...late]))
    expect([tasks.loaded, hosts.length]).toEqual([25, 3]);
  expect(server.count('list')).toBe(2);
  expect(await bars()).toBe(50);
});

test('loads of what is newer are one run as well', async () => {
  await wipe(database.pool);
  const source = join(folder, 'newer');
  const days = massiveDays(source, 3, ['A'], 7);
  await load(database.url, [days[1]!]);
  const standing = await bars();
  const events: LoadEvent[] = [];
  const never = new AbortController().signal;
  const holder = await database.client();
  await holder.query(`BEGIN; SELECT ${CLAIM_LOCK}`);
  const both = [1, 2].map(() =>
    runLoad(
      { ...LOAD_DEFAULTS, sources: [source], databaseUrl: database.url, incremental: true },
      (event) => events.push(event),
      { drain: never, abort: never },
      incrementalSelection,
    ),
  );
  await expect.poll(() => noted(events, 'another loader lists the sources'), WITHIN).toBe(1);
  await holder.query('COMMIT');
  const [one, other] = await Promise.all(both);
  const told = ({ runId, tasks, rows, hosts, leftOut }: LoadSummary) =>
    [runId, tasks.loaded, rows.loaded, hosts.length, leftOut] as const;
  expect(told(other!)).toEqual(told(one!));
  // The day before was not asked for.
  expect(told(one!)).toEqual([expect.any(Number), 1, (await bars()) - standing, 2, 1]);
  expect(one!.rows.loaded).toBeGreaterThan(0);
  // So does the command.
  expect((await answerOf(['load', source, '--incremental', '--database', database.url])).code).toBe(0);
  const { rows } = await database.pool.query(
    `SELECT options->'incremental' AS asked, work IS NOT NULL AS shared FROM backhaul.run ORDER BY run_id DESC LIMIT 1`,
  );
  expect(rows).toEqual([{ asked: true, shared: true }]);
});

test('what a load is to bring tells two apart, the machine it runs on does not', () => {
  const options = { ...LOAD_DEFAULTS, sources: ['a'], databaseUrl: 'postgres://h/d' };
  const work = workOf(options, ['file:///a', 'file:///b']);
  expect(workOf({ ...options, workers: 7, databaseUrl: null }, ['file:///b', 'file:///a'])).toBe(work);
  expect(workOf({ ...options, symbols: ['X'] }, ['file:///a', 'file:///b'])).not.toBe(work);
  expect(workOf({ ...options, incremental: true }, ['file:///a', 'file:///b'])).not.toBe(work);
  expect(workOf({ ...options, reload: true }, ['file:///a', 'file:///b'])).not.toBe(work);
  expect(workOf(options, ['file:///a'])).not.toBe(work);
});
