import type { Db } from '../database/connect.ts';

/** The splits of a venue's symbols: days since 1970-01-01 and ratios, in the order of time. */
export async function readVenueSplits(
  db: Db,
  venue: string,
): Promise<Map<string, { readonly days: readonly number[]; readonly ratios: readonly number[] }>> {
  const { rows } = await db.query<{ symbol: string; days: number[]; ratios: number[] }>(
    `SELECT symbol, array_agg(day - date '1970-01-01' ORDER BY day) AS days, array_agg(ratio ORDER BY day) AS ratios
     FROM backhaul.event WHERE venue = $1 AND kind = 'split' GROUP BY symbol`,
    [venue],
  );
  return new Map(rows.map(({ symbol, days, ratios }) => [symbol, { days, ratios }]));
}

/** Those of one series' symbol. */
export async function readSeriesSplits(
  db: Db,
  seriesId: number,
): Promise<{ readonly days: readonly number[]; readonly ratios: readonly number[] }> {
  const { rows } = await db.query<{ day: number; ratio: number }>(
    `SELECT e.day - date '1970-01-01' AS day, e.ratio FROM backhaul.series s
     JOIN backhaul.event e ON e.venue = s.venue AND e.symbol = s.symbol AND e.kind = 'split'
     WHERE s.series_id = $1 ORDER BY e.day`,
    [seriesId],
  );
  return { days: rows.map(({ day }) => day), ratios: rows.map(({ ratio }) => ratio) };
}
