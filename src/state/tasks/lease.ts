/** How long an attempt owns its task: leases are renewed, and `expire` takes back what nobody renews: running → pending. */

import type { Db } from '../../database/connect.ts';
import { becomes, mayMove, noteEvent } from '../moves.ts';
import { RUN_LOCK_SPACE } from '../runs/run_store.ts';
import { isDistributed } from '../schema/distributed.ts';
import { type Attempt, sessionName } from './attempt.ts';

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
       SET ${becomes('expire')}, owner = NULL, lease_until = NULL, not_before = statement_timestamp()
       FROM over WHERE t.task_id = over.task_id AND ${mayMove('expire', 't')}
       RETURNING t.task_id, t.attempt, t.uri, t.entry, over.owner, over.reason),
     ${noteEvent('expire', `jsonb_build_object('reason', reason)`)}
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
  await endOnNodes(db, names, '1 = 1');
}

/**
 * Ends sessions that hold the row of a task whose lease is over and do nothing with it: their program was frozen, or
 * its network went silent, just before COMMIT. The task's row is locked, so it could not be expired, now or ever.
 */
async function endStuckSessions(db: Db): Promise<void> {
  const { rows } = await db.query<{ task_id: number; attempt: number }>(
    `SELECT task_id, attempt FROM backhaul.task WHERE state = 'running' AND lease_until < statement_timestamp()`,
  );
  if (rows.length === 0) return;
  const names = rows.map((row) => sessionName({ taskId: row.task_id, attempt: row.attempt }));
  await db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = ANY ($1) AND ${IDLE}
       AND pg_has_role(usesysid, 'USAGE')`,
    [names],
  );
  await endOnNodes(db, names, IDLE);
}

const IDLE = `state LIKE 'idle in transaction%' AND state_change < statement_timestamp() - interval '1 s'`;

/** The same on the nodes of a cluster, whose own rights decide; of one that is away there is nothing to end. */
async function endOnNodes(db: Db, names: readonly string[], which: string): Promise<void> {
  if (names.length === 0 || !(await isDistributed(db))) return;
  await db.query('SELECT FROM run_command_on_workers(format($1, $2::text[]))', [
    `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = ANY (%L) AND ${which}
       AND pg_has_role(usesysid, 'USAGE')`.replaceAll(/%(?!L)/g, '%%'),
    names,
  ]);
}
