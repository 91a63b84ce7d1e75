import type { ClientBase } from 'pg';
import { killPoint } from '../base/kill_points.ts';
import { type Db, inTransaction } from '../database/connect.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import { storableJson } from '../faults/storable.ts';
import type { TaskEvent } from './machine.ts';
import { isBefore, orderKey } from './task_order.ts';
import type { TaskPlan } from './task_plan.ts';

/**
 * The SQL of each event that moves a task while a load runs. Every statement is guarded by state and, where an attempt
 * writes, by its number; it moves the row and notes the event in one round trip, and tells whether it took effect.
 * Clocks are the server's alone.
 */

/** An attempt, as its writes name it. */
export interface Attempt {
  readonly taskId: number;
  readonly attempt: number;
}

/** Where the bars that a replaced task is about to replace came from. */
export interface Replaced {
  readonly etag: string;
  readonly layout: string | null;
  readonly lane: string | null;
  readonly plan: TaskPlan | null;
  readonly rowsLoaded: number;
  readonly firstTsUs: number | null;
  readonly lastTsUs: number | null;
}

/** A task as its owner gets it. */
export interface ClaimedTask extends Attempt {
  readonly uri: string;
  readonly entry: string | null;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly layout: string;
  readonly lane: string;
  /** µs since 1970 of the planned first bar; null where nobody knows. */
  readonly sequence: number | null;
  readonly plan: TaskPlan;
  readonly replaces: Replaced | null;
  /** Attempts that failed since it was planned or requeued. */
  readonly failures: number;
  /** How the lane stood when the task was claimed. */
  readonly laneAtClaim: LaneAtClaim;
}

/** Of a lane at the instant of a claim. */
export interface LaneAtClaim {
  /** Its tasks that were loaded. */
  readonly loaded: number;
  /** Earlier ones that ran in other hands than the claimant's. */
  readonly foreignAhead: number;
}

interface ClaimedRow {
  readonly task_id: number;
  readonly attempt: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly etag: string;
  readonly size_bytes: number;
  readonly layout: string;
  readonly lane: string;
  readonly sequence: number | null;
  readonly plan: TaskPlan;
  readonly replaces: Replaced | null;
  readonly failures: number;
  readonly lane_loaded: number;
  readonly foreign_ahead: number;
}

/** Claims of all programs, and listings, go one after another: a claim sees every earlier one whole, or not at all. */
export const CLAIM_LOCK = `pg_advisory_xact_lock(hashtextextended('backhaul.claim', 0))`;

/** Notes the moves of the rows in CTE `moved(task_id, attempt, owner)`; `reason` is an SQL expression. */
function noteEvent(event: TaskEvent, from: string, to: string, reason = 'NULL::jsonb'): string {
  return `noted AS (INSERT INTO backhaul.task_event (task_id, event, from_state, to_state, attempt, owner, reason)
            SELECT task_id, '${event}', '${from}', '${to}', attempt, owner, ${reason} FROM moved)`;
}

/**
 * The claim. `head` reads the pending tasks in their order off one partial index and leaves out those behind a delayed
 * or excluded one of their lane; the scalar subqueries are there so that the planner keeps to that index (as NOT EXISTS
 * they become hash joins over all that is pending). `left_out` catches what another session holds locked: a lane is
 * never claimed over a pending task that this claim did not get. Symbols of higher tiers go first; a lane is of one
 * priority, so its order stays. `not_before` is compared as a sum, which no index serves: without fresh statistics the
 * planner would read all that is due off `task_delayed` and sort it (4 s a claim with 100,000 pending).
 */
