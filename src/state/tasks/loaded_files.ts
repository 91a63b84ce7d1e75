/**
 * What stands in the table because of which task. Of a task that is to be loaded again, what it was loaded as still
 * stands: it counts with its plan of then.
 */

import type { Db } from '../../database/connect.ts';
import { usOf } from '../../database/stamps.ts';
import type { TaskPlan } from '../task_plan.ts';

/** µs since 1970, `[from, to)`. */
export interface LoadedFile
  extends Pick<TaskPlan, 'fileFromUs' | 'fileToUs' | 'wantFromUs' | 'wantToUs' | 'grid' | 'sessionZone'> {
  readonly lane: string;
  readonly uri: string;
  readonly layout: string;
  readonly sequence: number | null;
  /** Of files of many symbols only. */
  readonly wantSymbols: TaskPlan['wantSymbols'];
  readonly firstUs: number | null;
}

/** SQL: loaded, now or before it was found changed. */
const STANDS = `t.lane_turn IS NOT NULL AND t.rows_loaded IS NOT NULL AND (t.state = 'loaded' OR t.replaces IS NOT NULL)`;
/** SQL: the plan its bars were loaded by. */
const LOADED_BY = `coalesce(t.replaces->'plan', t.plan)`;

/**
 * The files of these lanes. Not those of one series without a record, which say nothing: such a one may be an empty file
 * among Kraken's older zips, or a series nobody traded, and nobody can tell.
 */
export async function readLoadedFiles(db: Db, lanes: readonly string[]): Promise<LoadedFile[]> {
  const { rows } = await db.query<LoadedFile>(
    `SELECT lane, uri, layout, sequence::float8 AS sequence,
       (plan->>'fileFromUs')::float8 AS "fileFromUs", (plan->>'fileToUs')::float8 AS "fileToUs",
       (plan->>'wantFromUs')::float8 AS "wantFromUs", (plan->>'wantToUs')::float8 AS "wantToUs",
       CASE WHEN plan->>'symbol' IS NULL THEN nullif(plan->'wantSymbols', 'null') END AS "wantSymbols",
       ${usOf('first_ts')} AS "firstUs", plan->>'grid' AS grid, plan->>'sessionZone' AS "sessionZone"
     FROM (SELECT t.lane, t.uri, t.layout, t.sequence, t.first_ts, ${LOADED_BY} AS plan
           FROM backhaul.task t
           WHERE t.lane = ANY ($1) AND ${STANDS}
             AND (t.plan->>'symbol' IS NULL OR t.rows_read + coalesce(t.rows_outside, 0) > 0)) t`,
    [lanes],
  );
  return rows;
}

/** Whether there is any task in these lanes. */
export async function areLanesKnown(db: Db, lanes: readonly string[]): Promise<boolean> {
  const { rows } = await db.query<{ known: boolean }>(
    'SELECT EXISTS (SELECT FROM backhaul.task WHERE lane = ANY ($1)) AS known',
    [lanes],
  );
  return rows[0]!.known;
}

/** The last bar of each lane whose files hold many symbols, µs since 1970. */
export async function lastBarsOfSharedLanes(db: Db): Promise<Map<string, number>> {
  const { rows } = await db.query<{ lane: string; last: number }>(
    `SELECT lane, ${usOf('max(last_ts)')} AS last FROM backhaul.task
     WHERE state = 'loaded' AND plan->>'symbol' IS NULL AND last_ts IS NOT NULL GROUP BY lane`,
  );
  return new Map(rows.map(({ lane, last }) => [lane, last]));
}

/** A loaded file: where it lies, and what it and the rule it was read by were. */
export interface WholeFile {
  readonly uri: string;
  readonly entry: string | null;
  readonly etag: string;
  readonly layout: string | null;
}

/** The files of these lanes that were loaded from end to end, with nothing set aside by a filter or a check. */
export async function readWholeFiles(db: Db, lanes: readonly string[]): Promise<WholeFile[]> {
  const { rows } = await db.query<WholeFile>(
    `SELECT uri, entry, etag, layout FROM backhaul.task
     WHERE lane = ANY ($1) AND lane_turn IS NOT NULL AND state = 'loaded' AND rows_rejected = 0
       AND plan->>'wantFromUs' IS NULL AND plan->>'wantToUs' IS NULL`,
    [lanes],
  );
  return rows;
}
