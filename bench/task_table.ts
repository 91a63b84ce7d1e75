/**
 * What the task table bears: `node bench/task_table.ts [tasks=100000] [loaders=50] [seconds=10] [url]`. Loaders, a
 * session for the run and one for the work each, claim tasks by the statements that a load uses, against an embedded
 * PostgreSQL or a database that `url` names and that may be lost. Three times: claims alone, as fast as they can; so with
 * each task finished, empty; and with half a second between the claims of each, as where files take moments. Tells claims
 * and tasks a second, how long a claim takes, the server's CPU for it (which other programs on the machine change little;
 * of the embedded one, on Linux), and sessions and locks at the most. One process plays all loaders: it takes a core.
 */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { connect, createPool, endPool } from '../src/database/connect.ts';
import { startEmbedded, stopEmbedded } from '../src/database/embedded.ts';
import { startRun } from '../src/state/runs/run_store.ts';
import { migrate } from '../src/state/schema/migrate.ts';
import { claim } from '../src/state/tasks/claim.ts';
import { finish } from '../src/state/tasks/finish.ts';
import { expire, heartbeat } from '../src/state/tasks/lease.ts';
import { upsertTasks } from '../src/state/tasks/task_listing.ts';
import { sampleTask } from '../tests/state/sample_tasks.ts';

const [tasks = 100_000, loaders = 50, seconds = 10] = process.argv.slice(2, 5).map(Number);
const givenUrl = process.argv[5];
/** What a claim takes where files take moments; as many make a lane, so that no loader waits for another one's files. */
const A_CLAIM = 16;
const PACED_MS = 500;
const BEAT_MS = 5_000;
const LEASE_MS = 60_000;
const NOTHING = {
  rowsRead: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  rowsDuplicate: 0,
  rowsEmpty: 0,
  rowsConflict: 0,
  rowsOutside: 0,
  firstTsUs: null,
  lastTsUs: null,
  laneLoaded: null,
};

async function seed(url: string): Promise<void> {
  const db = createPool(url, { max: 2 });
  await migrate(db);
  await upsertTasks(db, null, [sampleTask(0)]);
  const { rows } = await db.query<{ columns: string }>(
    `SELECT string_agg(quote_ident(column_name), ', ') AS columns FROM information_schema.columns
     WHERE table_schema = 'backhaul' AND table_name = 'task' AND column_name NOT IN ('task_id', 'uri', 'lane', 'sequence')
       AND is_generated = 'NEVER'`,
  );
  const { columns } = rows[0]!;
  await db.query(
    `INSERT INTO backhaul.task (uri, lane, sequence, ${columns})
     SELECT 'file:///data/' || n || '.csv', 'kraken/S' || (n - 1) / ${A_CLAIM} || '/60', n, ${columns}
     FROM backhaul.task, generate_series(1, $1::int) AS n`,
    [tasks],
  );
  await db.query(
    `DELETE FROM backhaul.task_event; DELETE FROM backhaul.task WHERE uri NOT LIKE 'file:///data/%.csv' OR sequence = 0`,
  );
  await db.query('VACUUM ANALYZE backhaul.task');
  await endPool(db);
}

interface Way {
  readonly name: string;
  readonly pausedMs: number;
  readonly finishes: boolean;
}

/** CPU of the processes that the server has had and that have ended, s; null where nothing tells. */
function endedCpu(): number | null {
  try {
    const data = readdirSync(folder).find((name) =>
      readdirSync(join(folder, name)).includes('postmaster.pid'),
    );
    const pid = readFileSync(join(folder, data!, 'postmaster.pid'), 'utf8').split('\n', 1)[0];
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(13, 15)
      .map(Number);
    return (user! + system!) / 100;
  } catch {
    return null;
  }
}

interface Loader {
  readonly owner: string;
  readonly run: Client;
  readonly work: Client;
}

/** They come one after another, as programs on other hosts would; a server starts few sessions at a time. */
async function assemble(url: string): Promise<Loader[]> {
  const all: Loader[] = [];
  while (all.length < loaders) {
    const run = await connect(url, { applicationName: 'backhaul run' });
    const work = await connect(url, { applicationName: 'backhaul load' });
    const owner = randomUUID();
    await startRun(run, { owner, command: 'bench', options: {} });
    all.push({ owner, run, work });
  }
  return all;
}