const CLAIM = `
WITH head AS MATERIALIZED (
  SELECT t.task_id, t.lane, t.sequence, t.uri, t.entry FROM backhaul.task t
  WHERE t.state = 'pending' AND t.not_before + interval '0' <= statement_timestamp() AND t.plan IS NOT NULL
    AND t.task_id <> ALL ($4::bigint[])
    AND NOT coalesce((SELECT true FROM backhaul.task d WHERE d.lane = t.lane AND d.state = 'pending'
                        AND d.not_before > statement_timestamp() AND ${isBefore('d', 't')}
                      ORDER BY d.not_before DESC LIMIT 1), false)
    AND NOT coalesce((SELECT true FROM backhaul.task x WHERE x.task_id = ANY ($4::bigint[]) AND x.lane = t.lane
                        AND x.state = 'pending' AND ${isBefore('x', 't')} LIMIT 1), false)
  ORDER BY t.priority, ${orderKey('t')} LIMIT $2 FOR UPDATE SKIP LOCKED),
left_out AS MATERIALIZED (
  SELECT f.* FROM (SELECT DISTINCT lane FROM head) h CROSS JOIN LATERAL (
    SELECT e.lane, e.sequence, e.uri, e.entry FROM backhaul.task e
    WHERE e.lane = h.lane AND e.state = 'pending' AND e.task_id NOT IN (SELECT task_id FROM head)
    ORDER BY e.lane, ${orderKey('e')} LIMIT 1) f),
moved AS (
  UPDATE backhaul.task t
  SET state = 'running', attempt = t.attempt + 1, owner = $1, run_id = coalesce($5, t.run_id),
      claimed_at = statement_timestamp(), lease_until = statement_timestamp() + $3 * interval '1 ms'
  FROM head h
  WHERE t.task_id = h.task_id AND NOT EXISTS (
    SELECT FROM left_out l WHERE l.lane = h.lane AND ${isBefore('l', 'h')})
  RETURNING t.*),
stand AS MATERIALIZED (
  SELECT m.lane, (SELECT count(*) FROM backhaul.task l
                  WHERE l.lane = m.lane AND l.rows_loaded IS NOT NULL AND l.state = 'loaded') AS loaded
  FROM (SELECT DISTINCT lane FROM moved) m),
${noteEvent('claim', 'pending', 'running')}
SELECT task_id, attempt, uri, entry, etag, size_bytes, layout, lane, sequence, plan, replaces, failures,
  (SELECT loaded FROM stand WHERE stand.lane = moved.lane) AS lane_loaded,
  (SELECT count(*) FROM backhaul.task e WHERE e.lane = moved.lane AND e.state IN ('pending', 'running')
     AND e.state = 'running' AND e.owner <> $1 AND ${isBefore('e', 'moved')}) AS foreign_ahead
FROM moved ORDER BY priority, ${orderKey('moved')}`;

/**
 * A table that was just filled has no statistics yet, or those of what was there before: the planner then reads and sorts
 * all that is pending, 80 ms a claim of 9,800 tasks, 200 of 100,000; the indexes that are in order give it the first
 * ones in 7. To servers before 18 a plan so confined looks dear enough to be compiled, which takes longer than it runs.
 */
const BY_INDEX = `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
  SET LOCAL jit = off`;

export interface ClaimOptions {
  /** UUID of the program that claims, the same for all its claims; see `startRun`. */
  readonly owner: string;
  readonly limit: number;
  readonly leaseMs: number;
  /** Tasks not to claim now, nor any that follow them in their lanes. */
  readonly exclude?: readonly number[];
  readonly runId?: number | null;
}

/**
 * Takes up to `limit` tasks, first in order first: due, and with no earlier task of their lane left pending.
 * Earlier ones may be running, here or elsewhere.
 */
export async function claim(db: Db, options: ClaimOptions): Promise<ClaimedTask[]> {
  const { owner, limit, leaseMs, exclude = [], runId = null } = options;
  if (limit <= 0) return [];
  const rows = await inTransaction(db, async (client) => {
    await client.query(`${BY_INDEX}; SELECT ${CLAIM_LOCK}`);
    const claimed = (await client.query<ClaimedRow>(CLAIM, [owner, limit, leaseMs, exclude, runId])).rows;
    if (claimed.length > 0) killPoint('claim.made');
    return claimed;
  });
  return rows.map(claimedOf);
}

function claimedOf(row: ClaimedRow): ClaimedTask {
  const {
    task_id: taskId,
    size_bytes: sizeBytes,
    lane_loaded: loaded,
    foreign_ahead: foreignAhead,
    ...same
  } = row;
  return { taskId, sizeBytes, laneAtClaim: { loaded, foreignAhead }, ...same };
}

