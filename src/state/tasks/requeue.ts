/** What somebody orders for tasks that no attempt is at work on. `requeue`: failed → pending; `skip`: pending → skipped. */

import type { Db } from '../../database/connect.ts';
import { becomes, mayMove, noteEvent } from '../moves.ts';

/**
 * Failed tasks back to pending: those of `taskIds`, or all (null). Those that never got a plan (a listing failed them) need another `load` of their
 * source instead and are counted in `unplanned`.
 */
export async function requeueFailed(
  db: Db,
  taskIds: readonly number[] | null,
): Promise<{ readonly requeued: number; readonly unplanned: number }> {
  const { rows } = await db.query<{ requeued: number; unplanned: number }>(
    `WITH chosen AS MATERIALIZED (
       SELECT task_id, plan IS NOT NULL AS planned FROM backhaul.task
       WHERE ${mayMove('requeue')} AND ($1::bigint[] IS NULL OR task_id = ANY ($1))
       FOR UPDATE),
     moved AS (
       UPDATE backhaul.task t
       SET ${becomes('requeue')}, failures = 0, finished_at = NULL, not_before = statement_timestamp()
       FROM chosen c WHERE t.task_id = c.task_id AND c.planned RETURNING t.task_id, t.attempt, t.owner),
     ${noteEvent('requeue')}
     SELECT (SELECT count(*) FROM moved)::int AS requeued,
            (SELECT count(*) FROM chosen WHERE NOT planned)::int AS unplanned`,
    [taskIds],
  );
  return rows[0]!;
}

/** Sets a pending task aside. False: it was not pending (any more). */
export async function skip(db: Db, taskId: number, reason: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `WITH moved AS (
       UPDATE backhaul.task SET ${becomes('skip')}, finished_at = clock_timestamp()
       WHERE task_id = $1 AND ${mayMove('skip')} RETURNING task_id, attempt, owner),
     ${noteEvent('skip', '$2::jsonb')}
     SELECT task_id FROM moved`,
    [taskId, JSON.stringify({ reason })],
  );
  return rowCount === 1;
}
