/** How the tasks stand, as those who run them ask for it. */

import type { Db } from '../../database/connect.ts';
import { withRevision } from '../series/event_revision.ts';
import type { FilesOf } from '../series/rollup_roles.ts';
import { laneOf, sharedLaneOf } from '../series/series_name.ts';
import { isBefore, orderKey } from '../task_order.ts';
import { laneTurn } from './lane_family.ts';

/** How a running task stands in its lane. */
export interface LaneStanding {
  /** Last turn of the lane (`lane_family.ts`), with the revision of its venue's events put in front (`event_revision.ts`). */
  readonly loaded: number;
  /** Those of `among` that are. */
  readonly loadedAmong: readonly number[];
  /** Earlier tasks that wait for a claim, and that run in other hands than `owner`'s or are among `unsettled`. */
  readonly pendingAhead: number;
  readonly foreignAhead: number;
  /** Ids of the latter whose lease is over. That nobody takes them back says that somebody has their rows locked. */
  readonly overdueAhead: readonly number[];
}

/**
 * All of it from one snapshot. `among`: ids the caller wants to know about. `unsettled`: tasks of the owner that nobody
 * works on, and that still stand as running.
 */
export async function laneStanding(
  db: Db,
  taskId: number,
  owner: string,
  among: readonly number[],
  unsettled: readonly number[],
): Promise<LaneStanding> {
  const { rows } = await db.query<LaneStanding>({
    name: 'backhaul lane standing',
    text: `WITH me AS MATERIALIZED (SELECT lane, sequence, uri, entry, plan->>'venue' AS venue, family
       FROM backhaul.task t WHERE task_id = $1),
     ahead AS (
       SELECT e.task_id, e.state, e.owner <> $2 OR e.task_id = ANY ($4::bigint[]) AS is_foreign,
         e.lease_until < statement_timestamp() AS is_overdue FROM backhaul.task e JOIN me ON e.lane = me.lane
       WHERE e.state IN ('pending', 'running') AND ${isBefore('e', 'me')})
     SELECT
       (SELECT ${withRevision(laneTurn('me'), 'me.venue')} FROM me) AS loaded,
       (SELECT coalesce(array_agg(task_id::int), '{}') FROM backhaul.task
        WHERE task_id = ANY ($3::bigint[]) AND state = 'loaded') AS "loadedAmong",
       (SELECT count(*) FROM ahead WHERE state = 'pending') AS "pendingAhead",
       (SELECT count(*) FROM ahead WHERE state = 'running' AND is_foreign) AS "foreignAhead",
       ARRAY(SELECT task_id::int FROM ahead WHERE state = 'running' AND is_foreign AND is_overdue) AS "overdueAhead"`,
    values: [taskId, owner, among, unsettled],
  });
  return rows[0]!;
}

/**
 * Those of `among` that come behind a task in its lane, late and with none between them that is not final and not among
 * them; in their order. Late: one behind them is loaded.
 */
export async function lateBehind(db: Db, taskId: number, among: readonly number[]): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>({
    name: 'backhaul late behind',
    text: `WITH me AS MATERIALIZED (SELECT lane, sequence, uri, entry FROM backhaul.task WHERE task_id = $1)
     SELECT c.task_id AS id FROM me JOIN backhaul.task c ON c.lane = me.lane
     WHERE c.task_id = ANY ($2::bigint[]) AND ${isBefore('me', 'c')}
       AND EXISTS (SELECT FROM backhaul.task l WHERE l.lane = c.lane AND l.lane_turn IS NOT NULL AND l.state = 'loaded'
         AND ${isBefore('c', 'l')})
       AND NOT EXISTS (SELECT FROM backhaul.task b WHERE b.lane = c.lane AND b.state IN ('pending', 'running')
         AND ${isBefore('me', 'b')} AND ${isBefore('b', 'c')} AND b.task_id <> ALL ($2::bigint[]))
     ORDER BY ${orderKey('c')}`,
    values: [taskId, among],
  });
  return rows.map(({ id }) => id);
}

/** Tasks that are not final yet. `overdue`: ids of running ones whose lease is over; see {@link LaneStanding}. */
export async function unfinished(
  db: Db,
): Promise<{ readonly pending: number; readonly running: number; readonly overdue: readonly number[] }> {
  const { rows } = await db.query<{ pending: number; running: number; overdue: number[] }>(
    `SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'running') AS running,
       coalesce(array_agg(task_id::int) FILTER (WHERE state = 'running' AND lease_until < statement_timestamp()), '{}') AS overdue
     FROM backhaul.task WHERE state IN ('pending', 'running')`,
  );
  return rows[0]!;
}

/** How many times a lane's bytes there are to load in all, of the tasks that are known. */
export async function bytesBesideLane(db: Db, lane: string): Promise<number> {
  const { rows } = await db.query<{ times: number }>(
    `SELECT coalesce(sum(size_bytes) / nullif(sum(size_bytes) FILTER (WHERE lane = $1), 0), 1)::float8 AS times
     FROM backhaul.task WHERE state IN ('pending', 'running')`,
    [lane],
  );
  return rows[0]!.times;
}

/**
 * Whether a task is at work that writes series of these files: one of their lanes, of the lane of all symbols that a
 * market's series may be in too, or of any market beside the lane of all of them. Under {@link CLAIM_LOCK} none begins
 * while the caller's transaction lasts.
 */
export async function isAtWork(db: Db, files: readonly FilesOf[]): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT FROM backhaul.task r
     WHERE r.owner IS NOT NULL AND (r.lane = ANY ($1::text[]) OR r.family = ANY ($2::text[])) LIMIT 1`,
    [
      [...new Set(files.flatMap((one) => [laneNameOf(one), sharedLaneOf(one)]))],
      [...new Set(files.filter(({ symbol }) => symbol === null).map(sharedLaneOf))],
    ],
  );
  return rowCount !== 0;
}

function laneNameOf({ venue, symbol, intervalS }: FilesOf): string {
  return symbol === null ? sharedLaneOf({ venue, intervalS }) : laneOf({ venue, symbol, intervalS });
}
