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

/**
 * Those of `symbols` under which a series of the venue and interval stands, or has stood until its bars were put under
 * the name its company has now: what else comes of it goes the same way.
 */
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
  const former = await joinedNames(db, venue, symbols);
  return new Set([...rows.map(({ symbol }) => symbol), ...former]);
}

/** Those of `symbols` that are the old name of a rename carried out. */
async function joinedNames(db: Db, venue: string, symbols: readonly string[]): Promise<readonly string[]> {
  // What is only to be shown of a load may look at tables of an earlier version.
  const { rowCount } = await db.query(
    `SELECT FROM pg_attribute WHERE attrelid = to_regclass('backhaul.event') AND attname = 'joined_at'`,
  );
  if (rowCount === 0) return [];
  const { rows } = await db.query<{ symbol: string }>(
    `SELECT DISTINCT symbol FROM backhaul.event
     WHERE venue = $1 AND symbol = ANY ($2) AND kind = 'rename' AND joined_at IS NOT NULL`,
    [venue, symbols],
  );
  return rows.map(({ symbol }) => symbol);
}