/** `running`, this attempt: the guard of all that an attempt writes. */
const OWNED = `task_id = $1 AND attempt = $2 AND state = 'running'`;

/**
 * Renews leases. Returns the attempts that are still the owner's; the others have been lost and must stop. A row that
 * is locked is being finished or expired at this moment: it counts as owned, and is left alone rather than waited for.
 */
export async function heartbeat(
  db: Db,
  owner: string,
  attempts: readonly Attempt[],
  leaseMs: number,
): Promise<Attempt[]> {
  if (attempts.length === 0) return [];
  const { rows } = await db.query<{ task_id: number; attempt: number }>(
    `WITH owned AS MATERIALIZED (
       SELECT t.task_id, t.attempt FROM backhaul.task t
       JOIN unnest($2::bigint[], $3::int[]) AS a (task_id, attempt) USING (task_id, attempt)
       WHERE t.state = 'running' AND t.owner = $1),
     free AS MATERIALIZED (
       SELECT t.task_id FROM backhaul.task t JOIN owned USING (task_id) WHERE t.state = 'running'
       FOR UPDATE OF t SKIP LOCKED),
     renewed AS (
       UPDATE backhaul.task t SET lease_until = statement_timestamp() + $4 * interval '1 ms'
       FROM free WHERE t.task_id = free.task_id AND t.state = 'running')
     SELECT task_id, attempt FROM owned`,
    [owner, attempts.map((one) => one.taskId), attempts.map((one) => one.attempt), leaseMs],
  );
  return rows.map((row) => ({ taskId: row.task_id, attempt: row.attempt }));
}

/** An attempt that was taken from its owner. */
export interface Expired extends Attempt {
  readonly uri: string;
  readonly entry: string | null;
  /** `lease`: its time was over. `owner-gone`: its program is. */
  readonly reason: 'lease' | 'owner-gone';
}

/** Name that the session of an attempt carries in `pg_stat_activity`. */
export function sessionName({ taskId, attempt }: Attempt): string {
  return `backhaul ${taskId}/${attempt}`;
}

/**
 * Puts running tasks whose lease is over, or whose program is gone (its run's lock is free, see `startRun`), back to
 * pending, and ends the sessions they may still have. A task that is committing at this moment is not waited for.
 */
export async function expire(db: Db): Promise<Expired[]> {
  const { rows } = await db.query<{
    task_id: number;
    attempt: number;
    uri: string;
    entry: string | null;
    reason: Expired['reason'];
  }>(
    `WITH gone AS MATERIALIZED (
       SELECT r.owner FROM backhaul.run r
       WHERE (r.state IN ('running', 'lost') OR r.owner IN (SELECT owner FROM backhaul.task WHERE state = 'running'))
         AND NOT EXISTS (
         SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND l.classid = ${RUN_LOCK_SPACE} AND l.objid = r.run_id)),
     lost AS (
       UPDATE backhaul.run r SET state = 'lost', finished_at = coalesce(finished_at, statement_timestamp())
       FROM gone WHERE r.owner = gone.owner AND r.state = 'running'),
     over AS MATERIALIZED (
       SELECT t.task_id, t.owner, CASE WHEN g.owner IS NULL THEN 'lease' ELSE 'owner-gone' END AS reason
       FROM backhaul.task t LEFT JOIN gone g ON g.owner = t.owner
       WHERE t.state = 'running' AND (t.lease_until < statement_timestamp() OR g.owner IS NOT NULL)
       FOR UPDATE OF t SKIP LOCKED),
     moved AS (
       UPDATE backhaul.task t
       SET state = 'pending', owner = NULL, lease_until = NULL, not_before = statement_timestamp()
       FROM over WHERE t.task_id = over.task_id AND t.state = 'running'
       RETURNING t.task_id, t.attempt, t.uri, t.entry, over.owner, over.reason),
     ${noteEvent('expire', 'running', 'pending', `jsonb_build_object('reason', reason)`)}
     SELECT task_id, attempt, uri, entry, reason FROM moved`,
  );
  await endStuckSessions(db);
  if (rows.length > 0)
    await endSessions(
      db,
      rows.map((row) => sessionName({ taskId: row.task_id, attempt: row.attempt })),
    );
  return rows.map(({ task_id: taskId, ...same }) => ({ taskId, ...same }));
}