/** One loader's life: what each of its claims took, ms, and how many tasks it finished. */
async function live(
  { owner, run, work }: Loader,
  { pausedMs, finishes }: Way,
  until: number,
): Promise<{ claims: number[]; done: number }> {
  const claims: number[] = [];
  let done = 0;
  let beat = performance.now() + Math.random() * BEAT_MS;
  try {
    while (performance.now() < until) {
      const began = performance.now();
      const claimed = await claim(work, { owner, limit: A_CLAIM, leaseMs: LEASE_MS });
      claims.push(performance.now() - began);
      if (claimed.length === 0) break;
      if (performance.now() > beat) {
        await heartbeat(run, owner, claimed, LEASE_MS);
        await expire(run);
        beat = performance.now() + BEAT_MS;
      }
      for (const { taskId, attempt } of finishes ? claimed : []) {
        await work.query('BEGIN; SET LOCAL synchronous_commit = off');
        await finish(work, { ...NOTHING, taskId, attempt });
        await work.query('COMMIT');
        done++;
      }
      if (pausedMs > 0) await sleep(pausedMs * (0.5 + Math.random()));
    }
  } finally {
    await Promise.all([run.end(), work.end()]);
  }
  return { claims, done };
}

async function round(url: string, way: Way): Promise<void> {
  const watcher = await connect(url);
  const most = { sessions: 0, locks: 0, waiting: 0 };
  const all = await assemble(url);
  const cpuBefore = endedCpu();
  const began = performance.now();
  const until = began + seconds * 1000;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const { rows } = await watcher.query<typeof most>(
        `SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backhaul %') AS sessions,
           count(*) AS locks, count(*) FILTER (WHERE NOT granted) AS waiting FROM pg_locks`,
      );
      for (const key of ['sessions', 'locks', 'waiting'] as const)
        most[key] = Math.max(most[key], rows[0]![key]);
      await sleep(250);
    }
  })();
  watching.catch(() => {});
  const lives = await Promise.all(all.map((loader) => live(loader, way, until)));
  const took = (performance.now() - began) / 1000;
  isOver = true;
  await watching;
  await watcher.end();
  await sleep(500);
  const [before, after] = [cpuBefore, endedCpu()];
  const claims = lives.flatMap((one) => one.claims).sort((a, b) => a - b);
  const at = (share: number): string => (claims[Math.floor(share * (claims.length - 1))] ?? 0).toFixed(0);
  const done = lives.reduce((sum, one) => sum + one.done, 0);
  const cpu =
    before === null || after === null
      ? ''
      : `, ${((1000 * (after - before)) / claims.length).toFixed(1)} ms of server CPU a claim`;
  process.stdout.write(
    `${way.name}: ${(claims.length / took).toFixed(0)} claims/s, ${(done / took).toFixed(0)} tasks/s, a claim ${at(0.5)} ms (p50) ` +
      `${at(0.99)} ms (p99)${cpu}, ${most.sessions} sessions, ${most.locks} locks, ${most.waiting} of them waited for\n`,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'backhaul-bench-'));
const settings = { max_connections: String(2 * loaders + 20), shared_buffers: '256MB', max_wal_size: '4GB' };
const server = givenUrl === undefined ? await startEmbedded(folder, { settings }) : null;
try {
  const url = givenUrl ?? server!.socketUrl;
  await seed(url);
  process.stdout.write(`${tasks} tasks, ${loaders} loaders, claims of ${A_CLAIM}\n`);
  await round(url, { name: 'claims alone', pausedMs: 0, finishes: false });
  await round(url, { name: 'claims and finishes', pausedMs: 0, finishes: true });
  await round(url, { name: `so, every ${PACED_MS} ms`, pausedMs: PACED_MS, finishes: true });
} finally {
  if (server !== null) await stopEmbedded(folder);
  rmSync(folder, { recursive: true, force: true });
}
