/** What somebody orders for tasks that no attempt is at work on. `requeue`: failed → pending; `skip`: pending → skipped. */

import type { Db } from '../../database/connect.ts';
import { becomes, mayMove, noteEvent } from '../moves.ts';

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
       WHERE ${mayMove('requeue')} AND ($1::bigint[] IS NULL OR task_id = ANY ($1))
         AND ($2::text IS NULL OR starts_with(uri, $2)) AND ($3::text IS NULL OR entry = $3)
         AND ($4::text[] IS NULL OR error->>'kind' = ANY ($4))
       FOR UPDATE),
     moved AS (
       UPDATE backhaul.task t
       SET ${becomes('requeue')}, failures = 0, finished_at = NULL, not_before = statement_timestamp()
       FROM chosen c WHERE t.task_id = c.task_id AND c.planned RETURNING t.task_id, t.attempt, t.owner),
     ${noteEvent('requeue')}
     SELECT (SELECT count(*) FROM moved)::int AS requeued,
            (SELECT count(*) FROM chosen WHERE NOT planned)::int AS unplanned`,
    [filter.taskIds ?? null, filter.uriPrefix ?? null, filter.entry ?? null, filter.kinds ?? null],
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
