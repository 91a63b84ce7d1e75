/**
 * Markets whose files bear the old name up to the day of a rename and the new one from it on, and which stand as two
 * series. What bears the old name from the day on is another company's, and so is what bears the new one before it.
 */

import type { Db } from '../database/connect.ts';
import { usOf } from '../database/stamps.ts';
import type { SplitMarket } from './market_of_two_series.ts';

interface Renamed {
  readonly venue: string;
  readonly intervalS: number;
  readonly keepId: number;
  readonly keep: string;
  readonly otherId: number;
  readonly other: string;
  readonly untilUs: number;
}

/**
 * The series that renames on record make one, the oldest rename first, an interval before the shorter ones that
 * may make it. Left out where the new name has other bars from before the day: whose they are, nobody says.
 */
export async function renamedMarkets(db: Db): Promise<SplitMarket[]> {
  const { rowCount } = await db.query(
    `SELECT WHERE to_regclass('backhaul.event') IS NOT NULL AND to_regproc('backhaul.scale_start') IS NOT NULL`,
  );
  if (rowCount === 0) return [];
  const { rows } = await db.query<Renamed>(
    // Renamed again, a company is found under the first of its later names that has bars.
    `WITH RECURSIVE named (venue, symbol, day, name, since, steps) AS (
       SELECT venue, symbol, day, new_symbol, day, 1 FROM backhaul.event WHERE kind = 'rename'
       UNION ALL
       SELECT n.venue, n.symbol, n.day, e.new_symbol, e.day, n.steps + 1 FROM named n
       JOIN backhaul.event e ON e.venue = n.venue AND e.symbol = n.name AND e.kind = 'rename' AND e.day > n.since
       WHERE n.steps < 32
         AND NOT EXISTS (SELECT FROM backhaul.series s WHERE s.venue = n.venue AND s.symbol = n.name)),
     pair AS (
       SELECT n.venue, n.day, n.symbol AS other, n.name AS keep, o.interval_s, o.series_id AS other_id,
         k.series_id AS keep_id, backhaul.session_start(n.day, backhaul.session_zone(k.series_id)) AS until,
         backhaul.scale_start(n.day, backhaul.session_zone(k.series_id), o.interval_s) AS since_bar
       FROM named n
       JOIN backhaul.series o ON o.venue = n.venue AND o.symbol = n.symbol
       JOIN backhaul.series k ON k.venue = n.venue AND k.symbol = n.name AND k.interval_s = o.interval_s),
     anothers AS (
       SELECT p.venue, p.other, p.keep FROM pair p
       WHERE EXISTS (SELECT FROM backhaul.bars b WHERE b.series_id = p.keep_id AND b.ts < p.since_bar
         AND NOT EXISTS (SELECT FROM backhaul.bars o WHERE o.series_id = p.other_id AND o.ts = b.ts
           AND o.close = b.close)))
     SELECT p.venue, p.interval_s AS "intervalS", p.keep_id AS "keepId", p.keep, p.other_id AS "otherId", p.other,
       ${usOf('p.until')} AS "untilUs"
     FROM pair p
     WHERE EXISTS (SELECT FROM backhaul.bars b WHERE b.series_id = p.other_id AND b.ts < p.until)
       AND EXISTS (SELECT FROM backhaul.bars b WHERE b.series_id = p.keep_id AND b.ts >= p.since_bar)
       AND (p.venue, p.other, p.keep) NOT IN (SELECT venue, other, keep FROM anothers)
     ORDER BY p.day, p.venue, p.other, p.interval_s DESC`,
  );
  return rows.map(({ venue, intervalS, keepId, keep, otherId, other, untilUs }) => ({
    keep: { venue, symbol: keep, intervalS, seriesId: keepId },
    others: [{ venue, symbol: other, intervalS, seriesId: otherId }],
    untilUs,
  }));
}
