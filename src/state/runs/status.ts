/** What `backhaul status` shows, read off the tables. */

import type { Db } from '../../database/connect.ts';
import type { Fault } from '../../faults/fault.ts';
import { TASK_STATES, type TaskState } from '../machine.ts';

/** Totals over the tasks of one state; rows count what was stored with each when it was loaded. */
export interface StateTotals {
  readonly tasks: number;
  /** As they lie in the source. */
  readonly bytes: number;
  readonly rowsRead: number;
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
  readonly rowsDuplicate: number;
  /** Records that are of no bar. */
  readonly rowsEmpty: number;
  readonly rowsConflict: number;
}

export interface TaskFailure {
  readonly taskId: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly attempt: number;
  readonly at: Date;
  readonly fault: Fault;
}

export interface RunningTask {
  readonly taskId: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly attempt: number;
  readonly claimedAt: Date;
  readonly leaseUntil: Date;
}

export interface DelayedTask {
  readonly taskId: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly failures: number;
  readonly dueAt: Date;
  readonly fault: Fault | null;
}

export interface LaneTotals {
  readonly lane: string;
  readonly pending: number;
  readonly running: number;
  readonly loaded: number;
  readonly failed: number;
  readonly rowsLoaded: number;
}

export interface LastRun {
  /** Of several loads that share a run, the first. */
  readonly runId: number;
  readonly command: string;
  readonly state: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** Those that share it; empty where it is one alone. */
  readonly hosts: readonly RunOfHost[];
}

/** One of several loads that are one run. */
export interface RunOfHost {
  readonly runId: number;
  readonly host: string;
  readonly state: string;
  readonly files: number;
  readonly rows: number;
}

export interface StatusSummary {
  readonly states: Readonly<Record<TaskState, StateTotals>>;
  /** Over the last minute. */
  readonly rates: { readonly rowsPerS: number; readonly bytesPerS: number; readonly tasksPerMinute: number };
  /** Latest first; `states.failed.tasks` has the number. */
  readonly failures: readonly TaskFailure[];
  readonly running: readonly RunningTask[];
  /** Waiting to be tried again, first due first. */
  readonly delayed: readonly DelayedTask[];
  /** Those with most left to do first. */
  readonly lanes: readonly LaneTotals[];
  readonly laneCount: number;
  readonly rejects: readonly { readonly reason: string; readonly count: number }[];
  readonly lastRun: LastRun | null;
}

const NOTHING: StateTotals = {
  tasks: 0,
  bytes: 0,
  rowsRead: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  rowsDuplicate: 0,
  rowsEmpty: 0,
  rowsConflict: 0,
};

const RATE_WINDOW_S = 60;

async function readStates(db: Db): Promise<Record<TaskState, StateTotals>> {
  const { rows } = await db.query<StateTotals & { readonly state: TaskState }>(
    `SELECT state, count(*) AS tasks, coalesce(sum(size_bytes), 0)::bigint AS bytes,
       coalesce(sum(rows_read), 0)::bigint AS "rowsRead", coalesce(sum(rows_loaded), 0)::bigint AS "rowsLoaded",
       coalesce(sum(rows_rejected), 0)::bigint AS "rowsRejected",
       coalesce(sum(rows_duplicate), 0)::bigint AS "rowsDuplicate",
       coalesce(sum(rows_empty), 0)::bigint AS "rowsEmpty",
       coalesce(sum(rows_conflict), 0)::bigint AS "rowsConflict"
     FROM backhaul.task GROUP BY state`,
  );
  const states = Object.fromEntries(TASK_STATES.map((state) => [state, NOTHING])) as Record<
    TaskState,
    StateTotals
  >;
  for (const { state, ...totals } of rows) states[state] = totals;
  return states;
}

/** The number of tasks in each state. */
export async function countTasks(db: Db): Promise<Record<TaskState, number>> {
  const { rows } = await db.query<{ state: TaskState; tasks: number }>(
    'SELECT state, count(*) AS tasks FROM backhaul.task GROUP BY state',
  );
  const counts = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
  for (const { state, tasks } of rows) counts[state] = tasks;
  return counts;
}

