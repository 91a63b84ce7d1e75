import type { TaskEvent } from './machine.ts';

/**
 * What every statement that moves a task is made of. Each is guarded by state and, where an attempt writes, by its
 * number; it moves the row and notes the event in one round trip, and tells whether it took effect. Clocks are the
 * server's alone.
 */

/** Claims of all programs, and listings, go one after another: a claim sees every earlier one whole, or not at all. */
export const CLAIM_LOCK = `pg_advisory_xact_lock(hashtextextended('backhaul.claim', 0))`;

/** Notes the moves of the rows in CTE `moved(task_id, attempt, owner)`; `reason` is an SQL expression. */
export function noteEvent(event: TaskEvent, from: string, to: string, reason = 'NULL::jsonb'): string {
  return `noted AS (INSERT INTO backhaul.task_event (task_id, event, from_state, to_state, attempt, owner, reason)
            SELECT task_id, '${event}', '${from}', '${to}', attempt, owner, ${reason} FROM moved)`;
}

/** `running`, this attempt: the guard of all that an attempt writes. */
export const OWNED = `task_id = $1 AND attempt = $2 AND state = 'running'`;