/** Ends the sessions of these attempts, whatever they are at: the server rolls them back. */
export async function endAttempts(db: Db, attempts: readonly Attempt[]): Promise<void> {
  await endSessions(db, attempts.map(sessionName));
}

/**
 * Ends what attempts that were taken away still run: their rows and locks would be in the way of the next attempt
 * until they notice. Not for safety (their commit fails by itself), so sessions that are not ours to end are left.
 */
async function endSessions(db: Db, names: readonly string[]): Promise<void> {
  await db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = ANY ($1) AND pid <> pg_backend_pid()
       AND pg_has_role(usesysid, 'USAGE')`,
    [names],
  );
}

/**
 * Ends sessions that hold the row of a task whose lease is over and do nothing with it: their program was frozen, or
 * its network went silent, just before COMMIT. The task's row is locked, so it could not be expired, now or ever.
 */
async function endStuckSessions(db: Db): Promise<void> {
  await db.query(
    `SELECT pg_terminate_backend(a.pid) FROM backhaul.task t
     JOIN pg_stat_activity a ON a.application_name = 'backhaul ' || t.task_id || '/' || t.attempt
     WHERE t.state = 'running' AND t.lease_until < statement_timestamp()
       AND a.datname = current_database() AND a.state LIKE 'idle in transaction%'
       AND a.state_change < statement_timestamp() - interval '1 s' AND pg_has_role(a.usesysid, 'USAGE')`,
  );
}

/** First half of the advisory locks that live runs hold; the second is the run's id. "bckr". */
export const RUN_LOCK_SPACE = 0x62_63_6b_72;

/** What a worker has done, to be committed with it. Counts are records of the file; stamps µs since 1970. */
export interface Finished extends Attempt {
  readonly rowsRead: number;
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
  readonly rowsDuplicate: number;
  readonly rowsConflict: number;
  readonly rowsOutside: number;
  readonly firstTsUs: number | null;
  readonly lastTsUs: number | null;
  /**
   * Tasks of the lane that must be loaded now for the indicator states this attempt started from to be right; null
   * where it read none. Another number means that somebody moved the lane on meanwhile.
   */
  readonly laneLoaded: number | null;
  /** Ends of series to be stored with it, if they are few; many are better copied. */
  readonly ends?: readonly SeriesEnd[];
}

/** What a task leaves of a series: the range it vouches for, its last bar, and the state behind that. µs since 1970. */
export interface SeriesEnd {
  readonly seriesId: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly lastTsUs: number;
  /** As the engine encodes it; null: no state is stored. */
  readonly state: Uint8Array | null;
}

/** µs since 1970 as timestamptz; exact, as to_timestamp(double) is not. */
const stampSql = (parameter: string): string =>
  `'epoch'::timestamptz + ${parameter}::bigint * interval '1 us'`;

const FINISH = `
WITH me AS MATERIALIZED (SELECT task_id, owner, lane, sequence, uri, entry FROM backhaul.task WHERE ${OWNED} FOR UPDATE),
ahead AS MATERIALIZED (
  SELECT e.task_id FROM backhaul.task e JOIN me ON e.lane = me.lane
  WHERE e.state IN ('pending', 'running') AND ${isBefore('e', 'me')} LIMIT 1),
lane AS MATERIALIZED (
  SELECT count(*) AS loaded FROM backhaul.task l JOIN me ON l.lane = me.lane
  WHERE l.rows_loaded IS NOT NULL AND l.state = 'loaded'),
moved AS (
  UPDATE backhaul.task t
  SET state = 'loaded', owner = NULL, lease_until = NULL, finished_at = clock_timestamp(), error = NULL, replaces = NULL,
      rows_read = $3, rows_loaded = $4, rows_rejected = $5, rows_duplicate = $6, rows_conflict = $7, rows_outside = $8,
      first_ts = ${stampSql('$9')}, last_ts = ${stampSql('$10')}
  FROM me WHERE t.task_id = me.task_id AND NOT EXISTS (SELECT FROM ahead)
    AND ($11::bigint IS NULL OR $11 = (SELECT loaded FROM lane))
  RETURNING t.task_id, t.attempt, me.owner),
covered AS (
  INSERT INTO backhaul.coverage (series_id, covered, task_id)
  SELECT u.series_id, tstzrange(${stampSql('u.from_us')}, ${stampSql('u.to_us')}), moved.task_id
  FROM unnest($12::int[], $13::bigint[], $14::bigint[]) AS u (series_id, from_us, to_us), moved),
ended AS (
  INSERT INTO backhaul.indicator_state (series_id, ts, task_id, state)
  SELECT u.series_id, ${stampSql('u.last_us')}, moved.task_id, u.state
  FROM unnest($12::int[], $15::bigint[], $16::bytea[]) AS u (series_id, last_us, state), moved
  WHERE u.state IS NOT NULL),
${noteEvent('finish', 'running', 'loaded')}
SELECT (SELECT count(*) FROM me)::int AS owned, (SELECT count(*) FROM moved)::int AS moved,
       (SELECT task_id FROM ahead) AS ahead`;

/**
 * Moves a running task to loaded, inside the transaction that loads its rows; to be the last statement before COMMIT.
 * Throws a fault of kind `lost-lease` if the attempt is no longer the task's, `predecessor` if an earlier task of the
 * lane is not final, `reconcile` if the counts do not add up: roll back then.
 */
export async function finish(client: ClientBase, done: Finished): Promise<void> {
  const { taskId, attempt, rowsRead, rowsLoaded, rowsRejected, rowsDuplicate } = done;
  if (rowsRead !== rowsLoaded + rowsRejected + rowsDuplicate)
    throw new BackhaulError({
      kind: 'reconcile',
      message: `Records read are not those loaded, rejected and duplicate together.`,
      expected: `${rowsRead} read`,
      found: `${rowsLoaded} loaded + ${rowsRejected} rejected + ${rowsDuplicate} duplicate`,
    });
  const { ends = [] } = done;
  const values = [
    taskId,
    attempt,
    rowsRead,
    rowsLoaded,
    rowsRejected,
    rowsDuplicate,
    done.rowsConflict,
    done.rowsOutside,
    done.firstTsUs,
    done.lastTsUs,
    done.laneLoaded,
    ends.map(({ seriesId }) => seriesId),
    ends.map(({ fromUs }) => fromUs),
    ends.map(({ toUs }) => toUs),
    ends.map(({ lastTsUs }) => lastTsUs),
    ends.map(({ state }) => state),
  ];
  // Named, so that a session plans it once: that takes longer than the statement itself.
  const { rows } = await client.query<{ owned: number; moved: number; ahead: number | null }>({
    name: 'backhaul finish',
    text: FINISH,
    values,
  });
  const { owned, moved, ahead } = rows[0]!;
  if (moved === 1) return;
  if (owned === 1)
    throw new BackhaulError({
      kind: 'predecessor',
      message:
        ahead === null
          ? 'Another loader has moved the lane on: the indicators start from older states.'
          : `Task ${ahead} of the same lane must go first.`,
    });
  throw new BackhaulError({
    kind: 'lost-lease',
    message: `Attempt ${attempt} no longer owns task ${taskId}.`,
  });
}

/** One guarded move of a running task: its new columns, the event and its reason ($3, jsonb). */
function leaveRunning(event: TaskEvent, to: 'failed' | 'pending', columns: string): string {
  return `
    WITH me AS MATERIALIZED (SELECT task_id, owner FROM backhaul.task WHERE ${OWNED} FOR UPDATE),
    moved AS (
      UPDATE backhaul.task t SET state = '${to}', owner = NULL, lease_until = NULL, ${columns}
      FROM me WHERE t.task_id = me.task_id RETURNING t.task_id, t.attempt, me.owner),
    ${noteEvent(event, 'running', to, '$3::jsonb')}
    SELECT task_id FROM moved`;
}

const FAIL = leaveRunning(
  'fail',
  'failed',
  'error = $3, failures = t.failures + 1, finished_at = clock_timestamp()',
);
const RETRY = leaveRunning(
  'retry',
  'pending',
  `error = $3, not_before = clock_timestamp() + $4 * interval '1 ms', failures = t.failures + $5`,
);
const RELEASE = leaveRunning('retry', 'pending', 'not_before = clock_timestamp()');

async function tookEffect(db: Db, sql: string, values: readonly unknown[]): Promise<boolean> {
  const { rowCount } = await db.query(sql, [...values]);
  return rowCount === 1;
}

/** Ends a task for good. False: the attempt no longer owned it, nothing has changed. */
export async function fail(db: Db, taskId: number, attempt: number, fault: Fault): Promise<boolean> {
  return tookEffect(db, FAIL, [taskId, attempt, storableJson(fault)]);
}

/** Back to pending, not to be claimed for `delayMs`. False: the attempt no longer owned it. */
export async function retryLater(
  db: Db,
  taskId: number,
  attempt: number,
  fault: Fault,
  delayMs: number,
  countsAgainstLimit: boolean,
): Promise<boolean> {
  return tookEffect(db, RETRY, [taskId, attempt, storableJson(fault), delayMs, countsAgainstLimit ? 1 : 0]);
}

/** Back to pending at once and without penalty: a drain, or a predecessor that must go first. */
export async function release(db: Db, taskId: number, attempt: number, reason: string): Promise<boolean> {
  return tookEffect(db, RELEASE, [taskId, attempt, JSON.stringify({ reason })]);
}

/**
 * Tasks that stand as this owner's and are none of `held` back to pending: how their attempts ended could not be
 * recorded, or a crash of the server undid it.
 */
export async function releaseOrphans(
  db: Db,
  owner: string,
  held: readonly Attempt[],
  reason: string,
): Promise<number> {
  const { rowCount } = await db.query(
    `WITH orphan AS MATERIALIZED (
       SELECT task_id, owner FROM backhaul.task
       WHERE owner = $1 AND state = 'running' AND (task_id, attempt) NOT IN (SELECT * FROM unnest($2::bigint[], $3::int[]))
       FOR UPDATE),
     moved AS (
       UPDATE backhaul.task t SET state = 'pending', owner = NULL, lease_until = NULL, not_before = clock_timestamp()
       FROM orphan WHERE t.task_id = orphan.task_id RETURNING t.task_id, t.attempt, orphan.owner),
     ${noteEvent('retry', 'running', 'pending', '$4::jsonb')}
     SELECT task_id FROM moved`,
    [owner, held.map((one) => one.taskId), held.map((one) => one.attempt), JSON.stringify({ reason })],
  );
  return rowCount ?? 0;
}

/** Sets a pending task aside. False: it was not pending (any more). */
export async function skip(db: Db, taskId: number, reason: string): Promise<boolean> {
  return tookEffect(
    db,
    `WITH moved AS (
       UPDATE backhaul.task SET state = 'skipped', finished_at = clock_timestamp()
       WHERE task_id = $1 AND state = 'pending' RETURNING task_id, attempt, owner),
     ${noteEvent('skip', 'pending', 'skipped', '$2::jsonb')}
     SELECT task_id FROM moved`,
    [taskId, JSON.stringify({ reason })],
  );
}

/** Which failed tasks; all of them without a condition. */
export interface FailedFilter {
  readonly taskIds?: readonly number[];
  /** The whole `uri`, or its beginning. */
  readonly uriPrefix?: string;
  readonly entry?: string;
  readonly kinds?: readonly string[];
}

/**
 * Failed tasks back to pending. Those that never got a plan (a listing failed them) need another `load` of their
 * source instead and are counted in `unplanned`.
 */
export async function requeueFailed(
  db: Db,
  filter: FailedFilter = {},
): Promise<{ readonly requeued: number; readonly unplanned: number }> {
  const { rows } = await db.query<{ requeued: number; unplanned: number }>(
    `WITH chosen AS MATERIALIZED (
       SELECT task_id, plan IS NOT NULL AS planned FROM backhaul.task
       WHERE state = 'failed' AND ($1::bigint[] IS NULL OR task_id = ANY ($1))
         AND ($2::text IS NULL OR starts_with(uri, $2)) AND ($3::text IS NULL OR entry = $3)
         AND ($4::text[] IS NULL OR error->>'kind' = ANY ($4))
       FOR UPDATE),
     moved AS (
       UPDATE backhaul.task t
       SET state = 'pending', failures = 0, finished_at = NULL, not_before = statement_timestamp()
       FROM chosen c WHERE t.task_id = c.task_id AND c.planned RETURNING t.task_id, t.attempt, t.owner),
     ${noteEvent('requeue', 'failed', 'pending')}
     SELECT (SELECT count(*) FROM moved)::int AS requeued,
            (SELECT count(*) FROM chosen WHERE NOT planned)::int AS unplanned`,
    [filter.taskIds ?? null, filter.uriPrefix ?? null, filter.entry ?? null, filter.kinds ?? null],
  );
  return rows[0]!;
}

/** How many earlier tasks of the lane are unfinished and not in `owner`'s hands. */
export async function waitersAhead(db: Db, taskId: number, owner: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*) AS count FROM backhaul.task me JOIN backhaul.task e ON e.lane = me.lane
     WHERE me.task_id = $1 AND e.state IN ('pending', 'running') AND e.owner IS DISTINCT FROM $2
       AND ${isBefore('e', 'me')}`,
    [taskId, owner],
  );
  return rows[0]!.count;
}

