/** Table `trade_edge`: the first and last bars that files of trades made of a series, as far as each file told them. */

import type { ClientBase } from 'pg';
import { usOf } from '../../database/stamps.ts';
import { isBefore, orderKey } from '../task_order.ts';

/** A bar, or the part of one that a file tells. Times µs since 1970. */
export interface TradeEdge {
  readonly seriesId: number;
  readonly ts: number;
  /** Instants of its first and last trade. */
  readonly first: number;
  readonly last: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
}

/** The same, of the task that told it. */
export interface StoredEdge extends TradeEdge {
  readonly taskId: number;
  /** The task is ahead, in its lane, of the one that asks. */
  readonly isAhead: boolean;
}

/** A stretch of a series, both ends in it. */
export interface EdgeRange {
  readonly seriesId: number;
  readonly fromUs: number;
  readonly toUs: number;
}

/** The edges of all tasks in these stretches, by series, bar and first trade, as task `taskId` sees them. */
export async function readEdges(
  client: ClientBase,
  taskId: number,
  ranges: readonly EdgeRange[],
): Promise<StoredEdge[]> {
  const { rows } = await client.query<StoredEdge>(
    `SELECT e.series_id AS "seriesId", ${usOf('e.ts')} AS ts, e.task_id AS "taskId", e.first_us::float8 AS first,
       e.last_us::float8 AS last, e.open, e.high, e.low, e.close, e.volume, e.trades::float8 AS trades,
       ${isBefore('t', 'me')} AS "isAhead"
     FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS r (series_id, from_us, to_us)
     JOIN backhaul.trade_edge e ON e.series_id = r.series_id
       AND e.ts BETWEEN to_timestamp(0) + r.from_us * interval '1 microsecond'
         AND to_timestamp(0) + r.to_us * interval '1 microsecond'
     JOIN backhaul.task t ON t.task_id = e.task_id
     JOIN backhaul.task me ON me.task_id = $4
     ORDER BY e.series_id, e.ts, e.first_us, e.last_us, ${orderKey('t')}`,
    [
      ranges.map(({ seriesId }) => seriesId),
      ranges.map(({ fromUs }) => fromUs),
      ranges.map(({ toUs }) => toUs),
      taskId,
    ],
  );
  return rows;
}

/** Puts the edges of a task in the place of those it had. */
export async function writeEdges(
  client: ClientBase,
  taskId: number,
  edges: readonly TradeEdge[],
): Promise<void> {
  await dropEdges(client, taskId);
  if (edges.length === 0) return;
  await client.query(
    `INSERT INTO backhaul.trade_edge
       (series_id, ts, task_id, first_us, last_us, open, high, low, close, volume, trades)
     SELECT "seriesId", to_timestamp(0) + ts * interval '1 microsecond', $1, first, last, open, high, low, close, volume, trades
     FROM jsonb_to_recordset($2::jsonb) AS e ("seriesId" int, ts bigint, first bigint, last bigint, open float8, high float8,
       low float8, close float8, volume float8, trades bigint)`,
    [taskId, JSON.stringify(edges)],
  );
}

/** Forgets the edges of a task: what it told is not asked for any more. */
export async function dropEdges(client: ClientBase, taskId: number): Promise<void> {
  await client.query('DELETE FROM backhaul.trade_edge WHERE task_id = $1', [taskId]);
}
