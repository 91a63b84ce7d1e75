/** An attempt that does not come to its end: `fail`, running → failed; `retry`, running → pending. */

import type { Db } from '../../database/connect.ts';
import type { Fault } from '../../faults/fault.ts';
import { storableJson } from '../../faults/safe_text.ts';
import type { TransitionFrom } from '../machine.ts';
import { becomes, mayMove, noteEvent, OWNED } from '../moves.ts';
import type { Attempt } from './attempt.ts';

/** One guarded move of a running task: its new columns, the event and its reason ($3, jsonb). */
function leaveRunning(transition: TransitionFrom<'running'>, columns: string): string {
  return `
    WITH me AS MATERIALIZED (SELECT task_id, owner FROM backhaul.task WHERE ${OWNED} FOR UPDATE),
    moved AS (
      UPDATE backhaul.task t SET ${becomes(transition)}, owner = NULL, lease_until = NULL, ${columns}
      FROM me WHERE t.task_id = me.task_id RETURNING t.task_id, t.attempt, me.owner),
    ${noteEvent(transition, '$3::jsonb')}
    SELECT task_id FROM moved`;
}

const FAIL = leaveRunning('fail', 'error = $3, failures = t.failures + 1, finished_at = clock_timestamp()');
const RETRY = leaveRunning(
  'retry',
  `error = $3, not_before = clock_timestamp() + $4 * interval '1 ms', failures = t.failures + 1`,
);
const RELEASE = leaveRunning('retry', 'not_before = clock_timestamp()');

async function tookEffect(db: Db, sql: string, values: readonly unknown[]): Promise<boolean> {
  const { rowCount } = await db.query(sql, [...values]);
  return rowCount === 1;
}

/** Ends a task for good. False: the attempt no longer owned it, nothing has changed. */
export async function fail(db: Db, taskId: number, attempt: number, fault: Fault): Promise<boolean> {
  return tookEffect(db, FAIL, [taskId, attempt, storableJson(fault)]);
}

/** Back to pending with a failure more, not to be claimed for `delayMs`. False: the attempt no longer owned it. */
export async function retryLater(
  db: Db,
  taskId: number,
  attempt: number,
  fault: Fault,
  delayMs: number,
): Promise<boolean> {
  return tookEffect(db, RETRY, [taskId, attempt, storableJson(fault), delayMs]);
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
       WHERE owner = $1 AND ${mayMove('retry')} AND (task_id, attempt) NOT IN (SELECT * FROM unnest($2::bigint[], $3::int[]))
       FOR UPDATE),
     moved AS (
       UPDATE backhaul.task t SET ${becomes('retry')}, owner = NULL, lease_until = NULL, not_before = clock_timestamp()
       FROM orphan WHERE t.task_id = orphan.task_id RETURNING t.task_id, t.attempt, orphan.owner),
     ${noteEvent('retry', '$4::jsonb')}
     SELECT task_id FROM moved`,
    [owner, held.map((one) => one.taskId), held.map((one) => one.attempt), JSON.stringify({ reason })],
  );
  return rowCount ?? 0;
}