async function readRates(db: Db): Promise<StatusSummary['rates']> {
  const { rows } = await db.query<{ rows: number; bytes: number; tasks: number }>(
    `SELECT coalesce(sum(rows_loaded), 0)::bigint AS rows, coalesce(sum(size_bytes), 0)::bigint AS bytes, count(*) AS tasks
     FROM backhaul.task
     WHERE state = 'loaded' AND finished_at > statement_timestamp() - $1 * interval '1 second'`,
    [RATE_WINDOW_S],
  );
  const { rows: loaded, bytes, tasks } = rows[0]!;
  return {
    rowsPerS: loaded / RATE_WINDOW_S,
    bytesPerS: bytes / RATE_WINDOW_S,
    tasksPerMinute: (tasks * 60) / RATE_WINDOW_S,
  };
}

async function readLanes(db: Db, limit: number): Promise<{ lanes: LaneTotals[]; laneCount: number }> {
  const { rows } = await db.query<LaneTotals & { readonly lanes: number }>(
    `SELECT lane, count(*) FILTER (WHERE state = 'pending') AS pending,
       count(*) FILTER (WHERE state = 'running') AS running, count(*) FILTER (WHERE state = 'loaded') AS loaded,
       count(*) FILTER (WHERE state = 'failed') AS failed, coalesce(sum(rows_loaded), 0)::bigint AS "rowsLoaded",
       count(*) OVER () AS lanes
     FROM backhaul.task WHERE lane IS NOT NULL GROUP BY lane
     ORDER BY count(*) FILTER (WHERE state IN ('pending', 'running')) DESC, lane LIMIT $1`,
    [limit],
  );
  return { lanes: rows.map(({ lanes: _, ...lane }) => lane), laneCount: rows[0]?.lanes ?? 0 };
}

/** The latest run, with all that share it: it runs as long as one of them does, and has ended as the first did. */
async function readLastRun(db: Db): Promise<LastRun | null> {
  const { rows } = await db.query<LastRun & { readonly hosts: RunOfHost[] }>(
    `SELECT min(run_id) AS "runId", min(command) AS command, min(started_at) AS "startedAt",
       CASE WHEN bool_or(state = 'running') THEN 'running' WHEN bool_or(state = 'finished') THEN 'finished'
         ELSE (array_agg(state ORDER BY run_id))[1] END AS state,
       CASE WHEN bool_or(state = 'running') THEN NULL ELSE max(finished_at) END AS "finishedAt",
       json_agg(json_build_object('runId', run_id, 'host', coalesce(host, ''), 'state', state,
         'files', coalesce((told #>> '{tasks,loaded}')::bigint, 0),
         'rows', coalesce((told #>> '{rows,loaded}')::bigint, 0)) ORDER BY run_id) AS hosts
     FROM (SELECT r.*, coalesce(share, audit, live->'audit') AS told FROM backhaul.run r
           WHERE coalesce(joined, run_id) = (
             SELECT coalesce(joined, run_id) FROM backhaul.run ORDER BY run_id DESC LIMIT 1)) one
     HAVING count(*) > 0`,
  );
  const run = rows[0];
  return run === undefined ? null : { ...run, hosts: run.hosts.length === 1 ? [] : run.hosts };
}

/** The whole picture; at most `limit` of each list. */
export async function statusSummary(db: Db, limit = 100): Promise<StatusSummary> {
  const failures = await db.query<TaskFailure>(
    `SELECT task_id AS "taskId", uri, entry, attempt, finished_at AS at, error AS fault
     FROM backhaul.task WHERE state = 'failed' ORDER BY finished_at DESC, task_id LIMIT $1`,
    [limit],
  );
  const running = await db.query<RunningTask>(
    `SELECT task_id AS "taskId", uri, entry, attempt, claimed_at AS "claimedAt", lease_until AS "leaseUntil"
     FROM backhaul.task WHERE state = 'running' ORDER BY claimed_at, task_id LIMIT $1`,
    [limit],
  );
  const delayed = await db.query<DelayedTask>(
    `SELECT task_id AS "taskId", uri, entry, failures, not_before AS "dueAt", error AS fault
     FROM backhaul.task WHERE state = 'pending' AND not_before > statement_timestamp()
     ORDER BY not_before, task_id LIMIT $1`,
    [limit],
  );
  const rejects = await db.query<{ reason: string; count: number }>(
    'SELECT reason, count(*) AS count FROM backhaul.reject GROUP BY reason ORDER BY count(*) DESC, reason',
  );
  return {
    states: await readStates(db),
    rates: await readRates(db),
    failures: failures.rows,
    running: running.rows,
    delayed: delayed.rows,
    ...(await readLanes(db, limit)),
    rejects: rejects.rows,
    lastRun: await readLastRun(db),
  };
}
