/** Splits on record of a venue's symbols, as indicators need them. */

import type { Db } from '../../database/connect.ts';

/** Splits as they are on record, in the order of time. */
export interface RecordedSplits {
  /** Since 1970-01-01, in the zone of the market's days. */
  readonly days: readonly number[];
  /** Shares after for each one before. */
  readonly ratios: readonly number[];
}

/**
 * The splits of a venue's symbols; those told of a name in whose place another stands now, up to that day, are the later
 * one's too.
 */
export async function readVenueSplits(db: Db, venue: string): Promise<Map<string, RecordedSplits>> {
  const { rows } = await db.query<{ symbol: string; days: number[]; ratios: number[] }>(
    `SELECT symbol, array_agg(day - date '1970-01-01' ORDER BY day) AS days, array_agg(ratio ORDER BY day) AS ratios
     FROM (SELECT symbol, day, ratio FROM backhaul.event WHERE venue = $1 AND kind = 'split'
           UNION
           SELECT r.symbol, e.day, e.ratio
           FROM (SELECT DISTINCT new_symbol AS symbol FROM backhaul.event
                 WHERE venue = $1 AND kind = 'rename' AND joined_at IS NOT NULL) r
           CROSS JOIN LATERAL backhaul.names_of($1, r.symbol) n
           JOIN backhaul.event e ON e.venue = $1 AND e.symbol = n.name AND e.day < n.until AND e.kind = 'split') s
     GROUP BY symbol`,
    [venue],
  );
  return new Map(rows.map(({ symbol, days, ratios }) => [symbol, { days, ratios }]));
}

/** Those of one series' symbol. */
export async function readSeriesSplits(db: Db, seriesId: number): Promise<RecordedSplits> {
  const { rows } = await db.query<{ day: number; ratio: number }>(
    `SELECT e.day - date '1970-01-01' AS day, e.ratio FROM backhaul.events_of($1) e
     WHERE e.kind = 'split' ORDER BY e.day`,
    [seriesId],
  );
  return { days: rows.map(({ day }) => day), ratios: rows.map(({ ratio }) => ratio) };
}
