/**
 * An attempt that does not come to its end: `fail`, running → failed; `retry`, running → pending. None of it waits for a
 * row that another session holds: a transaction that a node of a cluster has prepared holds it until that node is back.
 */

import type { Db } from '../../database/connect.ts';
import type { Fault } from '../../faults/fault.ts';
import { storableJson } from '../../faults/safe_text.ts';
import type { TransitionFrom } from '../machine.ts';
import { becomes, mayMove, noteEvent, OWNED } from '../moves.ts';
import type { Attempt } from './attempt.ts';

/**
 * What became of a move. `lost`: the attempt no longer owns the task, nothing has changed. `held`: nothing has changed
 * either, for somebody has the row locked at this moment, the attempt's own transaction or another; to be tried again.
 */
export type Moved = 'moved' | 'lost' | 'held';

/** One guarded move of a running task: its new columns, the event and its reason ($3, jsonb). */
function leaveRunning(transition: TransitionFrom<'running'>, columns: string): string {
  return `
    WITH owned AS MATERIALIZED (SELECT FROM backhaul.task WHERE ${OWNED}),
    me AS MATERIALIZED (SELECT task_id, owner FROM backhaul.task WHERE ${OWNED} FOR UPDATE SKIP LOCKED),
    moved AS (
      UPDATE backhaul.task t SET ${becomes(transition)}, owner = NULL, lease_until = NULL, ${columns}
      FROM me WHERE t.task_id = me.task_id RETURNING t.task_id, t.attempt, me.owner),
    ${noteEvent(transition, '$3::jsonb')}
    SELECT CASE WHEN EXISTS (SELECT FROM moved) THEN 'moved' WHEN EXISTS (SELECT FROM owned) THEN 'held' ELSE 'lost' END AS moved`;
}

const FAIL = leaveRunning('fail', 'error = $3, failures = t.failures + 1, finished_at = clock_timestamp()');
const RETRY = leaveRunning(
  'retry',
  `error = $3, not_before = clock_timestamp() + $4 * interval '1 ms', failures = t.failures + 1`,
);
const RELEASE = leaveRunning('retry', 'not_before = clock_timestamp()');

async function move(db: Db, sql: string, values: readonly unknown[]): Promise<Moved> {
  const { rows } = await db.query<{ moved: Moved }>(sql, [...values]);
  return rows[0]!.moved;
}

/** Ends a task for good. */
export async function fail(db: Db, taskId: number, attempt: number, fault: Fault): Promise<Moved> {
  return move(db, FAIL, [taskId, attempt, storableJson(fault)]);
}

/** Back to pending with a failure more, not to be claimed for `delayMs`. */
export async function retryLater(
  db: Db,
  taskId: number,
  attempt: number,
  fault: Fault,
  delayMs: number,
): Promise<Moved> {
  return move(db, RETRY, [taskId, attempt, storableJson(fault), delayMs]);
}

/** Back to pending at once and without penalty: a drain, or a predecessor that must go first. */
export async function release(db: Db, taskId: number, attempt: number, reason: string): Promise<Moved> {
  return move(db, RELEASE, [taskId, attempt, JSON.stringify({ reason })]);
}

/**
 * Tasks that stand as this owner's and are none of `known` back to pending: how their attempts ended could not be
 * recorded, or a crash of the server undid it. `held`: ids of those that somebody has locked, to be tried again.
 */
export async function releaseOrphans(
  db: Db,
  owner: string,
  known: readonly Attempt[],
  reason: string,
): Promise<{ readonly released: number; readonly held: readonly number[] }> {
  const { rows } = await db.query<{ released: number; held: number[] }>(
    `WITH orphan AS MATERIALIZED (
       SELECT task_id FROM backhaul.task
       WHERE owner = $1 AND ${mayMove('retry')} AND (task_id, attempt) NOT IN (SELECT * FROM unnest($2::bigint[], $3::int[]))),
     free AS MATERIALIZED (
       SELECT t.task_id, t.owner FROM backhaul.task t JOIN orphan USING (task_id)
       WHERE t.owner = $1 AND ${mayMove('retry', 't')} FOR UPDATE OF t SKIP LOCKED),
     moved AS (
       UPDATE backhaul.task t SET ${becomes('retry')}, owner = NULL, lease_until = NULL, not_before = clock_timestamp()
       FROM free WHERE t.task_id = free.task_id RETURNING t.task_id, t.attempt, free.owner),
     ${noteEvent('retry', '$4::jsonb')}
     SELECT (SELECT count(*) FROM moved)::int AS released,
       ARRAY(SELECT task_id::int FROM orphan WHERE task_id NOT IN (SELECT task_id FROM moved)) AS held`,
    [owner, known.map((one) => one.taskId), known.map((one) => one.attempt), JSON.stringify({ reason })],
  );
  return rows[0]!;
}
