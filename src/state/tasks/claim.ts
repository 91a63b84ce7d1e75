/** `claim`: pending → running. */

import { killPoint } from '../../base/kill_points.ts';
import { type Db, inTransaction } from '../../database/connect.ts';
import { withRevision } from '../event_revision.ts';
import { hasItsTurn, loadedOfLane, SYMBOLS_AT_WORK, sharedLane } from '../lane_family.ts';
import { becomes, CLAIM_LOCK, mayMove, noteEvent } from '../moves.ts';
import { isBefore, orderKey } from '../task_order.ts';
import type { TaskPlan } from '../task_plan.ts';
import type { Attempt } from './attempt.ts';

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
  /** Its tasks that were loaded, with the revision of its venue's events put in front (`event_revision.ts`). */
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

/**
 * The claim. `head` reads the pending tasks in their order off one partial index and leaves out those behind a delayed
 * one of their lane; the scalar subqueries are there so that the planner keeps to that index (as NOT EXISTS
 * they become hash joins over all that is pending). Who has an owner runs, so `foreign_ahead` need not ask for the state:
 * asked, the planner reads all that runs anywhere, for each task it claims, instead of the lane. `left_out` catches what
 * another session holds locked: a lane is never claimed over a pending task that this claim did not get. Symbols of higher tiers go first; a lane is of one
 * priority, so its order stays. `not_before` is compared as a sum, which no index serves: without fresh statistics the
 * planner would read all that is due off `task_delayed` and sort it (4 s a claim with 100,000 pending).
 */
const CLAIM = `
WITH ${SYMBOLS_AT_WORK},
head AS MATERIALIZED (
  SELECT t.task_id, t.lane, t.sequence, t.uri, t.entry FROM backhaul.task t
  WHERE ${mayMove('claim', 't')} AND t.not_before + interval '0' <= statement_timestamp() AND t.plan IS NOT NULL
    AND ${hasItsTurn('t')}
    AND NOT coalesce((SELECT true FROM backhaul.task d WHERE d.lane = t.lane AND d.state = 'pending'
                        AND d.not_before > statement_timestamp() AND ${isBefore('d', 't')}
                      ORDER BY d.not_before DESC LIMIT 1), false)
  ORDER BY t.priority, ${orderKey('t')} LIMIT $2 FOR UPDATE SKIP LOCKED),
left_out AS MATERIALIZED (
  SELECT f.* FROM (SELECT DISTINCT lane FROM head) h CROSS JOIN LATERAL (
    SELECT e.lane, e.sequence, e.uri, e.entry FROM backhaul.task e
    WHERE e.lane = h.lane AND e.state = 'pending' AND e.task_id NOT IN (SELECT task_id FROM head)
    ORDER BY e.lane, ${orderKey('e')} LIMIT 1) f),
moved AS (
  UPDATE backhaul.task t
  SET ${becomes('claim')}, attempt = t.attempt + 1, owner = $1,
      claimed_at = statement_timestamp(), lease_until = statement_timestamp() + $3 * interval '1 ms'
  FROM head h
  WHERE t.task_id = h.task_id AND NOT EXISTS (
    SELECT FROM left_out l WHERE l.lane = h.lane AND ${isBefore('l', 'h')})
  RETURNING t.*),
stand AS MATERIALIZED (
  SELECT m.lane, ${withRevision(loadedOfLane('m'), 'm.venue')} AS loaded
  FROM (SELECT lane, min(plan->>'venue') AS venue, min(${sharedLane('moved')}) AS shared FROM moved GROUP BY lane) m),
${noteEvent('claim')}
SELECT task_id, attempt, uri, entry, etag, size_bytes, layout, lane, sequence, plan, replaces, failures,
  (SELECT loaded FROM stand WHERE stand.lane = moved.lane) AS lane_loaded,
  (SELECT count(*) FROM backhaul.task e WHERE e.lane = moved.lane AND e.state IN ('pending', 'running')
     AND e.owner <> $1 AND ${isBefore('e', 'moved')}) AS foreign_ahead
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
}

/**
 * Takes up to `limit` tasks, first in order first: due, and with no earlier task of their lane left pending.
 * Earlier ones may be running, here or elsewhere.
 */
export async function claim(db: Db, options: ClaimOptions): Promise<ClaimedTask[]> {
  const { owner, limit, leaseMs } = options;
  if (limit <= 0) return [];
  const rows = await inTransaction(db, async (client) => {
    await client.query(`${BY_INDEX}; SELECT ${CLAIM_LOCK}`);
    const claimed = (await client.query<ClaimedRow>(CLAIM, [owner, limit, leaseMs])).rows;
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