/** How a running task stands in its lane. */
export interface LaneStanding {
  /** Tasks of the lane that are loaded. */
  readonly loaded: number;
  /** Those of `among` that are. */
  readonly loadedAmong: readonly number[];
  /** Earlier tasks that wait for a claim, and that run in other hands than `owner`'s. */
  readonly pendingAhead: number;
  readonly foreignAhead: number;
}

/** All of it from one snapshot. `among`: ids the caller wants to know about. */
export async function laneStanding(
  db: Db,
  taskId: number,
  owner: string,
  among: readonly number[],
): Promise<LaneStanding> {
  const { rows } = await db.query<LaneStanding>({
    name: 'backhaul lane standing',
    text: `WITH me AS MATERIALIZED (SELECT lane, sequence, uri, entry FROM backhaul.task WHERE task_id = $1),
     ahead AS (
       SELECT e.state, e.owner FROM backhaul.task e JOIN me ON e.lane = me.lane
       WHERE e.state IN ('pending', 'running') AND ${isBefore('e', 'me')})
     SELECT
       (SELECT count(*) FROM backhaul.task l JOIN me ON l.lane = me.lane
        WHERE l.rows_loaded IS NOT NULL AND l.state = 'loaded') AS loaded,
       (SELECT coalesce(array_agg(task_id::int), '{}') FROM backhaul.task
        WHERE task_id = ANY ($3::bigint[]) AND state = 'loaded') AS "loadedAmong",
       (SELECT count(*) FROM ahead WHERE state = 'pending') AS "pendingAhead",
       (SELECT count(*) FROM ahead WHERE state = 'running' AND owner <> $2) AS "foreignAhead"`,
    values: [taskId, owner, among],
  });
  return rows[0]!;
}

