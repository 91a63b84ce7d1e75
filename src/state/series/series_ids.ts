/** Table `series`: ids by name, found or made. */

import type { Db } from '../../database/connect.ts';
import type { SeriesName } from './series_name.ts';

/**
 * Committed for good: we remember the ids, and no crash of a server that commits asynchronously may give them to other
 * symbols. Made in one order, so that two loaders cannot wait for each other.
 */
const FIND_OR_MAKE = `
  WITH durable AS MATERIALIZED (SELECT set_config('synchronous_commit', 'on', true)),
  wanted AS MATERIALIZED (
    SELECT DISTINCT v AS venue, s AS symbol, i AS interval_s
    FROM unnest($1::text[], $2::text[], $3::int[]) AS n (v, s, i)),
  found AS MATERIALIZED (SELECT s.* FROM wanted JOIN backhaul.series s USING (venue, symbol, interval_s)),
  made AS (
    INSERT INTO backhaul.series (venue, symbol, interval_s)
    SELECT w.venue, w.symbol, w.interval_s FROM wanted w CROSS JOIN durable
    WHERE NOT EXISTS (SELECT FROM found f
      WHERE (f.venue, f.symbol, f.interval_s) = (w.venue, w.symbol, w.interval_s))
    ORDER BY w.venue, w.symbol, w.interval_s
    ON CONFLICT DO NOTHING RETURNING venue, symbol, interval_s, series_id)
  SELECT venue, symbol, interval_s AS "intervalS", series_id AS id, false AS "isNew" FROM found
  UNION ALL SELECT venue, symbol, interval_s, series_id, true FROM made`;

/** A series by name. `isNew`: it was made by this very statement. */
export interface FoundSeries extends SeriesName {
  readonly id: number;
  readonly isNew: boolean;
}

/**
 * The ids of series, those that are missing made; in any order. One that another session makes at this moment may be
 * missing in the answer: then it is asked for again.
 */
export async function findOrMakeSeries(db: Db, names: readonly SeriesName[]): Promise<FoundSeries[]> {
  const { rows } = await db.query<FoundSeries>(FIND_OR_MAKE, [
    names.map(({ venue }) => venue),
    names.map(({ symbol }) => symbol),
    names.map(({ intervalS }) => intervalS),
  ]);
  return rows;
}

/** The names of series by their ids; in any order. */
export async function namesOf(
  db: Db,
  seriesIds: readonly number[],
): Promise<(SeriesName & { readonly seriesId: number })[]> {
  const { rows } = await db.query<SeriesName & { readonly seriesId: number }>(
    `SELECT series_id AS "seriesId", venue, symbol, interval_s AS "intervalS" FROM backhaul.series
     WHERE series_id = ANY ($1)`,
    [seriesIds],
  );
  return rows;
}
