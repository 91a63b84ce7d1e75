/**
 * What every statement that moves a task is made of. Each is guarded by state and, where an attempt writes, by its
 * number; it moves the row and notes the event in one round trip, and tells whether it took effect. Clocks are the
 * server's alone.
 */

import { TRANSITIONS, type Transition } from './machine.ts';

/** Claims of all programs, and listings, go one after another: a claim sees every earlier one whole, or not at all. */
export const CLAIM_LOCK = `pg_advisory_xact_lock(hashtextextended('backhaul.claim', 0))`;

/** SQL of SET: the state that `transition` leads to. */
export function becomes(transition: Transition): string {
  return `state = '${TRANSITIONS[transition].to}'`;
}

/** SQL of WHERE: the state that `transition` leaves; `alias` names the task's row. */
export function mayMove(transition: Transition, alias = 'task'): string {
  return `${alias}.state = '${TRANSITIONS[transition].from}'`;
}

/** Notes what moved the rows in CTE `moved(task_id, attempt, owner)`; `reason` is an SQL expression. */
export function noteEvent(transition: Transition, reason = 'NULL::jsonb'): string {
  const { from, to } = TRANSITIONS[transition];
  return `noted AS (INSERT INTO backhaul.task_event (task_id, event, from_state, to_state, attempt, owner, reason)
            SELECT task_id, '${transition}', '${from}', '${to}', attempt, owner, ${reason} FROM moved)`;
}

/** `running`, this attempt: the guard of all that an attempt writes. */
export const OWNED = "task_id = $1 AND attempt = $2 AND state = 'running'";