/** Whether an earlier task of the lane is pending: nobody is at work on it. */
export async function hasPendingAhead(db: Db, taskId: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM backhaul.task me JOIN backhaul.task e ON e.lane = me.lane
     WHERE me.task_id = $1 AND e.state = 'pending' AND ${isBefore('e', 'me')} LIMIT 1`,
    [taskId],
  );
  return rowCount === 1;
}

/** Tasks that are pending or running, and when the first delayed one is due (null: none waits for its time). */
export async function unfinished(db: Db): Promise<{
  readonly pending: number;
  readonly running: number;
  readonly nextDueMs: number | null;
}> {
  const { rows } = await db.query<{ pending: number; running: number; next_due_ms: number | null }>(
    `SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'running') AS running,
       (extract(epoch FROM min(not_before) FILTER (WHERE state = 'pending' AND not_before > statement_timestamp())
                           - statement_timestamp()) * 1000)::float8 AS next_due_ms
     FROM backhaul.task WHERE state IN ('pending', 'running')`,
  );
  const { pending, running, next_due_ms: nextDueMs } = rows[0]!;
  return { pending, running, nextDueMs };
}

/** Number of tasks that are pending or running. */
export async function unfinishedCount(db: Db): Promise<number> {
  const { pending, running } = await unfinished(db);
  return pending + running;
}
