/** A load from its first question to its last word: sources, database, threads, and the run that uses them. */

import type { Pool } from 'pg';
import { recoverPrepared } from '../database/citus_nodes.ts';
import { breakPool, createPool, endPool, namedConnectError, wasRefused } from '../database/connect.ts';
import { faultOf } from '../faults/classify.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { SelectTask } from '../producer/planning/found_task.ts';
import { checkCompressible } from '../state/leaves/compress.ts';
import { distribute } from '../state/leaves/distribute.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import { migrate } from '../state/schema/migrate.ts';
import { findNodes, type NodeSessions } from '../state/schema/node_statements.ts';
import { WorkerPool } from '../workers/pool.ts';
import { acrossRestarts } from '../workers/restarts.ts';
import type { LoadOptions, LoadReporter, LoadSignals, LoadSummary } from './load_events.ts';
import { CONTROL_CONNECTIONS, Run, tellingWaits } from './run.ts';
import { RunSession } from './run_session.ts';
import { RunTally } from './run_tally.ts';
import { usableCores } from './scaling/host_load.ts';
import { TaskFeed } from './task_feed.ts';

/** Threads started before there is anything to do; no more than cores, or they would hold up the first one. */
const WARM_WORKERS = 8;

/** Which of the tasks found are wanted, and what of them; null: all. Asked once the tables are up to date. */
export type Selection = (db: Pool) => Promise<SelectTask | null>;

/** What is done on the load's own sessions when it has ended, and was not interrupted. */
export type Leaving = (db: Pool) => Promise<void>;

/**
 * The main job: finds what the sources hold, puts it into the task table, and loads every task that is pending there.
 * Resolves with what was done, failures included; throws only when the run as a whole could not go on
 * (no database, a source that is not there, a bad layout file). `selection` is asked once, after the tables are up to
 * date, for which of the tasks found are wanted, and what of them; in a dry run without a database all are.
 */
export async function runLoad(
  options: LoadOptions,
  reporter: LoadReporter,
  signals: LoadSignals,
  selection: Selection | null = null,
  leaving?: Leaving,
): Promise<LoadSummary> {
  const tally = new RunTally(options, reporter);
  const feed = new TaskFeed(options, reporter, tally);
  // A path that is not there is said before anything is started or written.
  await feed.open(signals.drain);
  if (options.dryRun) {
    const db = options.databaseUrl === null ? null : createPool(options.databaseUrl, { max: 1 });
    try {
      if (db !== null && selection !== null && (await hasTable(db, 'tier'))) feed.select(await selection(db));
      await feed.dryRun(db !== null && (await hasTable(db, 'task')) ? db : null, signals.drain);
    } finally {
      await db?.end();
    }
    return tally.summary(null, signals.drain.aborted);
  }
  if (options.databaseUrl === null)
    throw new BackhaulError({ kind: 'usage', message: 'a load needs a database', hint: 'give --database' });
  // This session comes first, so that a server that is not there is named as such.
  const waiting = tellingWaits(reporter);
  const opening = { leaseMs: options.leaseMs, signal: signals.drain, waiting };
  const session = await RunSession.open(options.databaseUrl, opening);
  const db = createPool(options.databaseUrl, {
    applicationName: 'backhaul load',
    max: CONTROL_CONNECTIONS,
    // Its transactions take moments. Should we be frozen in one, others must not wait for its locks longer than for us.
    idleInTransactionTimeoutMs: options.leaseMs,
  });
  const giveUp = (): void => breakPool(db);
  session.lost.addEventListener('abort', giveUp);
  let pool: WorkerPool | null = null;
  let nodes: NodeSessions | null = null;
  try {
    // Threads take a quarter of a second to start: meanwhile tables and tasks are seen to.
    const most = options.workers === 'auto' ? WARM_WORKERS : Math.min(WARM_WORKERS, options.workers);
    pool = WorkerPool.take(Math.min(most, usableCores()));
    // Nothing is at work yet that could be finished: an interrupt ends it where it stands.
    signals.drain.addEventListener('abort', giveUp);
    const signal = AbortSignal.any([signals.drain, session.lost]);
    // Whoever is refused at the start is told so now; later, work that is under way is worth waiting for.
    await acrossRestarts({ ...opening, signal, isFinal: wasRefused }, async () => {
      if (signals.drain.aborted) throw interruptedEarly();
      await migrate(db);
      nodes = await seeToCluster(db, options, reporter);
      if (selection !== null) feed.select(await selection(db));
    }).catch((error: unknown) => {
      throw signals.drain.aborted ? interruptedEarly() : error;
    });
    signals.drain.removeEventListener('abort', giveUp);
    const parts = { options, reporter, signals, tally, feed, db, session, pool, nodes };
    const summary = await new Run(parts).execute();
    if (!summary.interrupted) await leaving?.(db);
    return summary;
  } catch (error) {
    // Whatever failed then, this is why.
    throw session.lost.aborted ? session.lost.reason : namedConnectError(error, options.databaseUrl);
  } finally {
    signals.drain.removeEventListener('abort', giveUp);
    await pool?.leave();
    await session.close();
    await endPool(db);
  }
}

/** What a server with an extension asks for before a load begins; resolves to the nodes that take rows from us. */
async function seeToCluster(
  db: Pool,
  options: LoadOptions,
  reporter: LoadReporter,
): Promise<NodeSessions | null> {
  if (options.distribute === true)
    await distribute(db, {
      shards: null,
      dryRun: false,
      onStep: (message) => reporter({ type: 'note', level: 'info', message }),
    });
  if ((options.compressAfterS ?? null) !== null) await checkCompressible(db);
  if (!(await isDistributed(db))) return null;
  await recoverPrepared(db);
  return findNodes(db, options.databaseUrl!, (node, error) => {
    const { message, found } = faultOf(error);
    const why = found === undefined ? message : found;
    const text = `rows go through the coordinator, not to ${node}: ${why}`;
    reporter({ type: 'note', level: 'warning', message: text });
  });
}

function interruptedEarly(): BackhaulError {
  return new BackhaulError({ kind: 'interrupted', message: 'Interrupted before anything was loaded.' });
}

/** Whether a table is there: a dry run makes none. */
async function hasTable(db: Pool, name: 'task' | 'tier'): Promise<boolean> {
  const { rows } = await db.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [
    `backhaul.${name}`,
  ]);
  return rows[0]!.there;
}
