/** How many rows the loaded files say they brought, beside how many stand. */

import type { Db } from '../../database/connect.ts';

export interface BroughtRows {
  readonly venue: string;
  readonly symbol: string | null;
  readonly intervalS: number;
  readonly bars: number;
  readonly brought: number;
  /** Some file of the lane was loaded again over another's rows: whose they are now, counts cannot tell. */
  readonly blurred: boolean;
}

/**
 * By series; where files hold many symbols, by venue and interval. A row that replaced another (`--on-conflict
 * replace`) was counted by both files. Of a task that waits to be loaded again, what it brought before still stands.
 */
const COMPARE = `
WITH task AS (
  SELECT t.task_id, coalesce(replaces->'plan', plan) AS plan, rows_loaded, rows_conflict, rows_duplicate
  FROM backhaul.task t WHERE rows_loaded IS NOT NULL AND (state = 'loaded' OR replaces IS NOT NULL)),
brought AS (
  SELECT plan->>'venue' AS venue, plan->>'symbol' AS symbol, (plan->>'intervalS')::int AS interval_s, rows_duplicate,
    rows_loaded - CASE WHEN plan->>'onConflict' = 'replace' THEN coalesce(rows_conflict, 0) ELSE 0 END AS rows,
    EXISTS (SELECT FROM backhaul.task_event e WHERE e.task_id = task.task_id AND e.event = 'replace') AS again
  FROM task),
shared AS (SELECT DISTINCT venue, interval_s, true AS is_shared FROM brought WHERE symbol IS NULL),
counted AS (
  SELECT series_id, bars FROM unnest($1::int[], $2::int8[]) AS u (series_id, bars)),
both_sides AS (
  SELECT venue, symbol, interval_s, 0 AS bars, rows AS brought, again, rows_duplicate FROM brought
  UNION ALL
  SELECT venue, symbol, interval_s, bars, 0, false, 0 FROM counted JOIN backhaul.series USING (series_id))
SELECT venue, CASE WHEN is_shared THEN NULL ELSE symbol END AS symbol, interval_s AS "intervalS",
  sum(bars)::int8 AS bars, sum(brought)::int8 AS brought, bool_or(again) AND sum(rows_duplicate) > 0 AS blurred
FROM both_sides LEFT JOIN shared USING (venue, interval_s) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;

/** `bars` by series, as they were counted. */
export async function standingAndBrought(db: Db, bars: ReadonlyMap<number, number>): Promise<BroughtRows[]> {
  const { rows } = await db.query<BroughtRows>(COMPARE, [[...bars.keys()], [...bars.values()]]);
  return rows;
}
