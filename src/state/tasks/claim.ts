/** `claim`: pending → running. */

import { killPoint } from '../../base/kill_points.ts';
import { type Db, inTransaction } from '../../database/connect.ts';
import { becomes, CLAIM_LOCK, mayMove, noteEvent } from '../moves.ts';
import { withRevision } from '../series/event_revision.ts';
import { isBefore, orderKey } from '../task_order.ts';
import type { TaskPlan } from '../task_plan.ts';
import type { Attempt } from './attempt.ts';
import { laneTurn, TURNS } from './lane_family.ts';

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
  /** Its last turn (`lane_family.ts`), with the revision of its venue's events put in front (`event_revision.ts`). */
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

/** Its time has come. */
function isDue(alias: string): string {
  return `${alias}.not_before + interval '0' <= statement_timestamp()`;
}

/** An earlier task of its lane is pending, and its time has not come. */
function isBehindDelayed(alias: string): string {
  return `coalesce((SELECT true FROM backhaul.task d WHERE d.lane = ${alias}.lane AND d.state = 'pending'
      AND d.not_before > statement_timestamp() AND ${isBefore('d', alias)} ORDER BY d.not_before DESC LIMIT 1), false)`;
}

/**
 * The claim. `turns` leaps from family to family in the index of the pending ones; of each, `first` reads as many as are
 * wanted in their order off the same index. A lane of all symbols is in order as it is read, so that what is delayed
 * there cuts off the rest; of lanes of one symbol those behind a delayed one of their lane are left out, by a scalar
 * subquery so that the planner keeps to the index (as NOT EXISTS it becomes a hash join over all that is pending). What
 * was read is locked by its number; whether it still is pending is asked so that the index of those does not offer itself
 * for all of them. `foreign_ahead` asks for the owner so that the index of what runs in the family does not: the planner
 * takes it for small, and with 200 loaders at work read their thousands of tasks for each one it claimed. `left_out` catches what another
 * session holds locked: a lane is never claimed over a pending task that this claim did not get. Symbols of higher tiers
 * go first; a lane is of one priority, so its order stays. `not_before` is compared as a sum, which no index serves:
 * without fresh statistics the planner would read all that is due off `task_delayed` and sort it.
 */
const CLAIM = `
WITH RECURSIVE ${TURNS},
first AS MATERIALIZED (
  SELECT c.task_id FROM turns k CROSS JOIN LATERAL (
    SELECT t.* FROM backhaul.task t
    WHERE t.family = k.family AND (t.lane = t.family) = k.is_shared AND ${mayMove('claim', 't')} AND t.plan IS NOT NULL
      AND (k.is_shared OR (${isDue('t')} AND NOT ${isBehindDelayed('t')}))
    ORDER BY t.family, (t.lane = t.family), t.priority, ${orderKey('t')} LIMIT $2) c
  WHERE NOT k.is_shared OR (${isDue('c')} AND NOT ${isBehindDelayed('c')})
  ORDER BY c.priority, ${orderKey('c')} LIMIT $2),
head AS MATERIALIZED (
  SELECT t.task_id, t.lane, t.sequence, t.uri, t.entry FROM backhaul.task t
  WHERE t.task_id = ANY (ARRAY(SELECT task_id FROM first)) AND (${mayMove('claim', 't')}) IS TRUE FOR UPDATE SKIP LOCKED),
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
  SELECT m.lane, ${withRevision(laneTurn('m'), 'm.venue')} AS loaded
  FROM (SELECT lane, min(plan->>'venue') AS venue, min(family) AS family FROM moved GROUP BY lane) m),
${noteEvent('claim')}
SELECT task_id, attempt, uri, entry, etag, size_bytes, layout, lane, sequence, plan, replaces, failures,
  (SELECT loaded FROM stand WHERE stand.lane = moved.lane) AS lane_loaded,
  (SELECT count(*) FROM backhaul.task e WHERE e.lane = moved.lane AND e.state IN ('pending', 'running')
     AND coalesce(e.owner <> $1, false) AND ${isBefore('e', 'moved')}) AS foreign_ahead
FROM moved ORDER BY priority, ${orderKey('moved')}`;

/**
 * A table that was just filled has no statistics yet, or those of what was there before: the planner then reads and sorts
 * all that is pending, 80 ms a claim of 9,800 tasks, 200 of 100,000; the indexes that are in order give it the first
 * ones in 7. To servers before 18 a plan so confined looks dear enough to be compiled, which takes longer than it runs. A
 * session plans once: planning takes as long as the claim itself.
 */
const BY_INDEX = `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
  SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_generic_plan`;

/**
 * Where claims queue. LOCK TABLE waits without a snapshot, a function that takes a lock with one, and as long as somebody
 * waits with an old one, what was claimed since cannot be left out of the index of what is pending. The mode excludes
 * itself and no reader or writer; the table is one that nobody changes. What it and the two points above bring together:
 * docs/scaling.md.
 */
const IN_LINE = 'LOCK TABLE backhaul.migration IN SHARE UPDATE EXCLUSIVE MODE';

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
    await client.query(IN_LINE);
    await client.query(`${BY_INDEX}; SELECT ${CLAIM_LOCK}`);
    const claimed = (
      await client.query<ClaimedRow>({ name: 'backhaul claim', text: CLAIM, values: [owner, limit, leaseMs] })
    ).rows;
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
