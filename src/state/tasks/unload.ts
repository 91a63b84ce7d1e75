/** Tasks whose bars are to be taken out again: which ones, what that would take, and the moves. */

import type { ClientBase } from 'pg';
import { rangeRows } from '../../copy/copy_reader.ts';
import type { Db } from '../../database/connect.ts';
import { becomes, mayMove, noteEvent } from '../moves.ts';
import { isDistributed } from '../schema/distributed.ts';
import { rangesOfTaskAlone, vouchedByAlone } from '../series/coverage_rows.ts';
import { laneTurn } from './lane_family.ts';
import { skip } from './requeue.ts';

export interface LoadedTask {
  readonly taskId: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly lane: string;
  readonly venue: string;
  /** Null: a file of many symbols. */
  readonly symbol: string | null;
  readonly sessionZone: string;
  /** Of its bars, seconds. */
  readonly intervalS: number;
  readonly rowsLoaded: number;
}

const COLUMNS = `t.task_id AS "taskId", t.uri, t.entry, t.lane, t.plan->>'venue' AS venue, t.plan->>'symbol' AS symbol,
  coalesce(t.plan->>'sessionZone', 'UTC') AS "sessionZone", (t.plan->>'intervalS')::int AS "intervalS", t.rows_loaded AS "rowsLoaded"`;
/** The last of a lane first: what is behind a file then has least to be computed again. */
const LATEST_FIRST = `ORDER BY t.lane, t.sequence DESC NULLS LAST, t.uri DESC, t.entry DESC, t.task_id DESC`;

/** All loaded tasks, or those of some lanes. */
export async function loadedTasks(db: Db, lanes: readonly string[] | null = null): Promise<LoadedTask[]> {
  const { rows } = await db.query<LoadedTask>(
    `SELECT ${COLUMNS} FROM backhaul.task t
     WHERE t.state = 'loaded' AND ($1::text[] IS NULL OR t.lane = ANY ($1)) ${LATEST_FIRST}`,
    [lanes],
  );
  return rows;
}

/** The tasks that a run loaded and that are loaded still, from that load. */
export async function tasksOfRun(db: Db, runId: number): Promise<LoadedTask[]> {
  const { rows } = await db.query<LoadedTask>(
    `SELECT ${COLUMNS} FROM backhaul.task t
     JOIN LATERAL (SELECT owner FROM backhaul.task_event e WHERE e.task_id = t.task_id AND e.event = 'finish'
                   ORDER BY event_id DESC LIMIT 1) f ON f.owner = (SELECT owner FROM backhaul.run WHERE run_id = $1)
     WHERE t.state = 'loaded' ${LATEST_FIRST}`,
    [runId],
  );
  return rows;
}

/** The bars that only this task vouches for. */
export async function barsOfTaskAlone(db: Db, taskId: number): Promise<number> {
  if (await isDistributed(db)) {
    const { rows } = await db.query<{ bars: number }>(
      `SELECT count(*)::int AS bars FROM ${rangeRows(await rangesOfTaskAlone(db, taskId))}
       JOIN backhaul.bars b ON b.series_id = r.series_id AND b.ts > r.after_ts AND b.ts <= r.to_ts`,
    );
    return rows[0]!.bars;
  }
  const { rows } = await db.query<{ bars: number }>(
    `SELECT count(*)::int AS bars FROM (
       SELECT DISTINCT b.series_id, b.ts FROM backhaul.bars b, backhaul.coverage c WHERE ${vouchedByAlone('$1')}) alone`,
    [taskId],
  );
  return rows[0]!.bars;
}

/**
 * A loaded task whose bars are gone is set aside: `loaded → pending → skipped` in one step. Listings leave it alone
 * until its file changes, or it is asked for. False: it was not loaded (any more).
 */
export async function setAside(client: ClientBase, taskId: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `WITH moved AS (
       UPDATE backhaul.task SET ${becomes('replace')}, finished_at = NULL, rows_read = NULL, rows_loaded = NULL,
         rows_rejected = NULL, rows_duplicate = NULL, rows_empty = NULL, rows_conflict = NULL, rows_outside = NULL,
         trades_used = NULL, bars_made = NULL, first_ts = NULL, last_ts = NULL, lane_turn = 1 + ${laneTurn('task')}
       WHERE task_id = $1 AND ${mayMove('replace')} RETURNING task_id, attempt, owner),
     ${noteEvent('replace', '$2::jsonb')}
     SELECT task_id FROM moved`,
    [taskId, JSON.stringify({ reason: 'unloaded' })],
  );
  if (rowCount !== 1) return false;
  return skip(client, taskId, 'unloaded');
}
