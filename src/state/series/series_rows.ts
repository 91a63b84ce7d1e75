/** Everything that stands of one series. */

import type { ClientBase } from 'pg';
import type { Db } from '../../database/connect.ts';
import { commitAsOne, isDistributed } from '../schema/distributed.ts';

/** Deletes it all, but for the series' own row: whoever has its number still may write there again. The bars gone. */
export async function dropSeriesRows(client: ClientBase, seriesId: number): Promise<number> {
  if (await isDistributed(client)) await commitAsOne(client);
  const { rowCount } = await client.query('DELETE FROM backhaul.bars WHERE series_id = $1', [seriesId]);
  for (const table of ['coverage', 'indicator_state', 'conflict', 'gap', 'derivation', 'rollup_state'])
    await client.query(`DELETE FROM backhaul.${table} WHERE series_id = $1`, [seriesId]);
  return rowCount ?? 0;
}

/** The number of its bars. */
export async function barsOfSeries(db: Db, seriesId: number): Promise<number> {
  const { rows } = await db.query<{ bars: number }>(
    'SELECT count(*)::float8 AS bars FROM backhaul.bars WHERE series_id = $1',
    [seriesId],
  );
  return rows[0]!.bars;
}

/** Those of `symbols` under which a series of the venue and interval stands. */
export async function standingSymbols(
  db: Db,
  venue: string,
  intervalS: number,
  symbols: readonly string[],
): Promise<Set<string>> {
  const { rows } = await db.query<{ symbol: string }>(
    'SELECT symbol FROM backhaul.series WHERE venue = $1 AND symbol = ANY ($2) AND interval_s = $3',
    [venue, symbols, intervalS],
  );
  return new Set(rows.map(({ symbol }) => symbol));
}
