/** Bars that a file of trades shares with others, where its end has cut them, once that file is taken out. */

import type { ClientBase } from 'pg';
import { stampOf, usOf } from '../database/stamps.ts';
import { partsTogether } from '../merge/trade_parts.ts';
import { readEdges, type StoredEdge } from '../state/series/trade_edges.ts';

/** A bar that has changed. */
export interface SharedBar {
  readonly seriesId: number;
  readonly ts: number;
}

/** Makes the bars that task `taskId` has cut what the other files tell of them. To be called while its parts stand. */
export async function restoreShared(client: ClientBase, taskId: number): Promise<SharedBar[]> {
  const own = await client.query<SharedBar>(
    `SELECT series_id AS "seriesId", ${usOf('ts')} AS ts FROM backhaul.trade_edge WHERE task_id = $1`,
    [taskId],
  );
  if (own.rows.length === 0) return [];
  const ranges = own.rows.map(({ seriesId, ts }) => ({ seriesId, fromUs: ts, toUs: ts }));
  const others = (await readEdges(client, taskId, ranges)).filter((edge) => edge.taskId !== taskId);
  const changed: SharedBar[] = [];
  for (const parts of Map.groupBy(others, ({ seriesId, ts }) => `${seriesId} ${ts}`).values()) {
    const { seriesId, ts } = parts[0]!;
    if (await isToldWhole(client, taskId, parts[0]!)) continue;
    const { open, high, low, close, volume, trades } = partsTogether(parts);
    const { rowCount } = await client.query(
      `UPDATE backhaul.bars SET open = $3, high = $4, low = $5, close = $6, volume = $7, trades = $8
       WHERE series_id = $1 AND ts = ${stampOf('$2')}
         AND (open, high, low, close, volume, trades) IS DISTINCT FROM ($3, $4, $5, $6, $7, $8::bigint)`,
      [seriesId, ts, open, high, low, close, Number.isNaN(volume) ? null : volume, trades],
    );
    if (rowCount === 1) changed.push({ seriesId, ts });
  }
  return changed;
}

/** Whether a file has the bar between its first and its last: then it stands as that file tells it. */
async function isToldWhole(
  client: ClientBase,
  taskId: number,
  { seriesId, ts }: StoredEdge,
): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM backhaul.trade_edge WHERE series_id = $1 AND task_id <> $2 GROUP BY task_id
     HAVING min(ts) < ${stampOf('$3')}
       AND max(ts) > ${stampOf('$3')} LIMIT 1`,
    [seriesId, taskId, ts],
  );
  return rows.length > 0;
}
